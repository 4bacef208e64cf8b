"""
Handing a batch to the pipeline.
"""

from dataclasses import replace

import pytest

from harness.service.core.errors import (
    BatchNotFound,
    BatchStatusInvalid,
    ChecksumMismatch,
    ListingNotFound,
    ListingStatusConflict,
    ManifestInvalid,
    NotPhotographer,
    SizeMismatch,
    Unavailable,
    UploadMissing,
    UploadUrlExpired,
)
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)


@pytest.fixture
def created(world, files):
    """
    A batch of a photo and a video, both uploaded.
    """
    created = world.opened(files.photo(1), files.video(2))
    world.upload(created)
    return created


def stays_open(world, created) -> bool:
    batch = world.media.get_batch_by_id(created.batch_id)
    return (
        batch.status is BatchStatus.PENDING_UPLOAD
        and world.media.list_jobs_by_batch(created.batch_id) == []
        and world.media.list_outbox() == []
    )


class TestCompleteUploadBatch:
    def test_receives_the_batch(self, world, created):
        """
        Batch, assets, job and message appear together.
        """
        world.clock.advance(60)

        accepted = world.complete(world.photographer, world.completion(created))

        batch, job = world.batch_of(accepted.job_id), world.job(accepted.job_id)
        assert (accepted.status, batch.status) == (BatchStatus.RECEIVED, BatchStatus.RECEIVED)
        assert batch.received_at == world.clock.now()
        assert batch.processing_started_at is None
        assert [upload.etag for upload in batch.uploads] == ['"etag"', '"etag"']
        assert (job.status, job.attempt, job.external_id) == (JobStatus.PENDING, 1, None)
        assets = world.media.list_assets_by_batch(batch.id)
        assert [(it.sequence, it.title, it.source_key) for it in assets] == [
            (1, "Title 1", created.slots[0].key),
            (2, "Title 2", created.slots[1].key),
        ]
        assert world.instruments.entered[BatchStatus.RECEIVED] == 1

    def test_message_tells_the_pipeline_everything(self, world, created):
        """
        The state machine is started with what is in the message, and carries the trace on.
        """
        request = replace(world.completion(created), traceparent="00-1-2-01")

        accepted = world.complete(world.photographer, request)

        message = world.media.list_outbox()[0].message
        assert message.execution_input == {
            "jobId": accepted.job_id,
            "batchId": created.batch_id,
            "listingId": 1,
            "attempt": 1,
            "traceparent": "00-1-2-01",
            "assets": [
                {
                    "key": created.slots[0].key,
                    "type": "PHOTO_HORIZONTAL",
                    "clientId": "c1",
                    "filename": "1.jpg",
                    "bytes": 1001,
                    "checksum": f"{1:064x}",
                    "contentType": "image/jpeg",
                    "title": "Title 1",
                    "sequence": 1,
                },
                {
                    "key": created.slots[1].key,
                    "type": "VIDEO_VERTICAL",
                    "clientId": "c2",
                    "filename": "2.mp4",
                    "bytes": 1002,
                    "checksum": f"{2:064x}",
                    "contentType": "video/mp4",
                    "title": "Title 2",
                    "sequence": 2,
                },
            ],
        }

    def test_completing_twice_is_refused(self, world, created):
        """
        There is no idempotency key: the status of the batch is the control.
        """
        world.complete(world.photographer, world.completion(created))

        with pytest.raises(BatchStatusInvalid):
            world.complete(world.photographer, world.completion(created))

        assert len(world.media.list_jobs_by_batch(created.batch_id)) == 1

    def test_unknown_things_come_before_the_question_who_asks(self, world, created):
        """
        404 before 403, for the listing and for the batch.
        """
        request = world.completion(created)

        with pytest.raises(ListingNotFound):
            world.complete(world.stranger, replace(request, listing_id=ListingId(99)))
        with pytest.raises(BatchNotFound):
            world.complete(world.stranger, replace(request, batch_id=BatchId("none")))
        with pytest.raises(BatchNotFound):
            world.complete(world.stranger, replace(request, listing_id=DEVELOPMENT))
        with pytest.raises(NotPhotographer):
            world.complete(world.stranger, request)

    def test_deleted_batch_is_not_found(self, world, created):
        """
        Soft delete hides a batch everywhere.
        """
        world.delete(created.batch_id)

        with pytest.raises(BatchNotFound):
            world.complete(world.photographer, world.completion(created))

    def test_listing_that_moved_on_is_a_conflict(self, world, created):
        """
        404 when a batch is created becomes 409 when it is completed.
        """
        world.listings.set_status(APARTMENT, ListingStatus.PENDING_OWNER_APPROVAL)

        with pytest.raises(ListingStatusConflict):
            world.complete(world.photographer, world.completion(created))

        assert stays_open(world, created)


