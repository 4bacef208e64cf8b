"""
Concurrent transactions on a real database.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier

import pytest

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.mysql.listing_repository import MySQLListingRepository
from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.errors import BatchConflict, BatchNotFound, Conflict, Deadlock
from harness.service.core.model.access_policy import MANAGE, AccessPolicy, Caller
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.callback import (
    AssetOutput,
    CallbackStatus,
    ProcessingCallback,
    ZipBundle,
)
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.failure import Failure
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.job import Job, JobStatus, NewJob
from harness.service.core.model.listing import Listing, ListingStatus
from harness.service.core.model.manifest import ManifestFile, UploadLimits
from harness.service.core.model.media_type import MediaType
from harness.service.core.use_cases.advance_listing import advance_listing
from harness.service.core.use_cases.complete_upload_batch import CompleteUploadBatch, UploadedFile
from harness.service.core.use_cases.create_upload_batch import CreateUploadBatch
from harness.service.core.use_cases.delete_media_batch import DeleteMediaBatch
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback
from harness.service.core.use_cases.retry_media_batch import RetryMediaBatch

pytestmark = pytest.mark.stack

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
ROUNDS = 15
OPERATOR = Caller(UserId(2), frozenset({MANAGE}))
SIX, SEVEN = ListingStatus.PENDING_PHOTO_PROCESSING, ListingStatus.PENDING_OWNER_APPROVAL


def at_once(work: Callable[[int], object], many: int = 6) -> Counter[str]:
    """Run *work* in threads that start together; count the results by name of the error or ``ok``."""
    together = Barrier(many)

    def run(number: int) -> str:
        together.wait()
        try:
            work(number)
        except (Conflict, BatchNotFound) as error:
            return type(error).__name__
        return "ok"

    with ThreadPoolExecutor(many) as threads:
        return Counter(threads.map(run, range(many)))


class Racing:
    """The use cases on the database, with a photographer; `race` counts results by name of the error."""

    def __init__(self, media: MySQLMediaRepository, pool: Pool) -> None:
        self.media = media
        storage, policy, clock = InMemoryObjectStorage(), AccessPolicy(), ManualClock(AT)
        both, instruments = (media, MySQLListingRepository(pool)), InMemoryInstruments()
        self._storage = storage
        self._create = CreateUploadBatch(*both, storage, clock, instruments, policy, UploadLimits())
        self._complete = CompleteUploadBatch(*both, storage, clock, instruments, policy)
        self._retry = RetryMediaBatch(*both, clock, instruments, policy)
        self._delete = DeleteMediaBatch(*both, clock, policy)
        self._handle = HandleProcessingCallback(*both, clock, instruments, policy)

    def open(self, reference: str, replaces: BatchId | None = None) -> Batch:
        photo = ManifestFile(
            "p1", MediaType.PHOTO_VERTICAL, "p1.jpg", "image/jpeg", 5, Sha256("00" * 32), sequence=1
        )
        created = self._create(OPERATOR, ListingId(7), reference, (photo,), replaces=replaces)
        self._storage.put_announced(created.slots[0].key, size=5, checksum=Sha256("00" * 32))
        return self.media.get_batch_by_id(created.batch_id)

    def ready(self, reference: str) -> Batch:
        batch = self.open(reference)
        self.complete(batch)
        self.succeed(batch)
        return batch

    def complete(self, batch: Batch) -> None:
        files = (UploadedFile("p1", batch.uploads[0].key, "etag", 5),)
        self._complete(OPERATOR, ListingId(7), batch.id, files)

    def retry(self, batch: Batch) -> None:
        self._retry(OPERATOR, ListingId(7), batch.id, "again")

    def delete(self, batch: Batch) -> None:
        self._delete(OPERATOR, ListingId(7), batch.id, "wrong house")

    def succeed(self, batch: Batch) -> None:
        """Send the callback of the newest job."""
        job = self.jobs(batch)[0]
        key, folder = batch.uploads[0].key, f"7/zip/{batch.id}/{job.id}"
        output = AssetOutput(key, processed_key=key)
        bundle = ZipBundle(f"{folder}/full.zip")
        self._handle(ProcessingCallback(job.id, CallbackStatus.SUCCEEDED, outputs=(output,), zip=bundle))

    def jobs(self, batch: Batch) -> list[Job]:
        return self.media.list_jobs_by_batch(batch.id)

    def stored(self, batch: Batch) -> Batch:
        return self.media.get_batch_by_id(batch.id, include_deleted=True)

    def race(self, *actions: Callable[[], object]) -> Counter[str]:
        return at_once(lambda number: actions[number](), len(actions))


@pytest.fixture
def racing(media: MySQLMediaRepository, pool: Pool, pending: Batch) -> Racing:
    """Listing 7 is a development: it takes uploads after a batch is READY."""
    assert pending
    with pool.session() as session:
        session.write(Statement("seed", "", "UPDATE listing_versions SET type = 32"))
    return Racing(media, pool)


class TestRaces:
    def test_a_batch_is_completed_once(self, media: MySQLMediaRepository, pending: Batch) -> None:
        """
        With a row lock one of several completions succeeds, and one job is created.
        """

        def complete(_: int) -> None:
            with media.transaction() as tx:
                batch = tx.get_batch_by_id(pending.id, for_update=True)
                received = batch.receive(batch.uploads, at=AT)
                tx.update_batch_status(received, expected=batch.status)
                tx.create_job(NewJob(batch.id, 1, {}))

        outcomes = at_once(complete)

        assert outcomes == {"ok": 1, "BatchStatusInvalid": 5}
        assert len(media.list_jobs_by_batch(pending.id)) == 1

    def test_without_a_lock_compare_and_set_still_holds(
        self, media: MySQLMediaRepository, pending: Batch
    ) -> None:
        """
        All transactions read the same status; one update succeeds.
        """
        received = pending.receive(pending.uploads, at=AT)

        def complete(_: int) -> None:
            with media.transaction() as tx:
                tx.update_batch_status(received, expected=BatchStatus.PENDING_UPLOAD)

        assert at_once(complete) == {"ok": 1, "BatchStatusInvalid": 5}

    def test_a_batch_is_retried_once(self, media: MySQLMediaRepository, pending: Batch) -> None:
        """
        Concurrent retries create one job, with the next attempt number.
        """
        failed = replace(pending, status=BatchStatus.FAILED, received_at=AT)
        with media.transaction() as tx:
            tx.update_batch_status(failed, expected=BatchStatus.PENDING_UPLOAD)
            tx.create_job(NewJob(pending.id, 1, {}))

        def retry(_: int) -> None:
            with media.transaction() as tx:
                tx.lock_listing(ListingId(7))
                batch = tx.get_batch_by_id(pending.id, for_update=True)
                tx.update_batch_status(batch.retry(at=AT), expected=batch.status)
                tx.create_job(NewJob(batch.id, 1 + len(tx.list_jobs_by_batch(batch.id)), {}))

        outcomes = at_once(retry)

        assert outcomes == {"ok": 1, "BatchStatusInvalid": 5}
        assert [job.attempt for job in media.list_jobs_by_batch(pending.id)] == [2, 1]

    def test_a_reference_is_given_once(self, media: MySQLMediaRepository, pending: Batch) -> None:
        """
        One of several new batches with the same reference is stored.
        """

        def create(_: int) -> None:
            with media.transaction() as tx:
                tx.create_batch(replace(pending, id=BatchId(str(uuid.uuid4())), reference="evening"))

        outcomes = at_once(create)

        assert outcomes == {"ok": 1, "BatchConflict": 5}
        assert len(media.list_batches_by_listing(ListingId(7))) == 2

    def test_the_last_of_two_batches_advances_the_listing(
        self, media: MySQLMediaRepository, pending: Batch
    ) -> None:
        """
        Batches that finish together see each other in turn, and the listing advances once.
        """
        batches = [replace(pending, id=BatchId(str(uuid.uuid4())), reference=f"r{n}") for n in range(6)]
        for batch in batches:
            with media.transaction() as tx:
                tx.create_batch(replace(batch, status=BatchStatus.PROCESSING))
        advanced: list[int] = []

        def finish(number: int) -> None:
            with media.transaction() as tx:
                tx.lock_listing(ListingId(7))
                batch = tx.get_batch_by_id(batches[number].id, for_update=True)
                tx.update_batch_status(batch.mark_ready(at=AT), expected=batch.status)
                if not tx.list_batches_by_listing(ListingId(7), statuses=[BatchStatus.PROCESSING]):
                    assert tx.advance_listing(ListingId(7), expected=SIX, to=SEVEN)
                    advanced.append(number)

        outcomes = at_once(finish)

        assert outcomes == {"ok": 6}
        assert len(advanced) == 1

    def test_failed_siblings_do_not_hold_the_listing_back(
        self, media: MySQLMediaRepository, pending: Batch
    ) -> None:
        """
        Batches end together, half of them FAILED; the listing advances in whatever order they end.
        """
        batches = [replace(pending, id=BatchId(str(uuid.uuid4())), reference=f"r{n}") for n in range(6)]
        for batch in batches:
            with media.transaction() as tx:
                tx.create_batch(replace(batch, status=BatchStatus.PROCESSING))
        listing = Listing(ListingId(7), UserId(1), SIX, property_type=1, photographer_id=None)

        def finish(number: int) -> None:
            with media.transaction() as tx:
                tx.lock_listing(listing.id)
                batch = tx.get_batch_by_id(batches[number].id, for_update=True)
                failed = batch.fail(Failure("DECODE_FAILED", ""), at=AT)
                after = failed if number % 2 else batch.mark_ready(at=AT)
                tx.update_batch_status(after, expected=batch.status)
                advance_listing(tx, AccessPolicy(), listing)

        assert at_once(finish) == {"ok": 6}
        with media.transaction() as tx:
            assert tx.lock_listing(listing.id) is SEVEN


class TestDeletion:
    """Use cases that delete batches, on the database: consistent, and without a deadlock."""

    def test_completions_and_deletions(self, racing: Racing) -> None:
        """
        A batch is completed once or deleted, never both: a deletion is refused while the job is open.
        """
        for round_ in range(ROUNDS):
            batch = racing.open(f"r{round_}")
            complete = lambda: racing.complete(batch)  # noqa: B023, E731
            delete = lambda: racing.delete(batch)  # noqa: B023, E731

            outcomes = racing.race(complete, delete, complete, delete)

            jobs, stored = racing.jobs(batch), racing.stored(batch)
            assert outcomes["ok"] == 1
            assert (len(jobs), stored.status.value) == (
                (0, "PENDING_UPLOAD") if stored.deleted_at else (1, "RECEIVED")
            )

    def test_a_deletion_and_a_retry(self, racing: Racing) -> None:
        """
        One of them is first, and the other one is refused.
        """
        for round_ in range(ROUNDS):
            batch = racing.ready(f"r{round_}")

            outcomes = racing.race(lambda: racing.retry(batch), lambda: racing.delete(batch))  # noqa: B023

            stored = racing.stored(batch)
            assert outcomes["ok"] == 1
            assert stored.status.value == ("READY" if stored.deleted_at else "PROCESSING")

    def test_a_replacement_gets_ready_while_the_old_batch_is_retried(self, racing: Racing) -> None:
        """
        The old batch is deleted in the end, at once or when its job has ended; every job ends.
        """
        for round_ in range(ROUNDS):
            old = racing.ready(f"old{round_}")
            new = racing.open(f"new{round_}", replaces=old.id)
            racing.complete(new)

            racing.race(lambda: racing.retry(old), lambda: racing.succeed(new))  # noqa: B023
            if not racing.stored(old).deleted_at:
                racing.race(lambda: racing.succeed(old), lambda: racing.succeed(new))  # noqa: B023

            assert racing.stored(old).deleted_at
            assert racing.stored(new).status is BatchStatus.READY
            assert all(job.status.terminal for job in racing.jobs(old) + racing.jobs(new))

    def test_two_batches_that_replace_each_others_sibling(self, racing: Racing) -> None:
        """
        Both end together and each deletes another batch: the listing's lock orders them.
        """
        for round_ in range(ROUNDS):
            one, two = racing.open(f"one{round_}"), racing.open(f"two{round_}")
            three = racing.open(f"three{round_}", replaces=one.id)
            four = racing.open(f"four{round_}", replaces=two.id)
            for batch in (one, two, three, four):
                racing.complete(batch)

            ends = [lambda it=it: racing.succeed(it) for it in (four, three, two, one)]
            assert racing.race(*ends) == {"ok": 4}

            assert [bool(racing.stored(it).deleted_at) for it in (one, two, three, four)] == [
                True,
                True,
                False,
                False,
            ]


class TestIsolation:
    def test_a_later_read_sees_what_was_committed_meanwhile(
        self, media: MySQLMediaRepository, pending: Batch
    ) -> None:
        """
        READ COMMITTED: after the wait for a lock a transaction must not use old data.
        """
        with media.transaction() as tx:
            before = tx.get_batch_by_id(pending.id)
            with media.transaction() as other:
                received = pending.receive(pending.uploads, at=AT)
                other.update_batch_status(received, expected=BatchStatus.PENDING_UPLOAD)

            assert before.status is BatchStatus.PENDING_UPLOAD
            assert tx.get_batch_by_id(pending.id).status is BatchStatus.RECEIVED


class TestRefusals:
    def test_a_finished_job_is_never_changed(self, media: MySQLMediaRepository, pending: Batch) -> None:
        """
        An update with an older state of the job is refused.
        """
        with media.transaction() as tx:
            job = tx.create_job(NewJob(pending.id, 1, {}))
            tx.update_job(job.finish(JobStatus.SUCCEEDED, {"n": 1}, at=AT))

        with pytest.raises(Conflict, match="already SUCCEEDED"), media.transaction() as tx:
            tx.update_job(job.run("arn", at=AT))

        assert media.get_job_by_id(job.id).status is JobStatus.SUCCEEDED

    def test_an_ended_batch_cannot_take_its_reference_back(
        self, media: MySQLMediaRepository, pending: Batch
    ) -> None:
        """
        The unique key refuses the retry if another open batch has the reference.
        """
        failed = replace(pending, id=BatchId(str(uuid.uuid4())), status=BatchStatus.FAILED, received_at=AT)
        with media.transaction() as tx:
            tx.create_batch(failed)

        with pytest.raises(BatchConflict), media.transaction() as tx:
            tx.update_batch_status(failed.retry(at=AT), expected=BatchStatus.FAILED)

    def test_a_deadlock_is_named_and_leaves_nothing(
        self, media: MySQLMediaRepository, pending: Batch
    ) -> None:
        """
        One of two transactions in a deadlock is rolled back with `Deadlock`; its use case is tried again.
        """
        other = replace(pending, id=BatchId(str(uuid.uuid4())), reference="evening")
        with media.transaction() as tx:
            tx.create_batch(other)
        both_hold_one = Barrier(2)

        def embrace(first: Batch, second: Batch) -> str:
            try:
                with media.transaction() as tx:
                    tx.get_batch_by_id(first.id, for_update=True)
                    both_hold_one.wait()
                    tx.get_batch_by_id(second.id, for_update=True)
            except Deadlock as error:
                return str(error)
            return "ok"

        with ThreadPoolExecutor(2) as threads:
            pairs = [(pending, other), (other, pending)]
            outcomes = list(threads.map(lambda pair: embrace(*pair), pairs))

        assert outcomes.count("ok") == 1
        assert ["Deadlock found" in outcome for outcome in outcomes].count(True) == 1
