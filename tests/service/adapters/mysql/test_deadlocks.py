"""
Use cases that change one batch at the same time on a real database: no deadlock, and one winner.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.memory.tracer import InMemoryTracer
from harness.service.adapters.memory.workflow import InMemoryWorkflow
from harness.service.adapters.mysql.listing_repository import MySQLListingRepository
from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import Pool
from harness.service.core.errors import MediaError
from harness.service.core.model.access_policy import AccessPolicy, Caller
from harness.service.core.model.batch import Batch, Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.ports.object_storage import StoredObject
from harness.service.core.use_cases.complete_upload_batch import CompleteUploadBatch, UploadedFile
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback
from harness.service.core.use_cases.reconcile_jobs import ReconcileJobs

pytestmark = pytest.mark.stack

ROUNDS = 10
BODY = b"bytes"
OPERATOR = Caller(UserId(1), frozenset({"media:manage"}))


class Meeting:
    """The point before a transaction at which each rival waits for the others."""

    rivals: Barrier

    def wait(self) -> None:
        self.rivals.wait()


class MeetingStorage(InMemoryObjectStorage):
    def __init__(self, meeting: Meeting) -> None:
        super().__init__()
        self._meeting = meeting

    def head(self, key: str) -> StoredObject | None:
        self._meeting.wait()
        return super().head(key)


class MeetingRepository(MySQLMediaRepository):
    def __init__(self, pool: Pool, meeting: Meeting) -> None:
        super().__init__(pool)
        self._meeting = meeting

    def list_batches_by_status(self, *arguments: Any, **limits: Any) -> list[Batch]:
        listed = super().list_batches_by_status(*arguments, **limits)
        self._meeting.wait()
        return listed


@dataclass
class Race:
    """Use cases over one database; each round has a new batch that may be completed and abandoned."""

    media: MySQLMediaRepository
    complete: CompleteUploadBatch
    reconcile: ReconcileJobs
    storage: MeetingStorage
    meeting: Meeting
    sample: Batch
    failed_statements: list[str]

    def new_batch(self) -> Batch:
        batch_id = str(uuid.uuid4())
        file = replace(self.sample.uploads[0].file, checksum=Sha256(hashlib.sha256(BODY).hexdigest()))
        key = f"7/raw/{batch_id}/p1.jpg"
        self.storage.put(key, BODY)
        batch = replace(self.sample, id=BatchId(batch_id), reference=batch_id, uploads=(Upload(file, key),))
        with self.media.transaction() as tx:
            tx.create_batch(batch)
        return batch

    def complete_once(self, batch: Batch) -> None:
        files = [UploadedFile("p1", batch.uploads[0].key, '"etag"', len(BODY))]
        self.complete(OPERATOR, ListingId(7), batch.id, files)

    def sweep_once(self, _batch: Batch) -> None:
        self.reconcile()

    def soft_delete_once(self, batch: Batch) -> None:
        self.meeting.wait()
        with self.media.transaction() as tx:
            tx.lock_listing(batch.listing_id)
            tx.soft_delete_batch(tx.get_batch_by_id(batch.id).delete(at=batch.issued_at))

    def run(self, batch: Batch, rival: Callable[[Batch], None]) -> list[str]:
        """
        Run two completions and two rivals whose transactions begin at the same time.

        Return ``ok`` or the name of the error for each.
        """
        self.meeting.rivals = Barrier(4)

        def run(action: Callable[[Batch], None]) -> str:
            try:
                action(batch)
            except (MediaError, ExceptionGroup) as error:
                return type(error).__name__
            return "ok"

        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(run, [self.complete_once, self.complete_once, rival, rival]))


@pytest.fixture
def race(pool: Pool, media: MySQLMediaRepository, pending: Batch) -> Iterator[Race]:
    with media.transaction() as tx:
        tx.soft_delete_batch(pending.delete(at=pending.issued_at))
    failures: list[str] = []

    def observe(operation: str, table: str, duration: float, *, error: BaseException | None) -> None:
        if error is not None:
            failures.append(f"{operation} {table}")

    clock, meeting, instruments = ManualClock(), Meeting(), InMemoryInstruments()
    clock.advance((pending.issued_at + timedelta(hours=1) - clock.now()).total_seconds())
    observed = Pool(pool.address, observe=observe)
    meeting_media, listings = MeetingRepository(observed, meeting), MySQLListingRepository(observed)
    storage, policy = MeetingStorage(meeting), AccessPolicy()
    callback = HandleProcessingCallback(meeting_media, listings, clock, instruments, policy)
    yield Race(
        meeting_media,
        CompleteUploadBatch(meeting_media, listings, storage, clock, instruments, policy),
        ReconcileJobs(
            meeting_media,
            InMemoryWorkflow(),
            clock,
            instruments,
            callback,
            InMemoryTracer(),
            grace=86_400,
        ),
        storage,
        meeting,
        pending,
        failures,
    )
    observed.close()


@pytest.mark.parametrize("rival", [Race.sweep_once, Race.soft_delete_once], ids=["sweep", "delete"])
def test_rivals_of_a_completion_cause_no_deadlock(race: Race, rival: Callable[[Race, Batch], None]) -> None:
    """
    All use cases lock the listing before the batch, so none waits for another in a circle.
    """
    for _ in range(ROUNDS):
        batch = race.new_batch()

        outcomes = race.run(batch, partial(rival, race))

        assert race.failed_statements == []
        assert "ExceptionGroup" not in outcomes
        assert len(race.media.list_jobs_by_batch(batch.id)) <= 1
