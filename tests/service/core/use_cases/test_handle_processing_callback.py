"""
What the pipeline says, and what follows from it.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.core.errors import CallbackInvalid, JobNotFound, Unavailable
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import Failure
from harness.service.core.model.identifiers import JobId, ListingId
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus
from harness.service.core.model.media_type import AssetType

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)
WAITING, APPROVAL = ListingStatus.PENDING_PHOTO_PROCESSING, ListingStatus.PENDING_OWNER_APPROVAL


class TestSuccess:
    def test_makes_the_batch_ready_and_moves_the_listing(self, world):
        """
        Job, batch, assets and listing change together.
        """
        accepted = world.processing()
        world.clock.advance(42)

        outcome = world.handle(world.success(accepted.job_id))

        job, batch = world.job(accepted.job_id), world.batch_of(accepted.job_id)
        assert outcome.changed
        assert (job.status, job.finished_at) == (JobStatus.SUCCEEDED, world.clock.now())
        assert (batch.status, batch.processing_finished_at) == (BatchStatus.READY, world.clock.now())
        assert world.listing_status() is APPROVAL
        assert world.instruments.entered[BatchStatus.READY] == 1
        assert world.instruments.durations == [(BatchStatus.READY, 42.0)]

    def test_stores_what_was_made(self, world, files):
        """
        Every upload gets its objects, and the bundle a row without a place in the gallery.
        """
        accepted = world.processing(files.video(1))
        (output,) = world.outputs(accepted.job_id)
        variants = {"1080p": "big.mp4", "720p": "small.mp4", "hls": "index.m3u8"}
        made = output | {"processedKey": "big.mp4", "outputs": variants, "durationSeconds": 12.6}

        world.handle(world.success(accepted.job_id, outputs=[made]))

        video, bundle = world.media.list_assets_by_batch(world.batch_of(accepted.job_id).id)
        assert (video.processed_key, video.variants, video.duration_seconds) == ("big.mp4", variants, 13)
        assert (video.client_id, video.sequence) == ("c1", 1)
        assert (bundle.asset_type, bundle.source_key, bundle.sequence, bundle.bytes) == (
            AssetType.ZIP,
            f"zip/{accepted.job_id}/full.zip",
            None,
            1234,
        )

    def test_job_keeps_what_it_made(self, world):
        """
        The history of a batch names the objects of every run.
        """
        accepted = world.ready()

        output = world.job(accepted.job_id).output_payload

        assert output["status"] == "SUCCEEDED"
        assert output["zip"] == f"zip/{accepted.job_id}/full.zip"
        assert output["outputs"][0]["processedKey"] == f"processed/{accepted.job_id}/1/large.jpg"

    def test_that_overtakes_the_dispatcher_goes_through_processing(self, world):
        """
        The batch enters every status on its way, in whichever order the news arrive.
        """
        accepted = world.received()
        started = (world.clock.now() + timedelta(seconds=3)).isoformat()
        world.clock.advance(10)

        outcome = world.handle(world.success(accepted.job_id, startedAt=started))

        batch, job = world.batch_of(accepted.job_id), world.job(accepted.job_id)
        assert outcome.entered == (BatchStatus.PROCESSING, BatchStatus.READY)
        assert batch.processing_started_at == batch.received_at + timedelta(seconds=3)
        assert job.external_id.endswith(job.execution_name)

    @pytest.mark.parametrize("started_at", ["1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
    def test_start_stays_between_reception_and_now(self, world, started_at):
        """
        The pipeline's clock may be wrong; the times of a batch are in order all the same.
        """
        accepted = world.received()
        world.clock.advance(10)

        world.handle(world.success(accepted.job_id, startedAt=started_at))

        batch = world.batch_of(accepted.job_id)
        assert batch.received_at <= batch.processing_started_at <= batch.processing_finished_at

    @pytest.mark.parametrize(
        "fields",
        [
            {"outputs": []},
            {"outputs": None},
            {"zip": None},
            {"zip": {"key": ""}},
            {"outputs": [{"rawKey": "somebody-elses.jpg", "processedKey": "x"}]},
        ],
    )
    def test_without_outputs_is_a_failure(self, world, fields):
        """
        Never READY with nothing to download.
        """
        accepted = world.processing()

        world.handle(world.success(accepted.job_id, **fields))

        batch = world.batch_of(accepted.job_id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "MISSING_PROCESSED_KEY")
        assert world.job(accepted.job_id).status is JobStatus.FAILED
        assert world.listing_status() is WAITING

    def test_with_an_unknown_raw_key_is_logged(self, world, caplog):
        """
        A file nobody announced is ignored, not stored.
        """
        accepted = world.processing()
        outputs = [*world.outputs(accepted.job_id), {"rawKey": "unknown.jpg", "processedKey": "x"}]

        world.handle(world.success(accepted.job_id, outputs=outputs))

        assert world.batch_status(accepted.job_id) is BatchStatus.READY
        assert "service.media.handle_processing_callback.unknown_raw_key" in caplog.messages
        assert len(world.media.list_assets_by_batch(world.job(accepted.job_id).batch_id)) == 2


class TestFailure:
    @pytest.mark.parametrize(
        "status", ["FAILED", "VALIDATION_FAILED", "PROCESSING_FAILED", "TIMED_OUT", "ABORTED"]
    )
    def test_fails_the_batch_and_leaves_the_listing(self, world, status):
        """
        Five ways to fail, one FAILED.
        """
        accepted = world.processing()
        world.clock.advance(7)

        world.handle(world.failure(accepted.job_id, status))

        batch = world.batch_of(accepted.job_id)
        assert world.job(accepted.job_id).status is JobStatus.FAILED
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "DECODE_FAILED")
        assert batch.error_detail == "not an image"
        assert world.listing_status() is WAITING
        assert world.instruments.entered[BatchStatus.FAILED] == 1
        assert world.instruments.durations == [(BatchStatus.FAILED, 7.0)]

    def test_partial_success_names_the_files(self, world, files):
        """
        The batch fails, and the bad file has a code of its own.
        """
        accepted = world.processing(files.photo(1), files.photo(2))
        good, bad = world.outputs(accepted.job_id)
        bad = {"rawKey": bad["rawKey"], "errorCode": "THUMBNAIL_PROCESSING_FAILED", "errorMessage": "bad"}

        world.tell(accepted.job_id, "PARTIAL_SUCCESS", outputs=[good, bad])

        batch = world.batch_of(accepted.job_id)
        first, second = world.media.list_assets_by_batch(batch.id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "DERIVATIVE_ERRORS_DETECTED")
        assert (first.error_code, first.processed_key) == (None, None)
        assert (second.error_code, second.error_message) == ("THUMBNAIL_PROCESSING_FAILED", "bad")

    def test_codes_of_files_disappear_with_the_next_success(self, world):
        """
        An asset shows what the newest run says of it.
        """
        accepted = world.processing()
        (output,) = world.outputs(accepted.job_id)
        world.tell(accepted.job_id, "PARTIAL_SUCCESS", outputs=[output | {"errorCode": "BAD"}])
        world.handle(world.success(world.retried(world.job(accepted.job_id).batch_id).job_id))

        asset, _ = world.media.list_assets_by_batch(world.job(accepted.job_id).batch_id)
        assert asset.error_code is None


class TestRunning:
    def test_marks_job_and_batch(self, world):
        """
        The pipeline may say itself that it has begun.
        """
        accepted = world.received()

        outcome = world.tell(accepted.job_id, "RUNNING")

        job, batch = world.job(accepted.job_id), world.batch_of(accepted.job_id)
        assert (job.status, job.started_at) == (JobStatus.RUNNING, world.clock.now())
        assert batch.status is BatchStatus.PROCESSING
        assert outcome.entered == (BatchStatus.PROCESSING,)

    def test_twice_changes_nothing(self, world):
        """
        The dispatcher has said it already.
        """
        accepted = world.processing()
        before = world.job(accepted.job_id), world.batch_of(accepted.job_id)
        world.clock.advance(5)

        outcome = world.tell(accepted.job_id, "RUNNING")

        assert not outcome.changed
        assert (world.job(accepted.job_id), world.batch_of(accepted.job_id)) == before
        assert world.instruments.entered[BatchStatus.PROCESSING] == 1

    def test_after_a_retry_notes_the_start(self, world):
        """
        The batch is PROCESSING already, but only now does the run begin.
        """
        batch_id = world.job(world.failed().job_id).batch_id
        retried = world.retried(batch_id)
        world.clock.advance(5)

        outcome = world.tell(retried.job_id, "RUNNING")

        assert outcome.entered == ()
        assert world.batch_of(retried.job_id).processing_started_at == world.clock.now()

    def test_after_the_end_changes_nothing(self, world):
        """
        Late news are no news.
        """
        accepted = world.ready()

        assert not world.tell(accepted.job_id, "RUNNING").changed
        assert world.batch_status(accepted.job_id) is BatchStatus.READY


class TestRepetitionAndOrder:
    def test_told_twice_is_told_once(self, world):
        """
        A job that has ended never changes again, whatever is said afterwards.
        """
        accepted = world.ready()
        world.clock.advance(5)
        before = world.job(accepted.job_id), world.batch_of(accepted.job_id)

        assert not world.handle(world.success(accepted.job_id)).changed
        assert not world.handle(world.failure(accepted.job_id)).changed

        assert (world.job(accepted.job_id), world.batch_of(accepted.job_id)) == before
        assert world.instruments.entered[BatchStatus.READY] == 1
        assert len(world.instruments.durations) == 1

    def test_older_job_is_recorded_and_the_batch_left_alone(self, world):
        """
        Only the newest job moves its batch.
        """
        old = world.processing()
        batch = world.batch_of(old.job_id)
        with world.media.transaction() as tx:  # A state no use case makes, but a person with SQL can.
            tx.update_batch_status(
                batch.fail(Failure("BY_HAND", ""), at=world.clock.now()), expected=batch.status
            )
        new = world.retried(batch.id)

        outcome = world.handle(world.success(old.job_id))

        assert outcome.changed
        assert world.job(old.job_id).status is JobStatus.SUCCEEDED
        assert world.job(new.job_id).status is JobStatus.PENDING
        assert world.batch_status(old.job_id) is BatchStatus.PROCESSING
        assert world.listing_status() is WAITING

    def test_deleted_batch_is_recorded_on_the_job_only(self, world):
        """
        Deleting a batch does not stop its run, but nothing follows from it any more.
        """
        accepted = world.processing()
        world.delete(world.job(accepted.job_id).batch_id)

        outcome = world.handle(world.success(accepted.job_id))

        assert outcome.changed
        assert world.job(accepted.job_id).status is JobStatus.SUCCEEDED
        assert world.batch_status(accepted.job_id) is BatchStatus.PROCESSING
        assert world.listing_status() is WAITING
        assert world.instruments.entered[BatchStatus.READY] == 0

    def test_unknown_job(self, world):
        """
        404, for job 0 as well.
        """
        with pytest.raises(JobNotFound):
            world.handle(ProcessingCallback(JobId(0), CallbackStatus.SUCCEEDED))

    def test_job_of_another_batch_or_listing(self, world):
        """
        A callback that contradicts itself is not believed.
        """
        callback = world.success(world.processing().job_id)

        with pytest.raises(CallbackInvalid):
            world.handle(replace(callback, batch_id="other"))
        with pytest.raises(CallbackInvalid):
            world.handle(replace(callback, listing_id=DEVELOPMENT))

    def test_database_that_does_not_answer_changes_nothing(self, world):
        """
        The pipeline tries again, and then it works.
        """
        accepted = world.processing()
        callback = world.success(accepted.job_id)
        world.media.available = False
        with pytest.raises(Unavailable):
            world.handle(callback)
        world.media.available = True

        assert world.batch_status(accepted.job_id) is BatchStatus.PROCESSING
        assert world.handle(callback).changed

    @given(data=st.data())
    def test_any_order_of_any_callbacks_ends_with_the_first_that_ends(self, new_world, data):
        """
        Duplicated and reordered callbacks give what the first terminal one alone would have given.
        """
        world = new_world()
        job_id = world.received().job_id
        say = {
            "RUNNING": lambda: world.tell(job_id, "RUNNING"),
            "SUCCEEDED": lambda: world.handle(world.success(job_id)),
            "FAILED": lambda: world.handle(world.failure(job_id)),
        }
        said = data.draw(st.lists(st.sampled_from(sorted(say)), min_size=1, max_size=8))
        for status in said:
            world.clock.advance(1)
            say[status]()

        first = next((status for status in said if status != "RUNNING"), "RUNNING")
        expected = {"RUNNING": "PROCESSING", "SUCCEEDED": "READY", "FAILED": "FAILED"}[first]
        assert world.batch_status(job_id) == expected
        assert world.instruments.entered[BatchStatus.PROCESSING] == 1
        assert len(world.instruments.durations) == (first != "RUNNING")


class TestListing:
    def test_waits_for_its_other_batches(self, world):
        """
        As long as one batch is in the pipeline the listing stays; the last one moves it.
        """
        first = world.processing(reference="first")
        second = world.received(reference="second")

        world.handle(world.success(first.job_id))
        assert world.listing_status() is WAITING
        world.handle(world.success(second.job_id))
        assert world.listing_status() is APPROVAL

    def test_does_not_wait_for_uploads_or_deleted_batches(self, world):
        """
        An open upload is not in the pipeline, and a deleted batch is nowhere.
        """
        world.opened(reference="open")
        deleted = world.processing(reference="deleted")
        world.delete(world.job(deleted.job_id).batch_id)

        world.ready(reference="first")

        assert world.listing_status() is APPROVAL

    @pytest.mark.parametrize("status", [status for status in ListingStatus if status != 6])
    def test_in_another_status_stays_there(self, world, status):
        """
        6 → 7 is a compare-and-set: what is past it is not pulled back.
        """
        accepted = world.processing()
        world.listings.set_status(APARTMENT, status)

        world.handle(world.success(accepted.job_id))

        assert world.batch_status(accepted.job_id) is BatchStatus.READY
        assert world.listing_status() is status

    def test_advances_by_project_files_on_developments_only(self, world, files):
        """
        A development needs no photographer to go on; an apartment that once was one does.
        """
        options = {"listing": DEVELOPMENT, "by": world.owner}
        first = world.processing(files.document(1), reference="first", **options)
        world.listings.add_listing(DEVELOPMENT, owner_id=20, property_type=1)
        world.handle(world.success(first.job_id))
        assert world.listing_status(DEVELOPMENT) is WAITING

        world.listings.add_listing(DEVELOPMENT, owner_id=20, property_type=32)
        world.ready(files.document(1), reference="second", **options)
        assert world.listing_status(DEVELOPMENT) is APPROVAL

    def test_that_is_gone_does_not_keep_a_batch_from_ending(self, world):
        """
        The listing was deleted while its media were processed.
        """
        accepted = world.processing()
        callback = world.success(accepted.job_id)
        world.listings.delete_listing(APARTMENT)

        world.handle(callback)

        assert world.batch_status(accepted.job_id) is BatchStatus.READY
