"""
Requests that change one batch at once, through HTTP on a running stack: one wins, the others are told.

``RACE_ROUNDS`` is the number of rounds of each race.
"""

import csv
import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

import httpx
import pytest

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.model.callback_signature import sign
from harness.stack.database.seed import seed, write_identities
from harness.stack.processes.state_file import StackState
from tests.stack.conftest import Uploader

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]

ROUNDS = int(os.environ.get("RACE_ROUNDS", "2"))
PHOTO = b"a photo"
MOST_LISTINGS = 7 * ROUNDS
_JOBS = Statement(
    "select",
    "",
    "SELECT COUNT(*) FROM listing_media_jobs j JOIN listing_media_batches b ON b.id = j.batch_id"
    " WHERE b.batch_uuid = %s",
)

Answers = Counter[int]


class Rival(Uploader):
    """A photographer whose requests are sent by several threads at once."""

    def open(self, reference: str = "race", listing: int | None = None) -> tuple[int, httpx.Response]:
        listing = listing or next(self.shoots)
        photo = {
            "clientId": "p",
            "mediaType": "PHOTO_HORIZONTAL",
            "orientation": "HORIZONTAL",
            "filename": "p.jpg",
            "contentType": "image/jpeg",
            "bytes": len(PHOTO),
            "checksum": f"sha256:{hashlib.sha256(PHOTO).hexdigest()}",
            "title": "p",
            "sequence": 1,
        }
        return listing, self.ask(listing, "/uploads", batchReference=reference, files=[photo])

    def uploaded(self) -> tuple[int, str, list[dict[str, Any]]]:
        """Return listing, batch, and the files to name on completion."""
        listing, created = self.open()
        assert created.status_code == 201, created.text
        files = [self._put(one, PHOTO) for one in created.json()["files"]]
        return listing, created.json()["batchId"], files

    def ready(self) -> tuple[int, str]:
        listing, batch = self.send([("PHOTO_HORIZONTAL", PHOTO)])
        assert self.status(listing, batch)["status"] == "READY"
        return listing, batch

    def callback(self, document: dict[str, Any]) -> httpx.Response:
        body = json.dumps(document).encode()
        signature = {"X-Toq-Signature": sign(self.state.callback_secret, body)}
        headers = {"Content-Type": "application/json"} | signature
        url = f"{self.state.api_url}/internal/media-processing/callback"
        return httpx.post(url, content=body, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def rival(modelled_stack: StackState, tmp_path_factory: pytest.TempPathFactory) -> Rival:
    """A photographer with listings of its own."""
    path = tmp_path_factory.mktemp("rival") / "people.csv"
    write_identities(path, seed(modelled_stack.database_url, listings=MOST_LISTINGS), modelled_stack.jwt_key)
    with path.open(newline="") as file:
        return Rival(modelled_stack, list(csv.DictReader(file)))


@pytest.fixture
def jobs_of(modelled_stack: StackState) -> Iterator[Callable[[str], int]]:
    """Count the jobs of a batch in the database."""
    with closing(Pool(DatabaseAddress.parse(modelled_stack.database_url), size=1)) as pool:

        def count(batch: str) -> int:
            with pool.session() as session:
                row = session.one(_JOBS, batch)
            return int(row[0]) if row else 0

        yield count


def race(*requests: Callable[[], httpx.Response]) -> Answers:
    """Send all requests at the same time; count the answers by status, and refuse a 5xx."""
    together = threading.Barrier(len(requests))

    def send(request: Callable[[], httpx.Response]) -> httpx.Response:
        together.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as threads:
        answers = list(threads.map(send, requests))
    assert not [one.text for one in answers if one.status_code >= 500]
    return Counter(one.status_code for one in answers)


class TestHttpRaces:
    def test_completions(self, rival: Rival, jobs_of: Callable[[str], int]) -> None:
        """
        One of four is accepted, and there is one job.
        """
        for _ in range(ROUNDS):
            listing, batch, files = rival.uploaded()
            complete = partial(rival.ask, listing, "/uploads/complete", batchId=batch, files=files)

            assert race(*[complete] * 4) == {202: 1, 409: 3}
            assert jobs_of(batch) == 1
            assert rival.status(listing, batch)["status"] == "READY"

    def test_creations_with_one_reference(self, rival: Rival) -> None:
        """
        One of four gets the reference.
        """
        for _ in range(ROUNDS):
            listing = next(rival.shoots)

            assert race(*[lambda: rival.open("one", listing)[1]] * 4) == {201: 1, 409: 3}  # noqa: B023

    def test_retries(self, rival: Rival, jobs_of: Callable[[str], int]) -> None:
        """
        One of four is accepted; the others find the batch in the pipeline, or retry it when it has ended.
        """
        for _ in range(ROUNDS):
            listing, batch = rival.ready()
            retry = partial(rival.ask, listing, "/uploads/retry", batchId=batch, reason="again")

            answers = race(*[retry] * 4)

            assert set(answers) <= {202, 409}
            assert jobs_of(batch) == 1 + answers[202]
            assert rival.status(listing, batch)["status"] == "READY"

    def test_completions_and_deletions(self, rival: Rival, jobs_of: Callable[[str], int]) -> None:
        """
        The batch is completed, or deleted before; a deletion of a batch in the pipeline is refused.
        """
        for _ in range(ROUNDS):
            listing, batch, files = rival.uploaded()
            complete = partial(rival.ask, listing, "/uploads/complete", batchId=batch, files=files)
            delete = partial(rival.ask, listing, "/uploads/delete", batchId=batch, reason="wrong house")

            answers = race(complete, delete, complete, delete)

            assert set(answers) <= {200, 202, 404, 409}
            assert jobs_of(batch) == answers[202] <= 1

    def test_deletions(self, rival: Rival) -> None:
        """
        One of three deletes, the others do not find the batch.
        """
        for _ in range(ROUNDS):
            listing, batch = rival.ready()
            delete = partial(rival.ask, listing, "/uploads/delete", batchId=batch, reason="wrong house")

            assert race(*[delete] * 3) == {200: 1, 404: 2}

    def test_replayed_callbacks(self, rival: Rival) -> None:
        """
        A signed callback that is sent again, by four at once, is accepted and changes nothing.
        """
        for _ in range(ROUNDS):
            listing, batch = rival.ready()
            job = rival.status(listing, batch)["processing"]["jobId"]
            failed = {"jobId": job, "batchId": batch, "status": "PROCESSING_FAILED"}

            assert race(*[partial(rival.callback, failed)] * 4) == {200: 4}
            assert rival.status(listing, batch)["status"] == "READY"
