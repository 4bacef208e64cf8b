"""
The contract of `MediaRepository`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.service.core.errors import BatchConflict, BatchNotFound, BatchStatusInvalid, JobNotFound
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, MediaStage
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus, NewJob
from harness.service.core.model.job_message import JobMessage
from harness.service.core.model.listing import ListingStatus
from harness.service.core.model.media_type import AssetType

AT = datetime(2026, 1, 5, 9, 30, 0, 654321, tzinfo=UTC)
LISTING = ListingId(7)
UNKNOWN = BatchId("00000000-0000-0000-0000-000000000000")

MakeBatch = Callable[..., Batch]
MakeAsset = Callable[..., Asset]


def stored(tables: Any, batch: Batch) -> Batch:
    with tables.media.transaction() as tx:
        tx.create_batch(batch)
    return batch


def job_of(tables: Any, batch: Batch, attempt: int = 1) -> Job:
    with tables.media.transaction() as tx:
        return tx.create_job(NewJob(batch.id, attempt, {"assets": [{"key": "ä"}]}))


def message_of(job: Job) -> JobMessage:
    assets = ({"key": "7/raw/ä.jpg", "type": "PHOTO_VERTICAL", "bytes": 5},)
    return JobMessage(job.id, job.batch_id, LISTING, job.attempt, assets, traceparent="00-ab-cd-01")


@pytest.fixture(autouse=True)
def listing_seven(tables: Any) -> None:
    """Listing 7, which accepts uploads."""
    tables.add_listing(7)


class TestBatches:
    def test_a_batch_comes_back_as_it_was_stored(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        Every field is unchanged, also microseconds, emoji and metadata.
        """
        batch = replace(
            make_batch(status=BatchStatus.FAILED),
            received_at=AT,
            processing_started_at=AT + timedelta(microseconds=1),
            processing_finished_at=AT + timedelta(hours=1),
            error_code="DECODE_FAILED",
            error_detail="façade 🏡 is not a photo",
            processing_metadata={"expected": ["raw"], "n": 1.5},
        )

        stored(tables, batch)

        assert tables.media.get_batch_by_id(batch.id) == batch

    def test_an_unknown_batch_is_not_found(self, tables: Any) -> None:
        """
        An id of any form that does not exist raises `BatchNotFound`.
        """
        for unknown in (UNKNOWN, BatchId("not a uuid"), BatchId("ü🏡"), BatchId("")):
            with pytest.raises(BatchNotFound):
                tables.media.get_batch_by_id(unknown)

    def test_a_transaction_that_raises_leaves_nothing(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        After an exception no change of the transaction is stored.
        """
        batch = make_batch()
        with suppress(ZeroDivisionError), tables.media.transaction() as tx:
            tx.create_batch(batch)
            raise ZeroDivisionError

        with pytest.raises(BatchNotFound):
            tables.media.get_batch_by_id(batch.id)

    def test_a_transaction_sees_its_own_writes_and_others_do_not(
        self, tables: Any, make_batch: MakeBatch
    ) -> None:
        """
        Uncommitted changes are visible inside the transaction only.
        """
        batch = make_batch()
        with tables.media.transaction() as tx:
            tx.create_batch(batch)

            assert tx.get_batch_by_id(batch.id) == batch
            with pytest.raises(BatchNotFound):
                tables.media.get_batch_by_id(batch.id)

    def test_a_reference_is_used_while_its_batch_is_open(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        A second open batch with the same reference is a conflict; references are case-sensitive.
        """
        stored(tables, make_batch(reference="Morning"))
        stored(tables, make_batch(reference="morning"))

        with pytest.raises(BatchConflict):
            stored(tables, make_batch(reference="Morning"))

    def test_another_listing_may_use_the_reference(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        A reference is unique per listing.
        """
        tables.add_listing(8)
        stored(tables, make_batch(7, reference="morning"))

        assert stored(tables, make_batch(8, reference="morning"))

    @pytest.mark.parametrize("status", [BatchStatus.READY, BatchStatus.FAILED])
    def test_an_ended_batch_frees_its_reference(
        self, tables: Any, make_batch: MakeBatch, status: BatchStatus
    ) -> None:
        """
        Several ended batches and one open batch may have the same reference.
        """
        for _ in range(2):
            stored(tables, make_batch(reference="morning", status=status))

        assert stored(tables, make_batch(reference="morning"))

    def test_a_deleted_batch_frees_its_reference(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        A deleted batch does not block its reference.
        """
        batch = stored(tables, make_batch(reference="morning"))
        with tables.media.transaction() as tx:
            tx.soft_delete_batch(replace(batch, deleted_at=AT))

        assert stored(tables, make_batch(reference="morning"))

    def test_a_new_status_is_stored_with_its_times_and_etags(
        self, tables: Any, make_batch: MakeBatch
    ) -> None:
        """
        RECEIVED is stored with its time and the ETag of every file.
        """
        batch = stored(tables, make_batch())
        uploads = tuple(replace(upload, etag=f'"{upload.file.client_id}"') for upload in batch.uploads)
        received = batch.receive(uploads, at=AT)
        with tables.media.transaction() as tx:
            tx.update_batch_status(received, expected=BatchStatus.PENDING_UPLOAD)

        assert tables.media.get_batch_by_id(batch.id) == received

    def test_the_same_status_again_is_not_a_lost_race(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        An update without a change still finds the batch in the expected status.
        """
        batch = stored(tables, make_batch())
        with tables.media.transaction() as tx:
            tx.update_batch_status(batch, expected=BatchStatus.PENDING_UPLOAD)

        assert tables.media.get_batch_by_id(batch.id) == batch

    def test_a_batch_in_another_status_is_not_overwritten(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        The status is compared and set: an update with another expected status raises an error.
        """
        batch = stored(tables, make_batch())
        with pytest.raises(BatchStatusInvalid), tables.media.transaction() as tx:
            tx.update_batch_status(replace(batch, status=BatchStatus.READY), expected=BatchStatus.PROCESSING)

        assert tables.media.get_batch_by_id(batch.id).status is BatchStatus.PENDING_UPLOAD

    def test_a_deleted_batch_is_hidden_but_stored(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        A deleted batch is returned only on request, and can be deleted only once.
        """
        batch = stored(tables, make_batch())
        with tables.media.transaction() as tx:
            tx.soft_delete_batch(replace(batch, deleted_at=AT))

        with pytest.raises(BatchNotFound):
            tables.media.get_batch_by_id(batch.id)
        assert tables.media.get_batch_by_id(batch.id, include_deleted=True).deleted_at == AT
        assert tables.media.list_batches_by_listing(LISTING) == []
        assert len(tables.media.list_batches_by_listing(LISTING, include_deleted=True)) == 1
        with pytest.raises(BatchNotFound), tables.media.transaction() as tx:
            tx.soft_delete_batch(replace(batch, deleted_at=AT))
        with pytest.raises(BatchStatusInvalid), tables.media.transaction() as tx:
            tx.update_batch_status(batch, expected=BatchStatus.PENDING_UPLOAD)

    def test_the_context_of_a_deletion_is_stored(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        The reason stays with the row; the status does not change.
        """
        batch = stored(tables, make_batch(status=BatchStatus.READY))
        deleted = batch.delete(at=AT, reason="another house – sorry")
        with tables.media.transaction() as tx:
            tx.soft_delete_batch(deleted)

        assert tables.media.get_batch_by_id(batch.id, include_deleted=True) == deleted

    def test_batches_that_replace_another_are_found(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        The replaced batch is stored with the batch that replaces it.
        """
        old = stored(tables, make_batch())
        new = stored(tables, replace(make_batch(), replaces=old.id))

        found = tables.media.list_batches_by_listing(LISTING, replaces=old.id)

        assert found == [new]
        assert tables.media.list_batches_by_listing(LISTING, replaces=new.id) == []

    def test_batches_are_found_by_their_reference(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        The reference is compared exactly: another case is another reference.
        """
        batch = stored(tables, replace(make_batch(), reference="Morning"))
        stored(tables, replace(make_batch(), reference="morning"))

        assert tables.media.list_batches_by_listing(LISTING, reference="Morning") == [batch]
        assert tables.media.list_batches_by_listing(LISTING, reference="Morn") == []

    def test_recent_batches_come_newest_first_from_all_listings(
        self, tables: Any, make_batch: MakeBatch
    ) -> None:
        """
        Deleted batches are included on request.
        """
        tables.add_listing(8)
        one, two, gone = (stored(tables, make_batch(listing)) for listing in (LISTING, 8, LISTING))
        with tables.media.transaction() as tx:
            tx.soft_delete_batch(replace(gone, deleted_at=AT))

        def ids(**filters: Any) -> list[BatchId]:
            return [batch.id for batch in tables.media.list_recent_batches(**filters)]

        assert ids() == [two.id, one.id]
        assert ids(include_deleted=True, limit=2) == [gone.id, two.id]

    def test_batches_whose_objects_lack_a_tag_are_listed(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        Deleted batches come first; batches whose upload URLs may still be used are left out.
        """
        old, new = AT - timedelta(hours=1), AT - timedelta(minutes=5)
        ready, tagged, gone, young, soon = (
            stored(tables, replace(make_batch(status=status), received_at=AT, issued_at=issued_at))
            for status, issued_at in [
                (BatchStatus.READY, old),
                (BatchStatus.READY, old),
                (BatchStatus.FAILED, old),
                (BatchStatus.FAILED, new),
                (BatchStatus.READY, new),
            ]
        )
        for status in (BatchStatus.RECEIVED, BatchStatus.FAILED):
            stored(tables, replace(make_batch(status=status), received_at=AT))
        with tables.media.transaction() as tx:
            tx.set_media_stage(tagged.id, MediaStage.RAW_DONE)
            tx.soft_delete_batch(replace(gone, deleted_at=AT))
            tx.soft_delete_batch(replace(young, deleted_at=AT))

        def pending(**filters: Any) -> list[tuple[BatchId, str]]:
            found = tables.media.list_batches_to_tag(**{"issued_before": new} | filters)
            return [(batch.id, batch.pending_stage) for batch in found]

        assert pending() == [(gone.id, "deleted"), (ready.id, "raw-done")]
        assert pending(limit=1) == [(gone.id, "deleted")]
        assert {(young.id, "deleted"), (soon.id, "raw-done")} < set(pending(issued_before=AT))

    def test_a_stored_tag_ends_the_listing_until_the_batch_is_deleted(
        self, tables: Any, make_batch: MakeBatch
    ) -> None:
        """
        The tag of a READY batch does not count for the same batch once it is deleted; None starts again.
        """
        batch = stored(tables, replace(make_batch(status=BatchStatus.READY), received_at=AT))

        def after(change: Callable[[Any], None]) -> list[str]:
            with tables.media.transaction() as tx:
                change(tx)
            return [found.pending_stage for found in tables.media.list_batches_to_tag(issued_before=AT)]

        assert after(lambda tx: tx.set_media_stage(batch.id, MediaStage.RAW_DONE)) == []
        assert after(lambda tx: tx.soft_delete_batch(replace(batch, deleted_at=AT))) == ["deleted"]
        assert after(lambda tx: tx.set_media_stage(batch.id, MediaStage.DELETED)) == []
        assert after(lambda tx: tx.set_media_stage(batch.id, None)) == ["deleted"]

    def test_batches_of_a_listing_come_newest_first(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        They can be filtered by status and limited in number.
        """
        tables.add_listing(8)
        statuses = [BatchStatus.READY, BatchStatus.FAILED, BatchStatus.READY]
        one, two, three = (stored(tables, make_batch(status=status)) for status in statuses)
        stored(tables, make_batch(8))

        def ids(**filters: Any) -> list[BatchId]:
            return [batch.id for batch in tables.media.list_batches_by_listing(LISTING, **filters)]

        assert ids() == [three.id, two.id, one.id]
        assert ids(statuses=[BatchStatus.READY]) == [three.id, one.id]
        assert ids(statuses=[BatchStatus.READY], limit=1) == [three.id]

    def test_batches_with_a_successful_job_are_listed_in_any_status(
        self, tables: Any, make_batch: MakeBatch
    ) -> None:
        """
        One success counts, whatever the other jobs of the batch did; deleted batches stay hidden.
        """
        running, never, failed, gone = (stored(tables, make_batch()) for _ in range(4))
        ends = [
            (running, [JobStatus.SUCCEEDED, None]),
            (never, [JobStatus.FAILED, None]),
            (failed, [JobStatus.SUCCEEDED, JobStatus.SUCCEEDED, JobStatus.FAILED]),
            (gone, [JobStatus.SUCCEEDED]),
        ]
        for batch, statuses in ends:
            for attempt, status in enumerate(statuses, 1):
                job = job_of(tables, batch, attempt)
                if status:
                    with tables.media.transaction() as tx:
                        tx.update_job(job.finish(status, {}, at=AT))
        with tables.media.transaction() as tx:
            tx.soft_delete_batch(replace(gone, deleted_at=AT))

        def ids(**filters: Any) -> list[BatchId]:
            found = tables.media.list_batches_by_listing(LISTING, succeeded=True, **filters)
            return [batch.id for batch in found]

        assert ids() == [failed.id, running.id]
        assert ids(limit=1) == [failed.id]
        assert ids(statuses=[BatchStatus.READY]) == []

    def test_batches_by_status_come_oldest_first(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        Only batches in one of the statuses that are not deleted and were issued before the time.
        """
        late, early = (stored(tables, make_batch(issued_at=AT - timedelta(seconds=age))) for age in (10, 20))
        stored(tables, make_batch(issued_at=AT))
        stored(tables, make_batch(issued_at=AT - timedelta(seconds=30), status=BatchStatus.READY))
        gone = stored(tables, make_batch(issued_at=AT - timedelta(seconds=40)))
        with tables.media.transaction() as tx:
            tx.soft_delete_batch(replace(gone, deleted_at=AT))

        found = tables.media.list_batches_by_status([BatchStatus.PENDING_UPLOAD], issued_before=AT)

        assert [batch.id for batch in found] == [early.id, late.id]
        assert tables.media.list_batches_by_status([], issued_before=AT) == []


class TestAssets:
    def test_an_asset_comes_back_as_it_was_stored(
        self, tables: Any, make_batch: MakeBatch, make_asset: MakeAsset
    ) -> None:
        """
        Every field is unchanged, also a size above four gigabytes.
        """
        batch = stored(tables, make_batch())
        asset = make_asset(
            batch.id,
            "7/raw/1.jpg",
            processed_key="7/processed/1.jpg",
            thumbnail_key="7/thumb/1.jpg",
            resolution="1200x800",
            duration_seconds=12,
            variants={"small": "7/s.jpg"},
            error_code="X",
            error_message="ü",
        )
        with tables.media.transaction() as tx:
            tx.create_asset(asset)

        assert tables.media.list_assets_by_batch(batch.id) == [asset]

    def test_uploads_come_by_sequence_then_the_zips(
        self, tables: Any, make_batch: MakeBatch, make_asset: MakeAsset
    ) -> None:
        """
        The last ZIP is the current one.
        """
        batch = stored(tables, make_batch())
        keys = [("zip-1", None), ("b", 2), ("a", 1), ("zip-2", None)]
        with tables.media.transaction() as tx:
            for key, sequence in keys:
                kind = AssetType.PHOTO_VERTICAL if sequence else AssetType.ZIP
                tx.create_asset(make_asset(batch.id, key, sequence, asset_type=kind))

        found = [asset.source_key for asset in tables.media.list_assets_by_batch(batch.id)]

        assert found == ["a", "b", "zip-1", "zip-2"]

    def test_upserting_inserts_new_and_updates_known_assets(
        self, tables: Any, make_batch: MakeBatch, make_asset: MakeAsset
    ) -> None:
        """
        An asset with the same key and type is updated; the other assets of the batch do not change.
        """
        batch = stored(tables, make_batch())
        first, second, third = (make_asset(batch.id, key, place) for place, key in enumerate("abc", 1))
        with tables.media.transaction() as tx:
            tx.upsert_assets(batch.id, [first, second])
        done = replace(first, processed_key="done", variants={"small": "s"})
        with tables.media.transaction() as tx:
            tx.upsert_assets(batch.id, [done, third])
            tx.upsert_assets(batch.id, [])

        assert tables.media.list_assets_by_batch(batch.id) == [done, second, third]

    def test_two_files_cannot_have_the_same_sequence(
        self, tables: Any, make_batch: MakeBatch, make_asset: MakeAsset
    ) -> None:
        """
        The upsert of another file with the same sequence fails and does not overwrite the stored file.
        """
        batch = stored(tables, make_batch())
        first = make_asset(batch.id, "a", 1)
        with tables.media.transaction() as tx:
            tx.upsert_assets(batch.id, [first])

        with pytest.raises(ValueError, match="two assets"), tables.media.transaction() as tx:
            tx.upsert_assets(batch.id, [make_asset(batch.id, "b", 1)])

        assert tables.media.list_assets_by_batch(batch.id) == [first]


class TestJobs:
    def test_a_job_is_numbered_and_pending(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        Ids increase; a new job is PENDING.
        """
        batch = stored(tables, make_batch())
        one, two = job_of(tables, batch), job_of(tables, batch, attempt=2)

        assert one.status is JobStatus.PENDING
        assert two.id > one.id > 0
        assert tables.media.get_job_by_id(one.id) == one
        assert tables.media.list_jobs_by_batch(batch.id) == [two, one]

    def test_an_updated_job_comes_back_completely(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        Status, external id, output and times are stored.
        """
        job = job_of(tables, stored(tables, make_batch()))
        done = job.run("arn:aws:states:us-east-1:1:execution:sm:x", at=AT).finish(
            JobStatus.SUCCEEDED, {"outputs": [{"rawKey": "ä"}]}, at=AT + timedelta(seconds=9)
        )
        with tables.media.transaction() as tx:
            tx.update_job(done)

        assert tables.media.get_job_by_id(job.id) == done

    def test_an_unknown_job_is_not_found(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        It can be neither read nor updated.
        """
        job = replace(job_of(tables, stored(tables, make_batch())), id=JobId(999_999_999))

        with pytest.raises(JobNotFound):
            tables.media.get_job_by_id(job.id)
        with pytest.raises(JobNotFound), tables.media.transaction() as tx:
            tx.update_job(job)

    def test_jobs_are_listed_and_counted_by_status(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        The list is in pages, oldest first; the count includes PENDING and RUNNING jobs.
        """
        batch = stored(tables, make_batch())
        pending, running, done = (job_of(tables, batch, attempt) for attempt in (1, 2, 3))
        with tables.media.transaction() as tx:
            tx.update_job(running.run(None, at=AT))
            tx.update_job(done.finish(JobStatus.FAILED, {}, at=AT))

        def ids(statuses: list[JobStatus], **page: Any) -> list[JobId]:
            return [job.id for job in tables.media.list_jobs_by_status(statuses, **page)]

        assert ids([JobStatus.PENDING, JobStatus.RUNNING]) == [pending.id, running.id]
        assert ids([JobStatus.PENDING, JobStatus.RUNNING], after=pending.id) == [running.id]
        assert ids([JobStatus.PENDING, JobStatus.RUNNING], limit=1) == [pending.id]
        assert ids([]) == []
        assert tables.media.count_inflight_jobs() == 2


class TestOutbox:
    def test_a_message_waits_until_it_is_sent(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        Failed attempts are counted; only an acknowledged message leaves the outbox.
        """
        message = message_of(job_of(tables, stored(tables, make_batch())))
        with tables.media.transaction() as tx:
            tx.add_to_outbox(message)
        [entry] = tables.media.list_outbox()
        with tables.media.transaction() as tx:
            tx.mark_send_failed(entry.id, "SQS does not answer")
        [tried] = tables.media.list_outbox()
        with tables.media.transaction() as tx:
            tx.mark_sent(entry.id, at=AT)

        assert (entry.message, entry.attempts, entry.sent_at) == (message, 0, None)
        assert tried.attempts == 1
        assert tables.media.list_outbox() == []

    def test_the_last_message_of_a_job_is_found_sent_or_not(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        The newest entry of the job is returned, None if the job has no entry.
        """
        batch = stored(tables, make_batch())
        job, other = job_of(tables, batch), job_of(tables, batch, attempt=2)
        with tables.media.transaction() as tx:
            tx.add_to_outbox(message_of(job))
            tx.add_to_outbox(message_of(job))
        first, second = tables.media.list_outbox()
        with tables.media.transaction() as tx:
            tx.mark_sent(second.id, at=AT)

        last = tables.media.get_last_message(job.id)

        assert first.id < second.id
        assert last is not None
        assert (last.id, last.sent_at) == (second.id, AT)
        assert tables.media.get_last_message(other.id) is None

    def test_messages_come_oldest_first_and_limited(self, tables: Any, make_batch: MakeBatch) -> None:
        """
        The order of the messages is the order of their creation.
        """
        batch = stored(tables, make_batch())
        jobs = [job_of(tables, batch, attempt) for attempt in (1, 2, 3)]
        for job in jobs:
            with tables.media.transaction() as tx:
                tx.add_to_outbox(message_of(job))

        assert [entry.message.job_id for entry in tables.media.list_outbox(limit=2)] == [
            jobs[0].id,
            jobs[1].id,
        ]


class TestDeadLetters:
    def test_each_dead_letter_counts_once(self, tables: Any) -> None:
        """
        The second time it is known already; any body is accepted.
        """
        with tables.media.transaction() as tx:
            first = tx.record_dead_letter("m-1", None, "not json 🏡", at=AT)
        with tables.media.transaction() as tx:
            again = tx.record_dead_letter("m-1", JobId(1), "{}", at=AT)
            other = tx.record_dead_letter("m-2", JobId(1), "{}", at=AT)

        assert (first, again, other) == (True, False, True)


class TestListings:
    def test_a_listing_advances_from_the_expected_status_only(self, tables: Any) -> None:
        """
        The status is compared and set: a second attempt returns False.
        """
        six, seven = ListingStatus.PENDING_PHOTO_PROCESSING, ListingStatus.PENDING_OWNER_APPROVAL
        with tables.media.transaction() as tx:
            first = tx.advance_listing(LISTING, expected=six, to=seven)
            again = tx.advance_listing(LISTING, expected=six, to=seven)

        assert (first, again) == (True, False)
        assert tables.listings.get_listing(LISTING).status is seven

    def test_locking_returns_the_status(self, tables: Any) -> None:
        """
        None for a listing that is deleted or unknown.
        """
        tables.add_listing(8)
        tables.delete_listing(8)
        with tables.media.transaction() as tx:
            found = [tx.lock_listing(ListingId(number)) for number in (7, 8, 9)]

        assert found == [ListingStatus.PENDING_PHOTO_PROCESSING, None, None]


def test_it_answers_a_ping(tables: Any) -> None:
    """
    A ping returns without an error.
    """
    tables.media.ping()
