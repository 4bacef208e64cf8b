"""
The parts of the S3 adapter outside the contract: signatures and network errors.
"""

import hashlib
import socket
import uuid
from datetime import UTC, datetime, timedelta

import boto3
import httpx
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import ClientError

from harness.service.adapters.s3.object_storage import S3ObjectStorage
from harness.service.core.errors import Unavailable
from harness.service.core.model.checksum import Sha256

KEY = "7/raw/photo/vertical/0b6e/p1-front.jpg"
BODY = b"a photo"
CHECKSUM = Sha256(hashlib.sha256(BODY).hexdigest())


@pytest.fixture
def storage(aws: boto3.Session, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> S3ObjectStorage:
    """A bucket on a server that checks signatures."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_url)
    name = f"bucket-{uuid.uuid4()}"
    aws.client("s3").create_bucket(Bucket=name)
    return S3ObjectStorage(aws, bucket=name, kms_key_id="alias/toq-media-processing")


@pytest.mark.stack
class TestSignedUrls:
    def test_an_upload_can_be_downloaded(self, storage: S3ObjectStorage) -> None:
        """
        Both URLs work without credentials.
        """
        upload = storage.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=60)
        httpx.put(upload.url, headers=dict(upload.headers), content=BODY).raise_for_status()

        assert httpx.get(storage.sign_download(KEY, ttl=60)).content == BODY

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Content-Type", "text/html"),
            ("x-amz-checksum-sha256", Sha256("00" * 32).base64),
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "alias/other"),
        ],
    )
    def test_no_header_can_be_changed(self, storage: S3ObjectStorage, name: str, value: str) -> None:
        """
        Content type, checksum and encryption are signed: another value is refused.
        """
        upload = storage.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=60)

        answer = httpx.put(upload.url, headers=dict(upload.headers) | {name: value}, content=BODY)

        assert answer.status_code in (400, 403)
        assert storage.head(KEY) is None


class TestUnavailable:
    def test_a_bucket_that_cannot_be_reached_is_unavailable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        No server listens: the result is 503, not a missing file.
        """
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{unused.getsockname()[1]}")
            session = boto3.Session(
                aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
            )
            storage = S3ObjectStorage(session, bucket="b", kms_key_id="k")

            with pytest.raises(Unavailable, match="S3 does not answer"):
                storage.head(KEY)
            with pytest.raises(Unavailable, match="S3 bucket b does not answer"):
                storage.ping()

    @pytest.mark.stack
    def test_a_missing_bucket_is_not_ready(self, aws: boto3.Session) -> None:
        """
        The server answers, but has no such bucket.
        """
        storage = S3ObjectStorage(aws, bucket="missing-resource", kms_key_id="k")

        with pytest.raises(Unavailable, match="missing-resource"):
            storage.ping()


@pytest.mark.stack
class TestClockOfTheMachine:
    def test_urls_have_the_date_of_the_given_clock(
        self, aws: boto3.Session, s3_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A machine whose clock is wrong signs valid URLs and checks uploads, by the clock of the database.
        """
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_url)
        name = f"bucket-{uuid.uuid4()}"
        aws.client("s3").create_bucket(Bucket=name)
        right = datetime.now(UTC)
        storage = S3ObjectStorage(
            aws, bucket=name, kms_key_id="alias/toq-media-processing", now=lambda: right
        )
        wrong = S3ObjectStorage(
            aws, bucket=name, kms_key_id="alias/toq-media-processing", now=lambda: right - timedelta(hours=1)
        )

        answers = [
            httpx.put(upload.url, headers=dict(upload.headers), content=BODY).status_code
            for upload in (
                each.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=900)
                for each in (storage, wrong)
            )
        ]

        assert answers == [200, 403]

    def test_a_refused_head_is_unavailable(self, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        S3 refuses the date of the machine or its role: the client of the API can only try again later.
        """
        storage = S3ObjectStorage(aws, bucket="some", kms_key_id="alias/toq-media-processing")
        refused = AWSResponse("http://s3", 403, HTTPHeaders(), None)
        monkeypatch.setattr(storage._http, "send", lambda _request: refused)

        def refuse(**_: object) -> None:
            error = {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(error, "HeadObject")

        monkeypatch.setattr(storage._client, "head_object", refuse)

        with pytest.raises(Unavailable, match=r"S3 refuses HEAD .* check the clock of this machine"):
            storage.head(KEY)
