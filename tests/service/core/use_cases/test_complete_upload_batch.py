"""
The use case `CompleteUploadBatch`.
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
def created(env, files):
    """
    A batch of a photo and a video, both uploaded.
    """
    created = env.opened(files.photo(1), files.video(2))
    env.upload(created)
    return created


def stays_open(env, created) -> bool:
    batch = env.media.get_batch_by_id(created.batch_id)
    return (
        batch.status is BatchStatus.PENDING_UPLOAD
        and env.media.list_jobs_by_batch(created.batch_id) == []
        and env.media.list_outbox() == []
    )


class TestCompleteUploadBatch:
    def test_receives_the_batch(self, env, created):
        """
        Batch, assets, job and message are stored together.
        """
        env.clock.advance(60)

        accepted = env.complete(env.photographer, **env.completion(created))

        batch, job = env.batch_of(accepted.job_id), env.job(accepted.job_id)
        assert (accepted.status, batch.status) == (BatchStatus.RECEIVED, BatchStatus.RECEIVED)
        assert batch.received_at == env.clock.now()
        assert batch.processing_started_at is None
        assert [upload.etag for upload in batch.uploads] == ['"etag"', '"etag"']
        assert (job.status, job.attempt, job.external_id) == (JobStatus.PENDING, 1, None)
        assets = env.media.list_assets_by_batch(batch.id)
        assert [(it.sequence, it.title, it.source_key) for it in assets] == [
            (1, "Title 1", created.slots[0].key),
            (2, "Title 2", created.slots[1].key),
        ]
        assert env.instruments.entered[BatchStatus.RECEIVED] == 1

    def test_message_has_the_input_of_the_execution(self, env, created):
        """
        The message contains the input of the execution and the trace.
        """
        arguments = env.completion(created, traceparent="00-1-2-01")

        accepted = env.complete(env.photographer, **arguments)

        message = env.media.list_outbox()[0].message
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

    def test_completing_twice_is_refused(self, env, created):
        """
        The status of the batch replaces an idempotency key.
        """
        env.complete(env.photographer, **env.completion(created))

        with pytest.raises(BatchStatusInvalid):
            env.complete(env.photographer, **env.completion(created))

        assert len(env.media.list_jobs_by_batch(created.batch_id)) == 1

    def test_not_found_comes_before_forbidden(self, env, created):
        """
        An unknown listing or batch is 404 also for a user without permission.
        """
        arguments = env.completion(created)

        with pytest.raises(ListingNotFound):
            env.complete(env.stranger, **arguments | {"listing_id": ListingId(99)})
        with pytest.raises(BatchNotFound):
            env.complete(env.stranger, **arguments | {"batch_id": BatchId("none")})
        with pytest.raises(BatchNotFound):
            env.complete(env.stranger, **arguments | {"listing_id": DEVELOPMENT})
        with pytest.raises(NotPhotographer):
            env.complete(env.stranger, **arguments)

    def test_deleted_batch_is_not_found(self, env, created):
        """
        A deleted batch is hidden in all use cases.
        """
        env.delete(created.batch_id)

        with pytest.raises(BatchNotFound):
            env.complete(env.photographer, **env.completion(created))

    def test_batch_that_was_created_in_time_is_completed_after_the_listing_advanced(self, env, created):
        """
        A batch that was opened before its sibling advanced the listing is not lost.
        """
        env.ready(reference="sibling")
        assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

        accepted = env.complete(env.photographer, **env.completion(created))

        env.handle(env.success(accepted.job_id))
        assert env.batch_status(accepted.job_id) is BatchStatus.READY
        assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    @pytest.mark.parametrize("status", [status for status in ListingStatus if status not in (6, 7)])
    def test_listing_in_another_status_is_a_conflict(self, env, created, status):
        """
        The status error is 404 when a batch is created and 409 when it is completed.
        """
        env.listings.set_status(APARTMENT, status)

        with pytest.raises(ListingStatusConflict):
            env.complete(env.photographer, **env.completion(created))

        assert stays_open(env, created)


class TestFilesThatAreNotThoseOfTheBatch:
    def refused(self, env, created, change) -> list[str]:
        arguments = env.completion(created)
        with pytest.raises(ManifestInvalid) as refused:
            env.complete(env.photographer, **arguments | {"files": change(arguments["files"])})
        assert stays_open(env, created)
        return [complaint.field for complaint in refused.value.errors]

    def test_all_files_or_nothing(self, env, created):
        """
        A batch cannot be completed in part.
        """
        assert self.refused(env, created, lambda files: files[:1]) == ["files"]
        assert self.refused(env, created, lambda _: ()) == ["files", "files"]

    def test_unknown_client_id(self, env, created):
        """
        The file is not in the manifest.
        """
        fields = self.refused(env, created, lambda files: (*files, replace(files[0], client_id="c9")))

        assert fields == ["files[2].clientId"]

    def test_repeated_client_id(self, env, created):
        """
        Each file may be listed once.
        """
        assert self.refused(env, created, lambda files: (*files, files[0])) == ["files[2].clientId"]

    def test_key_of_another_file(self, env, created):
        """
        The key must belong to the file.
        """
        swapped = lambda files: (replace(files[0], key=files[1].key), files[1])  # noqa: E731

        assert self.refused(env, created, swapped) == ["files[0].s3Key"]


class TestFilesThatAreNotAsAnnounced:
    def refused(self, env, created, error) -> None:
        with pytest.raises(error):
            env.complete(env.photographer, **env.completion(created))
        assert stays_open(env, created)

    def test_missing_file_while_it_can_still_be_uploaded(self, env, created):
        """
        409: the client can upload the file and complete the batch again.
        """
        env.storage.delete(created.slots[1].key)
        env.clock.advance(900)

        self.refused(env, created, UploadMissing)

    def test_missing_file_that_can_no_longer_be_uploaded(self, env, created):
        """
        410: the client must create a new batch.
        """
        env.storage.delete(created.slots[1].key)
        env.clock.advance(901)

        self.refused(env, created, UploadUrlExpired)

    def test_files_that_arrived_are_accepted_after_the_urls_expired(self, env, created):
        """
        A batch with all files is accepted at any later time.
        """
        env.clock.advance(5000)

        accepted = env.complete(env.photographer, **env.completion(created))

        assert accepted.status is BatchStatus.RECEIVED

    def test_abandoned_batch_is_gone(self, env, created):
        """
        A late client gets the same error before and after the reconciler abandons the batch.
        """
        env.clock.advance(1801)
        env.reconcile()

        with pytest.raises(UploadUrlExpired):
            env.complete(env.photographer, **env.completion(created))

    def test_size_that_differs_in_the_bucket(self, env, created):
        """
        409: the stored file is not the announced file.
        """
        slot = created.slots[0]
        env.storage.put_announced(slot.key, size=5, checksum=slot.file.checksum)

        self.refused(env, created, SizeMismatch)

    def test_size_that_differs_in_the_request(self, env, created):
        """
        409: the sizes in the two requests differ.
        """
        arguments = env.completion(created)
        changed = (replace(arguments["files"][0], bytes=5), arguments["files"][1])

        with pytest.raises(SizeMismatch):
            env.complete(env.photographer, **arguments | {"files": changed})

    @pytest.mark.parametrize("checksum", [Sha256("f" * 64), None])
    def test_checksum_that_differs_or_is_missing(self, env, created, checksum):
        """
        An object without a checksum is refused too.
        """
        slot = created.slots[0]
        env.storage.put_announced(slot.key, size=slot.file.bytes, checksum=checksum)

        self.refused(env, created, ChecksumMismatch)

    def test_storage_that_does_not_answer(self, env, created):
        """
        503, not 409: it is unknown whether the files are stored.
        """
        env.storage.available = False

        self.refused(env, created, Unavailable)

    def test_database_that_does_not_answer(self, env, created):
        """
        No partial change is stored.
        """
        env.media.available = False
        with pytest.raises(Unavailable):
            env.complete(env.photographer, **env.completion(created))
        env.media.available = True

        assert stays_open(env, created)
