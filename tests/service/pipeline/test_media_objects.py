"""The translation of S3 errors, and the objects of the bucket."""

import io

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from harness.service.core.errors import Rejected, Retryable
from harness.service.pipeline.media_objects import NoSuchObject, media_objects, storage_errors


def client_error(code, status):
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


@pytest.mark.parametrize(
    "error",
    [
        client_error("SlowDown", 503),
        client_error("InternalError", 500),
        client_error("TooManyRequests", 429),
        client_error("RequestTimeout", 400),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
    ],
)
def test_transient_errors_are_retryable(error):
    """Down, overloaded, throttled, slow or interrupted: the state machine tries again."""
    with pytest.raises(Retryable, match=r"^STORAGE_UNAVAILABLE: k: "), storage_errors("k"):
        raise error


def test_a_missing_object_has_its_own_error():
    """The caller decides about it."""
    with pytest.raises(NoSuchObject), storage_errors("k"):
        raise client_error("NoSuchKey", 404)


def test_other_errors_are_not_translated():
    """A missing permission is a defect of the deployment."""
    with pytest.raises(ClientError), storage_errors("k"):
        raise client_error("AccessDenied", 403)


def test_a_missing_variable_is_rejected_with_its_purpose(monkeypatch):
    """The message has the name and the purpose of the variable."""
    monkeypatch.delenv("MEDIA_BUCKET", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    media_objects.cache_clear()

    with pytest.raises(Rejected, match=r"^CONFIGURATION_MISSING: set MEDIA_BUCKET: the media bucket"):
        media_objects()


def test_fetching_gives_the_content_and_its_digest(pipeline):
    """The digest is computed from the content."""
    pipeline.client.put_object(Bucket="toq-listing-medias", Key="k", Body=b"abc")
    file = io.BytesIO()

    digest = media_objects().fetch("k", file)

    assert file.read() == b"abc"
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_written_objects_are_encrypted_with_the_key(pipeline):
    """Also copied objects."""
    media_objects().put("a", b"abc", "text/plain")
    media_objects().copy("a", "b")

    for key in ("a", "b"):
        head = pipeline.client.head_object(Bucket="toq-listing-medias", Key=key)
        assert head["ServerSideEncryption"] == "aws:kms"
        assert head["SSEKMSKeyId"].endswith("alias/toq-media-processing")
