"""
Presigned URLs are equal to those of botocore.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import botocore.crt.auth
import pytest
from botocore.config import Config
from hypothesis import example, given
from hypothesis import strategies as st

from harness.service.adapters.s3.presigned_url import UrlSigner

BUCKET = "toq-listing-medias"
UPLOAD = {
    "Content-Type": "image/jpeg",
    "x-amz-checksum-sha256": "1P+3iSQyaWyCNPA2OXAGjm5w4UAWCFUaE8VKxWwqmqM=",
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": "alias/toq-media-processing",
}
UPLOAD_PARAMETERS = {
    "ContentType": UPLOAD["Content-Type"],
    "ChecksumSHA256": UPLOAD["x-amz-checksum-sha256"],
    "ServerSideEncryption": "aws:kms",
    "SSEKMSKeyId": "alias/toq-media-processing",
}


def utc_now() -> datetime:
    return datetime.now(UTC)


def session(**changes: str) -> boto3.Session:
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "te/st+secret"}
    return boto3.Session(**({"region_name": "us-east-1"} | credentials | changes))  # type: ignore[arg-type]


def client_of(its: boto3.Session, endpoint: str | None = None, style: str = "auto") -> Any:
    config = Config(signature_version="s3v4", s3={"addressing_style": style})
    return its.client("s3", endpoint_url=endpoint, config=config)


def by_botocore(client: Any, url: str, operation: str, **parameters: str) -> str:
    """Return the URL that botocore signs at the time of *url*."""
    date = parse_qs(urlsplit(url).query)["X-Amz-Date"][0]
    moment = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patch:
        for signing in (botocore.auth, botocore.crt.auth):
            patch.setattr(signing, "get_current_datetime", lambda **_: moment)
        signed: str = client.generate_presigned_url(
            operation, {"Bucket": BUCKET, **parameters}, ExpiresIn=900
        )
    return signed


class TestUrlSigner:
    @pytest.mark.parametrize("region", ["us-east-1", "sa-east-1", "cn-north-1"])
    @pytest.mark.parametrize("style", ["auto", "path", "virtual"])
    @pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:5000", "http://localhost:5000/base"])
    def test_uploads_are_signed_like_botocore_signs(
        self, region: str, style: str, endpoint: str | None
    ) -> None:
        """
        For every region, addressing style and endpoint, with all headers of an upload.
        """
        its = session(region_name=region)
        client = client_of(its, endpoint, style)
        signer = UrlSigner(client, BUCKET, its.get_credentials(), utc_now)
        key = "7/raw/photo/vertical/0b6e/p1-front.jpg"

        url = signer.sign("PUT", key, UPLOAD, ttl=900)

        assert url == by_botocore(client, url, "put_object", Key=key, **UPLOAD_PARAMETERS)

    @example("../a//./b%20c+d")
    @given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=40))
    @pytest.mark.slow
    def test_any_key_is_signed_like_botocore_signs(self, name: str) -> None:
        """
        Spaces, percent signs, plus signs, dots and letters of any alphabet.
        """
        its = session()
        key = f"7/zip/{name}"

        url = UrlSigner(CLIENT, BUCKET, its.get_credentials(), utc_now).sign("GET", key, {}, ttl=900)

        assert url == by_botocore(CLIENT, url, "get_object", Key=key)

    def test_a_session_token_is_signed_too(self) -> None:
        """
        The credentials of a role include a token, which the URL must contain.
        """
        its = session(aws_session_token="Fwo+GZ/XIvYXdzE==")
        client = client_of(its)

        url = UrlSigner(client, BUCKET, its.get_credentials(), utc_now).sign("GET", "k/1", {}, ttl=900)

        assert "X-Amz-Security-Token" in url
        assert url == by_botocore(client, url, "get_object", Key="k/1")


CLIENT = client_of(session())
