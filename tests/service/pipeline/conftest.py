"""A bucket in memory, with the files of a batch."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from harness.lab.workload.media.media_file import MediaFile
from harness.service.pipeline.media_objects import media_objects

BUCKET = "toq-listing-medias"
BATCH = "0b0e7a34-5a52-4c8f-9f43-000000000001"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class PipelineEnvironment:
    """A bucket, and the input of the execution of one batch whose files are uploaded."""

    client: Any
    assets: list[dict[str, Any]] = field(default_factory=list)

    def upload(self, name: str, media_type: str, file: MediaFile, **changes: Any) -> dict[str, Any]:
        number = len(self.assets) + 1
        folder = media_type.lower().replace("_", "/")
        key = f"42/raw/{folder}/{BATCH}/c{number}-{name}{file.extension}"
        self.client.put_object(Bucket=BUCKET, Key=key, Body=file.content, ContentType=file.content_type)
        asset = {
            "key": key,
            "type": media_type,
            "clientId": f"c{number}",
            "filename": f"{name}{file.extension}",
            "bytes": len(file.content),
            "checksum": hashlib.sha256(file.content).hexdigest(),
            "contentType": file.content_type,
        } | changes
        self.assets.append(asset)
        return asset

    @property
    def execution_input(self) -> dict[str, Any]:
        return {
            "jobId": 7,
            "batchId": BATCH,
            "listingId": 42,
            "attempt": 1,
            "traceparent": TRACEPARENT,
            "assets": self.assets,
        }

    def content(self, key: str) -> bytes:
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    @property
    def keys(self) -> list[str]:
        return sorted(o["Key"] for o in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", []))


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[PipelineEnvironment]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "MEDIA_BUCKET": BUCKET,
        "KMS_KEY_ID": "alias/toq-media-processing",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    media_objects.cache_clear()
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield PipelineEnvironment(client)
    media_objects.cache_clear()
