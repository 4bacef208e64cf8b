"""
A client that openapi-python-client generates from the OpenAPI document can do all that the API offers.
"""

import hashlib
import importlib
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

PACKAGE = "generated_media_client"
CONTENT = b"a photograph"
TIMEOUT_S = 60.0


@dataclass
class GeneratedClient:
    """The functions and models of the generated package, called as one user."""

    connection: Any

    def call(self, operation: str, model: str, **fields: Any) -> Any:
        """Call the function that the document names *operation*; return the parsed response."""
        body = getattr(importlib.import_module(f"{PACKAGE}.models"), model).from_dict(fields)
        function = importlib.import_module(f"{PACKAGE}.api.media_batches.{operation}")
        return function.sync(client=self.connection, body=body)

    def ended(self, listing: int, batch: str) -> Any:
        """Return the status of a batch when it has ended, for a minute at most."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            report = self.call("get_batch_status", "QueryStatus", listingId=listing, batchId=batch)
            if report.finished_at or time.monotonic() > deadline:
                return report
            time.sleep(0.05)


@pytest.fixture
def generated(modelled_stack, uploader, tmp_path, monkeypatch):
    """A listing, and the client of its photographer."""
    configuration = tmp_path / "generator.yaml"
    configuration.write_text("post_hooks: []\n")
    program = Path(sys.executable).with_name("openapi-python-client")
    subprocess.run(
        [
            *(program, "generate", "--url", f"{modelled_stack.api_url}/openapi.json", "--fail-on-warning"),
            *("--meta", "none", "--output-path", tmp_path / PACKAGE, "--config", configuration),
        ],
        check=True,
    )  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    listing = next(uploader.shoots)
    authenticated = importlib.import_module(PACKAGE).AuthenticatedClient
    connection = authenticated(modelled_stack.api_url, token=uploader.token(listing, "photographer"))
    yield listing, GeneratedClient(connection)
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.stack
def test_a_generated_client_uploads_waits_downloads_retries_and_deletes(generated):
    """
    The document describes every request and response so well that no line of a client is written by hand.
    """
    listing, client = generated
    photo = {
        "clientId": "front",
        "mediaType": "PHOTO_HORIZONTAL",
        "filename": "front.jpg",
        "contentType": "image/jpeg",
        "bytes": len(CONTENT),
        "checksum": hashlib.sha256(CONTENT).hexdigest(),
        "sequence": 1,
    }

    created = client.call(
        "create_upload_batch", "CreateUploads", listingId=listing, batchReference="generated", files=[photo]
    )
    (slot,) = created.files
    put = httpx.put(slot.upload_url, content=CONTENT, headers=slot.headers.to_dict())
    uploaded = {
        "clientId": slot.client_id, "s3Key": slot.s_3_key, "etag": put.headers["etag"], "bytes": len(CONTENT),
    }  # fmt: skip
    batch = {"listingId": listing, "batchId": created.batch_id}
    accepted = client.call("complete_upload_batch", "CompleteUploads", **batch, files=[uploaded])
    first = client.ended(listing, created.batch_id)
    downloads = client.call("list_download_urls", "QueryDownloads", **batch).downloads
    retried = client.call("retry_media_batch", "RetryBatch", **batch, reason="too dark")
    second = client.ended(listing, created.batch_id)
    deleted = client.call("delete_media_batch", "DeleteBatch", **batch, reason="another house")
    gone = client.call("get_batch_status", "QueryStatus", **batch)

    assert (accepted.status, first.status, second.status) == ("RECEIVED", "READY", "READY")
    assert [httpx.get(one.url).status_code for one in (downloads[0], *downloads[1].items)] == [200, 200]
    assert retried.job_id > accepted.job_id
    assert deleted.batch_id == created.batch_id
    assert (gone.code, gone.details.reason) == (404, "BATCH_NOT_FOUND")
