"""
Who gets answers from the local AWS, and that each is an answer: never status 500.
"""

import json
from typing import Any

import boto3
import botocore.session
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

pytestmark = pytest.mark.stack

SERVICES = (
    "cloudwatch", "events", "iam", "kms", "lambda", "logs", "mediaconvert", "s3", "secretsmanager", "sns",
    "sqs", "stepfunctions", "sts",
)  # fmt: skip
READS = ("List", "Describe", "Get")


def reads(service: str) -> list[str]:
    """Return the operations of a service that only read and need no parameters."""
    model = botocore.session.get_session().get_service_model(service)
    return [name for name in model.operation_names if name.startswith(READS) and not _needs(model, name)]


def _needs(model: Any, operation: str) -> bool:
    shape = model.operation_model(operation).input_shape
    return bool(shape and shape.required_members)


@pytest.fixture
def call(modelled_stack):
    """Return a function that calls an operation; it returns the status and the message of an error."""
    session = boto3.Session(
        modelled_stack.aws_access_key_id,
        modelled_stack.aws_secret_access_key,
        region_name=modelled_stack.region,
    )

    def perform(service: str, operation: str) -> tuple[int, str]:
        url = modelled_stack.s3_url if service == "s3" else modelled_stack.aws_url
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        client = session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]
        try:
            client._make_api_call(operation, {})
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Message"]
        return 200, ""

    return perform


@pytest.mark.parametrize("service", SERVICES)
def test_no_read_is_answered_with_500(call, service):
    """What the local AWS does not support is answered with 501 and a sentence."""
    answers = {operation: call(service, operation) for operation in reads(service)}
    failed = {name: answer for name, answer in answers.items() if answer[0] >= 500 and answer[0] != 501}

    assert answers
    assert failed == {}
    assert all("does not support" in message for status, message in answers.values() if status == 501)


def test_job_templates_and_presets_of_mediaconvert(client):
    """The template of the blueprint, and no presets."""
    mediaconvert = client("mediaconvert")

    assert [one["Name"] for one in mediaconvert.list_job_templates()["JobTemplates"]] == [
        "toq-media-video-preset"
    ]
    assert mediaconvert.list_presets()["Presets"] == []


@pytest.mark.parametrize("since", ["x", "nan", "-1", "inf"])
@pytest.mark.parametrize("what", ["metrics", "histories"])
def test_a_bad_query_of_the_control_api_is_answered_with_a_sentence(modelled_stack, what, since):
    """The message names the parameter and its value."""
    answer = httpx.get(f"{modelled_stack.aws_url}/_harness/{what}", params={"since": since})

    assert answer.status_code == 400
    assert answer.json() == {"message": f"since must be a number from 0 on, not {since!r}"}


@pytest.mark.parametrize("path", ["/moto-api/", "/moto-api/data.json", "/moto-api/reset"])
def test_the_api_of_moto_is_not_served(modelled_stack, path):
    """Anybody could reset the stack with it."""
    answer = httpx.post(modelled_stack.aws_url + path)

    assert answer.status_code == 404
    assert "has no API of moto" in answer.json()["message"]


class TestCredentials:
    def test_the_secret_is_not_in_the_configuration_of_the_function(self, modelled_stack, client):
        """It has the ARN of the secret only."""
        answer = client("lambda").get_function_configuration(FunctionName="listing-media-callback-dispatch")

        assert modelled_stack.callback_secret not in json.dumps(answer, default=str)
        assert "CALLBACK_SECRET_ARN" in answer["Environment"]["Variables"]

    @pytest.mark.parametrize("secret", ["test", "wrong"])
    def test_other_credentials_are_refused(self, modelled_stack, secret):
        """Only who can read the state of the stack can call its AWS."""
        manager = boto3.client(
            "secretsmanager",
            endpoint_url=modelled_stack.aws_url,
            region_name=modelled_stack.region,
            aws_access_key_id=modelled_stack.aws_access_key_id,
            aws_secret_access_key=secret,
        )

        with pytest.raises(
            ClientError, match=r"InvalidSignatureException.*not that of the stack's credentials"
        ):
            manager.get_secret_value(SecretId="toq-media/callback-secret")

    def test_unsigned_requests_are_refused(self, modelled_stack):
        """A request without a signature gets no answer of a service."""
        answer = httpx.post(
            modelled_stack.aws_url,
            json={"SecretId": "toq-media/callback-secret"},
            headers={"X-Amz-Target": "secretsmanager.GetSecretValue"},
        )

        assert answer.status_code == 403
        assert answer.json()["__type"] == "MissingAuthenticationTokenException"
