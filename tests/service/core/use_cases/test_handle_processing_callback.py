"""
The use case `HandleProcessingCallback`.
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
    def test_makes_the_batch_ready_and_moves_the_listing(self, env):
        """
        Job, batch, assets and listing change together.
        """
        accepted = env.processing()
        env.clock.advance(42)

        outcome = env.handle(env.success(accepted.job_id))

        job, batch = env.job(accepted.job_id), env.batch_of(accepted.job_id)
        assert outcome.changed
        assert (job.status, job.finished_at) == (JobStatus.SUCCEEDED, env.clock.now())
        assert (batch.status, batch.processing_finished_at) == (BatchStatus.READY, env.clock.now())
        assert env.listing_status() is APPROVAL
        assert env.instruments.entered[BatchStatus.READY] == 1
        assert env.instruments.durations == [(BatchStatus.READY, 42.0)]

    def test_stores_the_derived_objects(self, env, files):
        """
        Every upload gets its derived objects, and the ZIP gets a row without a sequence.
        """
        accepted = env.processing(files.video(1))
        (output,) = env.outputs(accepted.job_id)
        folder = env.folder(accepted.job_id, "processed/video/vertical")
        big = f"{folder}/big.mp4"
        variants = {"1080p": big, "720p": f"{folder}/small.mp4", "hls": f"{folder}/index.m3u8"}
        made = output | {"processedKey": big, "outputs": variants, "durationSeconds": 12.6}

        env.handle(env.success(accepted.job_id, outputs=[made]))

        video, bundle = env.media.list_assets_by_batch(env.batch_of(accepted.job_id).id)
        assert (video.processed_key, video.variants, video.duration_seconds) == (big, variants, 13)
        assert (video.client_id, video.sequence) == ("c1", 1)
        assert (bundle.asset_type, bundle.source_key, bundle.sequence, bundle.bytes) == (
            AssetType.ZIP,
            f"{env.folder(accepted.job_id, 'zip')}/full.zip",
            None,
            1234,
        )

    def test_job_stores_its_derived_objects(self, env):
        """
        The output payload of every job lists its objects.
        """
        accepted = env.ready()

        output = env.job(accepted.job_id).output_payload

        assert output["status"] == "SUCCEEDED"
        assert output["zip"] == f"{env.folder(accepted.job_id, 'zip')}/full.zip"
        assert output["outputs"][0]["processedKey"] == f"{env.folder(accepted.job_id)}/1/large.jpg"

    def test_that_overtakes_the_dispatcher_goes_through_processing(self, env):
        """
        The batch enters every status, also if the callback comes before the record of the start.
        """
        accepted = env.received()
        started = (env.clock.now() + timedelta(seconds=3)).isoformat()
        env.clock.advance(10)

        outcome = env.handle(env.success(accepted.job_id, startedAt=started))

        batch, job = env.batch_of(accepted.job_id), env.job(accepted.job_id)
        assert outcome.entered == (BatchStatus.PROCESSING, BatchStatus.READY)
        assert batch.processing_started_at == batch.received_at + timedelta(seconds=3)
        assert job.external_id.endswith(job.execution_name)

    @pytest.mark.parametrize("started_at", ["1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
    def test_start_stays_between_reception_and_now(self, env, started_at):
        """
        A wrong clock of the pipeline does not change the order of the times of a batch.
        """
        accepted = env.received()
        env.clock.advance(10)

        env.handle(env.success(accepted.job_id, startedAt=started_at))

        batch = env.batch_of(accepted.job_id)
        assert batch.received_at <= batch.processing_started_at <= batch.processing_finished_at

    @pytest.mark.parametrize(
        "fields",
        [
            {"outputs": []},
            {"outputs": None},
            {"zip": None},
            {"zip": {"key": ""}},
        ],
    )
    def test_without_outputs_is_a_failure(self, env, fields):
        """
        A batch without downloads is never READY.
        """
        accepted = env.processing()

        env.handle(env.success(accepted.job_id, **fields))

        batch = env.batch_of(accepted.job_id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "MISSING_PROCESSED_KEY")
        assert env.job(accepted.job_id).status is JobStatus.FAILED
        assert env.listing_status() is WAITING

    def test_with_an_unknown_raw_key_is_logged(self, env, caplog):
        """
        A file that is not in the manifest is ignored.
        """
        accepted = env.processing()
        unknown = f"{env.folder(accepted.job_id)}/unknown.jpg"
        outputs = [*env.outputs(accepted.job_id), {"rawKey": unknown, "processedKey": unknown}]

        env.handle(env.success(accepted.job_id, outputs=outputs))

        assert env.batch_status(accepted.job_id) is BatchStatus.READY
        assert "service.media.handle_processing_callback.unknown_raw_key" in caplog.messages
        assert len(env.media.list_assets_by_batch(env.job(accepted.job_id).batch_id)) == 2

    @pytest.mark.parametrize("key", ["404/zip/any/1/full.zip", "../../etc/passwd", "100/zip/any/1/full.zip"])
    @pytest.mark.parametrize("status", ["SUCCEEDED", "PROCESSING_FAILED"])
    def test_with_a_key_outside_the_batch_is_refused(self, env, key, status):
        """
        Neither the ZIP nor any key of a file may be an object of another batch; nothing changes.
        """
        accepted = env.processing()
        (output,) = env.outputs(accepted.job_id)
        changes = [{"rawKey": key}, {"processedKey": key}, {"thumbnailKey": key}, {"outputs": {"large": key}}]
        documents = [{"zip": {"key": key}}, *({"outputs": [output | change]} for change in changes)]

        for fields in documents:
            with pytest.raises(CallbackInvalid, match="is not a key of batch"):
                env.tell(accepted.job_id, status, **fields)

        assert env.batch_status(accepted.job_id) is BatchStatus.PROCESSING


class TestFailure:
    @pytest.mark.parametrize(
        "status", ["FAILED", "VALIDATION_FAILED", "PROCESSING_FAILED", "TIMED_OUT", "ABORTED"]
    )
    def test_fails_the_batch_and_leaves_the_listing(self, env, status):
        """
        All five failing statuses give FAILED.
        """
        accepted = env.processing()
        env.clock.advance(7)

        env.handle(env.failure(accepted.job_id, status))

        batch = env.batch_of(accepted.job_id)
        assert env.job(accepted.job_id).status is JobStatus.FAILED
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "DECODE_FAILED")
        assert batch.error_detail == "not an image"
        assert env.listing_status() is WAITING
        assert env.instruments.entered[BatchStatus.FAILED] == 1
        assert env.instruments.durations == [(BatchStatus.FAILED, 7.0)]

    def test_partial_success_names_the_files(self, env, files):
        """
        The batch fails, and the failed file has its own code.
        """
        accepted = env.processing(files.photo(1), files.photo(2))
        good, bad = env.outputs(accepted.job_id)
        bad = {"rawKey": bad["rawKey"], "errorCode": "THUMBNAIL_PROCESSING_FAILED", "errorMessage": "bad"}

        env.tell(accepted.job_id, "PARTIAL_SUCCESS", outputs=[good, bad])

        batch = env.batch_of(accepted.job_id)
        first, second = env.media.list_assets_by_batch(batch.id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "DERIVATIVE_ERRORS_DETECTED")
        assert (first.error_code, first.processed_key) == (None, None)
        assert (second.error_code, second.error_message) == ("THUMBNAIL_PROCESSING_FAILED", "bad")

    def test_a_failed_check_names_the_files(self, env, files):
        """
        The batch has the code of the check, and so has the refused file; the other file has none.
        """
        accepted = env.processing(files.photo(1), files.photo(2))
        _, bad = env.outputs(accepted.job_id)
        bad = {"rawKey": bad["rawKey"], "errorCode": "CONTENT_TYPE_MISMATCH", "errorMessage": "it is a PNG"}

        env.tell(
            accepted.job_id,
            "VALIDATION_FAILED",
            outputs=[bad],
            error={"code": "CONTENT_TYPE_MISMATCH", "message": "f2: it is a PNG"},
        )

        batch = env.batch_of(accepted.job_id)
        first, second = env.media.list_assets_by_batch(batch.id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "CONTENT_TYPE_MISMATCH")
        assert first.error_code is None
        assert (second.error_code, second.error_message) == ("CONTENT_TYPE_MISMATCH", "it is a PNG")

    def test_codes_of_files_disappear_with_the_next_success(self, env):
        """
        An asset has the result of the newest job.
        """
        accepted = env.processing()
        (output,) = env.outputs(accepted.job_id)
        env.tell(accepted.job_id, "PARTIAL_SUCCESS", outputs=[output | {"errorCode": "BAD"}])
        env.handle(env.success(env.retried(env.job(accepted.job_id).batch_id).job_id))

        asset, _ = env.media.list_assets_by_batch(env.job(accepted.job_id).batch_id)
        assert asset.error_code is None


class TestRunning:
    def test_marks_job_and_batch(self, env):
        """
        The pipeline may report its start itself.
        """
        accepted = env.received()

        outcome = env.tell(accepted.job_id, "RUNNING")

        job, batch = env.job(accepted.job_id), env.batch_of(accepted.job_id)
        assert (job.status, job.started_at) == (JobStatus.RUNNING, env.clock.now())
        assert batch.status is BatchStatus.PROCESSING
        assert outcome.entered == (BatchStatus.PROCESSING,)

    def test_twice_changes_nothing(self, env):
        """
        The dispatcher has recorded the start already.
        """
        accepted = env.processing()
        before = env.job(accepted.job_id), env.batch_of(accepted.job_id)
        env.clock.advance(5)

        outcome = env.tell(accepted.job_id, "RUNNING")

        assert not outcome.changed
        assert (env.job(accepted.job_id), env.batch_of(accepted.job_id)) == before
        assert env.instruments.entered[BatchStatus.PROCESSING] == 1

    def test_after_a_retry_notes_the_start(self, env):
        """
        The batch is PROCESSING already, but its execution starts now.
        """
        batch_id = env.job(env.failed().job_id).batch_id
        retried = env.retried(batch_id)
        env.clock.advance(5)

        outcome = env.tell(retried.job_id, "RUNNING")

        assert outcome.entered == ()
        assert env.batch_of(retried.job_id).processing_started_at == env.clock.now()

    def test_after_the_end_changes_nothing(self, env):
        """
        A callback after the end has no effect.
        """
        accepted = env.ready()

        assert not env.tell(accepted.job_id, "RUNNING").changed
        assert env.batch_status(accepted.job_id) is BatchStatus.READY


class TestRepetitionAndOrder:
    def test_a_repeated_callback_has_no_effect(self, env):
        """
        A job that has ended does not change.
        """
        accepted = env.ready()
        env.clock.advance(5)
        before = env.job(accepted.job_id), env.batch_of(accepted.job_id)

        assert not env.handle(env.success(accepted.job_id)).changed
        assert not env.handle(env.failure(accepted.job_id)).changed

        assert (env.job(accepted.job_id), env.batch_of(accepted.job_id)) == before
        assert env.instruments.entered[BatchStatus.READY] == 1
        assert len(env.instruments.durations) == 1

    def test_older_job_does_not_change_the_batch(self, env):
        """
        Only the newest job changes its batch.
        """
        old = env.processing()
        batch = env.batch_of(old.job_id)
        with env.media.transaction() as tx:  # No use case creates this state, but an operator can, with SQL.
            tx.update_batch_status(
                batch.fail(Failure("BY_HAND", ""), at=env.clock.now()), expected=batch.status
            )
        new = env.retried(batch.id)

        outcome = env.handle(env.success(old.job_id))

        assert outcome.changed
        assert env.job(old.job_id).status is JobStatus.SUCCEEDED
        assert env.job(new.job_id).status is JobStatus.PENDING
        assert env.batch_status(old.job_id) is BatchStatus.PROCESSING
        assert env.listing_status() is WAITING

    def test_deleted_batch_is_recorded_on_the_job_only(self, env):
        """
        The execution of a deleted batch continues, but only its job changes.
        """
        accepted = env.processing()
        env.delete(env.job(accepted.job_id).batch_id)

        outcome = env.handle(env.success(accepted.job_id))

        assert outcome.changed
        assert env.job(accepted.job_id).status is JobStatus.SUCCEEDED
        assert env.batch_status(accepted.job_id) is BatchStatus.PROCESSING
        assert env.listing_status() is WAITING
        assert env.instruments.entered[BatchStatus.READY] == 0

    def test_unknown_job(self, env):
        """
        404, also for job 0.
        """
        with pytest.raises(JobNotFound):
            env.handle(ProcessingCallback(JobId(0), CallbackStatus.SUCCEEDED))

    def test_job_of_another_batch_or_listing(self, env):
        """
        The callback is refused if its ids do not match the job.
        """
        callback = env.success(env.processing().job_id)

        with pytest.raises(CallbackInvalid):
            env.handle(replace(callback, batch_id="other"))
        with pytest.raises(CallbackInvalid):
            env.handle(replace(callback, listing_id=DEVELOPMENT))

    def test_database_that_does_not_answer_changes_nothing(self, env):
        """
        The pipeline tries again, and then it succeeds.
        """
        accepted = env.processing()
        callback = env.success(accepted.job_id)
        env.media.available = False
        with pytest.raises(Unavailable):
            env.handle(callback)
        env.media.available = True

        assert env.batch_status(accepted.job_id) is BatchStatus.PROCESSING
        assert env.handle(callback).changed

    @given(data=st.data())
    def test_any_order_of_any_callbacks_ends_with_the_first_that_ends(self, new_env, data):
        """
        Repeated and reordered callbacks have the result of the first terminal callback.
        """
        env = new_env()
        job_id = env.received().job_id
        say = {
            "RUNNING": lambda: env.tell(job_id, "RUNNING"),
            "SUCCEEDED": lambda: env.handle(env.success(job_id)),
            "FAILED": lambda: env.handle(env.failure(job_id)),
        }
        said = data.draw(st.lists(st.sampled_from(sorted(say)), min_size=1, max_size=8))
        for status in said:
            env.clock.advance(1)
            say[status]()

        first = next((status for status in said if status != "RUNNING"), "RUNNING")
        expected = {"RUNNING": "PROCESSING", "SUCCEEDED": "READY", "FAILED": "FAILED"}[first]
        assert env.batch_status(job_id) == expected
        assert env.instruments.entered[BatchStatus.PROCESSING] == 1
        assert len(env.instruments.durations) == (first != "RUNNING")


class TestListing:
    def test_waits_for_its_other_batches(self, env):
        """
        The listing advances when its last batch leaves the pipeline.
        """
        first = env.processing(reference="first")
        second = env.received(reference="second")

        env.handle(env.success(first.job_id))
        assert env.listing_status() is WAITING
        env.handle(env.success(second.job_id))
        assert env.listing_status() is APPROVAL

    @pytest.mark.parametrize("ends", [("success", "failure"), ("failure", "success")])
    def test_order_of_the_ends_does_not_matter(self, env, ends):
        """
        A FAILED sibling does not hold the listing back, whether it ends first or last.
        """
        jobs = [env.processing(reference=reference).job_id for reference in ("first", "second")]

        for job_id, end in zip(jobs, ends, strict=True):
            assert env.listing_status() is WAITING
            env.handle(getattr(env, end)(job_id))

        assert env.listing_status() is APPROVAL

    def test_failed_retry_of_a_sibling_lets_the_listing_advance(self, env):
        """
        The retry is in the pipeline while the other batch turns READY; its failure ends the wait.
        """
        first = env.failed(reference="first")
        second = env.processing(reference="second")
        again = env.retried(env.batch_of(first.job_id).id)
        env.handle(env.success(second.job_id))
        assert env.listing_status() is WAITING

        env.handle(env.failure(again.job_id))

        assert env.listing_status() is APPROVAL

    def test_without_a_ready_batch_it_stays(self, env):
        """
        Neither FAILED batches nor a deleted READY batch advance the listing.
        """
        deleted = env.processing(reference="deleted")
        last = env.processing(reference="last")
        env.handle(env.success(deleted.job_id))
        env.delete(env.batch_of(deleted.job_id).id)

        env.handle(env.failure(last.job_id))

        assert env.listing_status() is WAITING

    def test_project_files_of_an_apartment_do_not_advance_it_when_photos_fail(self, env, files):
        """
        The READY batch belongs to a family that may not advance the listing.
        """
        options = {"listing": DEVELOPMENT, "by": env.operator}
        project = env.processing(files.document(1), reference="project", **options)
        photos = env.processing(files.photo(1), reference="photos", **options)
        env.listings.add_listing(DEVELOPMENT, owner_id=20, property_type=1)
        env.handle(env.success(project.job_id))

        env.handle(env.failure(photos.job_id))

        assert env.listing_status(DEVELOPMENT) is WAITING

    def test_does_not_wait_for_uploads_or_deleted_batches(self, env):
        """
        Open uploads and deleted batches are not in the pipeline.
        """
        env.opened(reference="open")
        deleted = env.processing(reference="deleted")
        env.delete(env.job(deleted.job_id).batch_id)

        env.ready(reference="first")

        assert env.listing_status() is APPROVAL

    @pytest.mark.parametrize("status", [status for status in ListingStatus if status != 6])
    def test_in_another_status_stays_there(self, env, status):
        """
        The status 6 → 7 is compared and set: a later status is not changed back.
        """
        accepted = env.processing()
        env.listings.set_status(APARTMENT, status)

        env.handle(env.success(accepted.job_id))

        assert env.batch_status(accepted.job_id) is BatchStatus.READY
        assert env.listing_status() is status

    def test_advances_by_project_files_on_developments_only(self, env, files):
        """
        A development advances without photos; an apartment that was a development does not.
        """
        options = {"listing": DEVELOPMENT, "by": env.owner}
        first = env.processing(files.document(1), reference="first", **options)
        env.listings.add_listing(DEVELOPMENT, owner_id=20, property_type=1)
        env.handle(env.success(first.job_id))
        assert env.listing_status(DEVELOPMENT) is WAITING

        env.listings.add_listing(DEVELOPMENT, owner_id=20, property_type=32)
        env.ready(files.document(1), reference="second", **options)
        assert env.listing_status(DEVELOPMENT) is APPROVAL

    def test_deleted_listing_does_not_prevent_the_end_of_a_batch(self, env):
        """
        The listing was deleted while its media were processed.
        """
        accepted = env.processing()
        callback = env.success(accepted.job_id)
        env.listings.delete_listing(APARTMENT)

        env.handle(callback)

        assert env.batch_status(accepted.job_id) is BatchStatus.READY