class TestFilesThatAreNotThoseOfTheBatch:
    def refused(self, world, created, change) -> list[str]:
        request = world.completion(created)
        with pytest.raises(ManifestInvalid) as refused:
            world.complete(world.photographer, replace(request, files=change(request.files)))
        assert stays_open(world, created)
        return [complaint.field for complaint in refused.value.errors]

    def test_all_files_or_nothing(self, world, created):
        """
        A batch cannot be completed in part.
        """
        assert self.refused(world, created, lambda files: files[:1]) == ["files"]
        assert self.refused(world, created, lambda _: ()) == ["files", "files"]

    def test_unknown_client_id(self, world, created):
        """
        Nobody announced this file.
        """
        fields = self.refused(world, created, lambda files: (*files, replace(files[0], client_id="c9")))

        assert fields == ["files[2].clientId"]

    def test_repeated_client_id(self, world, created):
        """
        Each file once.
        """
        assert self.refused(world, created, lambda files: (*files, files[0])) == ["files[2].clientId"]

    def test_key_of_another_file(self, world, created):
        """
        Files cannot change places.
        """
        swapped = lambda files: (replace(files[0], key=files[1].key), files[1])  # noqa: E731

        assert self.refused(world, created, swapped) == ["files[0].s3Key"]


class TestFilesThatAreNotAsAnnounced:
    def refused(self, world, created, error) -> None:
        with pytest.raises(error):
            world.complete(world.photographer, world.completion(created))
        assert stays_open(world, created)

    def test_missing_file_while_it_can_still_be_uploaded(self, world, created):
        """
        409: upload it and complete again.
        """
        world.storage.delete(created.slots[1].key)
        world.clock.advance(900)

        self.refused(world, created, UploadMissing)

    def test_missing_file_that_can_no_longer_be_uploaded(self, world, created):
        """
        410: start a new batch.
        """
        world.storage.delete(created.slots[1].key)
        world.clock.advance(901)

        self.refused(world, created, UploadUrlExpired)

    def test_files_that_arrived_are_accepted_after_the_urls_expired(self, world, created):
        """
        What is there and right is welcome, however late it is announced.
        """
        world.clock.advance(5000)

        accepted = world.complete(world.photographer, world.completion(created))

        assert accepted.status is BatchStatus.RECEIVED

    def test_abandoned_batch_is_gone(self, world, created):
        """
        The answer to a late client does not depend on whether the sweeper was faster.
        """
        world.clock.advance(1801)
        world.reconcile()

        with pytest.raises(UploadUrlExpired):
            world.complete(world.photographer, world.completion(created))

    def test_size_that_differs_in_the_bucket(self, world, created):
        """
        409: the file is not the announced one.
        """
        slot = created.slots[0]
        world.storage.put_announced(slot.key, size=5, checksum=slot.file.checksum)

        self.refused(world, created, SizeMismatch)

    def test_size_that_differs_in_the_request(self, world, created):
        """
        409 as well: the client contradicts itself.
        """
        request = world.completion(created)
        changed = (replace(request.files[0], bytes=5), request.files[1])

        with pytest.raises(SizeMismatch):
            world.complete(world.photographer, replace(request, files=changed))

    @pytest.mark.parametrize("checksum", [Sha256("f" * 64), None])
    def test_checksum_that_differs_or_is_missing(self, world, created, checksum):
        """
        An object stored without a checksum proves nothing.
        """
        slot = created.slots[0]
        world.storage.put_announced(slot.key, size=slot.file.bytes, checksum=checksum)

        self.refused(world, created, ChecksumMismatch)

    def test_storage_that_does_not_answer(self, world, created):
        """
        503 and not 409: nobody knows whether the files are there.
        """
        world.storage.available = False

        self.refused(world, created, Unavailable)

    def test_database_that_does_not_answer(self, world, created):
        """
        Nothing half-done is left behind.
        """
        world.media.available = False
        with pytest.raises(Unavailable):
            world.complete(world.photographer, world.completion(created))
        world.media.available = True

        assert stays_open(world, created)
