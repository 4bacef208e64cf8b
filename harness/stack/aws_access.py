"""
Addresses and credentials of the AWS that a stack uses: local servers, or the user's own.

The user's own servers are named by ``AWS_ENDPOINT_URL`` and ``AWS_ENDPOINT_URL_S3``.
"""

import os
import secrets
from dataclasses import dataclass, field
from typing import Self

import boto3

REGION = "us-east-1"
ACCESS_KEY_ID = "test"


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """Access to AWS; ``is_own_aws`` and ``is_own_s3``: the stack starts that server itself."""

    aws_url: str
    s3_url: str
    is_own_aws: bool
    is_own_s3: bool
    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def from_environment(cls, *, aws_port: int, s3_port: int) -> Self:
        """Return access to the user's servers, or to local ones on these ports with a secret of their own."""
        aws_url = os.environ.get("AWS_ENDPOINT_URL")
        s3_url = os.environ.get("AWS_ENDPOINT_URL_S3") or aws_url
        given = os.environ if s3_url else {}
        return cls(
            aws_url or f"http://127.0.0.1:{aws_port}",
            s3_url or f"http://127.0.0.1:{s3_port}",
            not aws_url,
            not s3_url,
            given.get("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            given.get("AWS_SECRET_ACCESS_KEY") or secrets.token_hex(20),
        )

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the stack's processes: the one of this process, with this AWS instead of another."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return inherited | {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ENDPOINT_URL_S3": self.s3_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONUNBUFFERED": "1",
        }

    def session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            region_name=REGION,
        )
