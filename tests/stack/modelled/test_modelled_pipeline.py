"""
The pipeline with modelled work: the real inputs, outputs and errors, and the service times of a scenario.
"""

import hashlib
import threading

import boto3
import pytest
from moto import mock_aws

from harness.lab.load.clients import download_check
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import ServiceTimes
from harness.service.core.errors import Rejected, Retryable
from harness.service.core.model.callback import ProcessingCallback
from harness.service.pipeline.callback.callback_body import callback_body
from harness.service.pipeline.media_objects import MediaObjects
from harness.stack.aws.mediaconvert.local_mediaconvert import TranscodingFailed
from harness.stack.modelled.modelled_pipeline import ModelledPipeline
from tests.media_state_machine import transcoding_job

BATCH = "0b0e7a34-5a52-4c8f-9f43-000000000001"
FUNCTIONS = ["validate", "thumbnails", "zip", "callback-dispatch"]


def scenario(*faults, **changes):
    document = {
        "question": "How long?",
        "seed": 7,
        "duration_s": 60,
        "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 60}]}],
        "flows": [{"name": "photo_shoot", "photos": 2, "videos": 2}],
        "faults": list(faults),
    }
    return Scenario.model_validate(document | changes)


class RecordedPauses:
    """Records the lengths of pauses and does not wait."""

    def __init__(self):
        self.slept = []

    def __call__(self, _event, seconds):
        self.slept.append(seconds)


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="toq-listing-medias")
        yield MediaObjects(client, "toq-listing-medias", "alias/key")


def uploaded(bucket, files):
    """Upload filler for planned files; return the execution's input."""
    assets = []
    for file in files:
        folder = file.media_type.lower().replace("_", "/")
        key = f"42/raw/{folder}/{BATCH}/{file.client_id}-{file.filename}"
        bucket.put(key, b"xyz", file.content_type)
        assets.append(
            {
                "key": key,
                "type": file.media_type,
                "clientId": file.client_id,
                "filename": file.filename,
                "bytes": 3,
                "checksum": hashlib.sha256(b"xyz").hexdigest(),
                "contentType": file.content_type,
            }
        )
    return {
        "jobId": 7,
        "batchId": BATCH,
        "listingId": 42,
        "attempt": 1,
        "traceparent": None,
        "assets": assets,
    }


def pipeline(bucket, played, **more):
    return ModelledPipeline(played, objects=lambda: bucket, **{"pause": RecordedPauses(), **more})


def keys_in(bucket):
    return {item["Key"] for item in bucket.client.list_objects_v2(Bucket="toq-listing-medias")["Contents"]}


class TestOneBatch:
    def test_it_runs_through_and_everything_can_be_downloaded(self, bucket):
        """The callback reports success, and every key in it exists in the bucket."""
        played = scenario()
        handlers = pipeline(bucket, played)
        state = uploaded(bucket, Mix(played).batch(3).files)

        state["validation"] = handlers.validate(state)
        images = handlers.thumbnails(state)
        videos = [self.transcoded(handlers, state, video) for video in state["validation"]["videos"]]
        state["processed"] = [images, videos]
        state["zip"] = handlers.zip(state)

        callback = ProcessingCallback.parse(
            callback_body({"status": "SUCCEEDED", "executionArn": "arn", "detail": state})
        )
        assert callback.failure_for([asset["key"] for asset in state["assets"]]) is None
        stored = {key for output in callback.outputs for key in output.variants.values()}
        assert len(stored) == 2 * 4 + 2 * 4
        assert stored | {callback.zip.key} <= keys_in(bucket)
        assert callback.zip.assets == 4

    @staticmethod
    def transcoded(handlers, state, video):
        job = transcoding_job(video) | {"UserMetadata": {"batchId": state["batchId"]}}
        details = handlers.transcode(job, threading.Event())
        assert len(details) == 4
        return {"key": video["key"], "status": "COMPLETE"}

    @pytest.mark.parametrize("media", ["real", "placeholder"])
    def test_clients_that_check_their_downloads_find_what_is_announced(self, bucket, media):
        """Pictures of the announced size, videos and all names of the archive, where the media are real."""
        played = scenario(media=media)
        handlers = pipeline(bucket, played)
        state = uploaded(bucket, Mix(played).batch(3).files)
        state["validation"] = handlers.validate(state)
        images = handlers.thumbnails(state)
        videos = [self.transcoded(handlers, state, video) for video in state["validation"]["videos"]]
        state["processed"] = [images, videos]
        zipped = handlers.zip(state)

        def downloaded(key):
            return bucket.client.get_object(Bucket=bucket.bucket, Key=key)["Body"].read()

        largest = images["outputs"][0]
        announced = largest["resolutions"]["large"]
        found = [
            download_check.image(announced)(downloaded(largest["outputs"]["large"])),
            download_check.archive(zipped["assets"])(downloaded(zipped["key"])),
        ]
        assert (found == [None, None]) == (media == "real")

    def test_every_step_takes_what_the_simulator_draws(self, bucket):
        """The same model and the same key give the same seconds, less the time of the handler's own work."""
        played = scenario()
        batch = Mix(played).batch(3)
        times = ServiceTimes(played.model, played.seed)
        pauses = RecordedPauses()
        handlers = pipeline(bucket, played, pause=pauses, callback=lambda event, _: event)
        state = uploaded(bucket, batch.files)

        state["validation"] = handlers.validate(state)
        handlers.thumbnails(state)
        for video in state["validation"]["videos"]:
            job = transcoding_job(video) | {"UserMetadata": {"batchId": BATCH}}
            handlers.transcode(job, threading.Event())
        handlers.callback_dispatch({"status": "SUCCEEDED", "detail": state})

        expected = [
            times.seconds("validate", batch.files, 3),
            times.seconds("thumbnails", batch.images, 3),
            times.seconds("transcode", batch.videos[:1], 3, item=0),
            times.seconds("transcode", batch.videos[1:], 3, item=1),
            times.seconds("callback", (), 3),
        ]
        # A handler sleeps for what its own work leaves of the time: on a busy machine some tenths less.
        for slept, seconds in zip(pauses.slept, expected, strict=True):
            assert max(0.0, seconds - 1.0) <= slept < seconds
        assert sum(pauses.slept) > 5

    def test_a_time_scale_shortens_pauses(self, bucket):
        """At a time scale of ten a pause is a tenth of the model seconds."""
        played = scenario(model={"validate": {"fixed_s": 100}})
        pauses = RecordedPauses()

        pipeline(bucket, played, pause=pauses, time_scale=10).validate(
            uploaded(bucket, Mix(played).batch(0).files)
        )

        assert 9 < pauses.slept[0] <= 10

    def test_a_second_attempt_has_its_own_service_time(self, bucket):
        """Its draw has the same key but for the attempt."""
        played = scenario(model={"validate": {"fixed_s": {"distribution": "uniform", "low": 10, "high": 90}}})
        pauses = RecordedPauses()
        handlers = pipeline(bucket, played, pause=pauses)
        event = uploaded(bucket, Mix(played).batch(3).files)

        handlers.validate(event)
        handlers.validate(event)

        times = ServiceTimes(played.model, played.seed)
        for attempt, slept in enumerate(pauses.slept, start=1):
            assert slept == pytest.approx(times.seconds("validate", (), 3, attempt=attempt), abs=1)
        assert abs(pauses.slept[0] - pauses.slept[1]) > 2


class TestUnplannedFiles:
    def test_unplanned_files_get_ordinary_dimensions(self, bucket):
        """A user may upload by hand to a modelled stack."""
        event = uploaded(bucket, Mix(scenario()).batch(3).files)
        for number, asset in enumerate(event["assets"]):
            asset["clientId"] = f"mine-{number}"

        validation = pipeline(bucket, None).validate(event)
        outputs = pipeline(bucket, None).thumbnails(event | {"validation": validation})["outputs"]

        assert len(outputs) == 2
        assert {output["width"] for output in outputs} <= {1200, 900}
        assert {validation["videos"][0][side] for side in ("width", "height")} == {1920, 1080}


class TestErrors:
    def test_a_file_that_is_missing_or_of_another_size(self, bucket):
        """The validation compares sizes without opening a file."""
        played = scenario()
        event = uploaded(bucket, Mix(played).batch(3).files)
        event["assets"][0]["bytes"] = 4
        with pytest.raises(Rejected, match=r"^SIZE_MISMATCH: "):
            pipeline(bucket, played).validate(event)

        bucket.client.delete_object(Bucket="toq-listing-medias", Key=event["assets"][0]["key"])
        with pytest.raises(Rejected, match=r"^UPLOAD_MISSING: "):
            pipeline(bucket, played).validate(event)

    def test_a_corrupt_file_does_not_decode(self, bucket):
        """The scenario decides which files are corrupt."""
        played = scenario({"kind": "corrupt_file", "rate": 1.0})

        with pytest.raises(Rejected, match=r"^DECODE_FAILED: "):
            pipeline(bucket, played).validate(uploaded(bucket, Mix(played).batch(3).files))

    @pytest.mark.parametrize(("name", "kind"), [("Retryable", Retryable), ("Rejected", Rejected)])
    def test_a_function_fails_by_the_name_the_scenario_gives(self, bucket, name, kind):
        """The pipeline's own two errors keep their classes."""
        played = scenario({"kind": "lambda_error", "function": "validate", "rate": 1.0, "error": name})

        with pytest.raises(kind, match=r"^INJECTED: validate, attempt 1"):
            pipeline(bucket, played).validate(uploaded(bucket, Mix(played).batch(3).files))

    def test_a_function_may_fail_with_any_other_name(self, bucket):
        """A state machine matches errors by their name only."""
        played = scenario(
            {"kind": "lambda_error", "function": "zip", "rate": 1.0, "error": "Lambda.ServiceException"}
        )

        with pytest.raises(Exception, match="INJECTED") as raised:
            pipeline(bucket, played).zip(uploaded(bucket, Mix(played).batch(3).files))
        assert type(raised.value).__name__ == "Lambda.ServiceException"

    def test_errors_are_as_frequent_as_their_rate(self, bucket):
        """Of 400 batches at a rate of a quarter 100 fail, ± 4 standard deviations."""
        played = scenario({"kind": "lambda_error", "function": "zip", "rate": 0.25, "error": "Retryable"})
        handlers = pipeline(bucket, played)
        failures = 0

        for arrival in range(400):
            plan = {"key": "k", "clientId": f"a{arrival}-1", "bytes": 1, "type": "PROJECT_DOC"}
            plan |= {"contentType": "application/pdf", "sequence": 1}
            files = {"images": [], "videos": [], "documents": [plan]}
            event = {"batchId": f"b{arrival}", "jobId": 1, "listingId": 1}
            try:
                handlers.zip(event | {"validation": files | {"startedAt": "2026-01-01T00:00:00Z"}})
            except Retryable:
                failures += 1

        assert 65 <= failures <= 135

    def test_a_transcoding_job_fails(self, bucket):
        """The state machine sees the status ERROR."""
        played = scenario({"kind": "mediaconvert_error", "rate": 1.0})
        handlers = pipeline(bucket, played)
        video = handlers.validate(uploaded(bucket, Mix(played).batch(3).files))["videos"][0]

        with pytest.raises(TranscodingFailed, match="the transcoding job ended with ERROR"):
            handlers.transcode(transcoding_job(video) | {"UserMetadata": {}}, threading.Event())

    def test_a_slow_callback_is_posted_late(self, bucket):
        """The delay comes on top of the service time."""
        played = scenario({"kind": "slow_callback", "rate": 1.0, "delay_s": 100})
        pauses = RecordedPauses()
        posted = []
        handlers = pipeline(
            bucket, played, pause=pauses, callback=lambda event, _: posted.append(event) or {}
        )
        event = {"status": "SUCCEEDED", "detail": uploaded(bucket, Mix(played).batch(3).files)}

        handlers.callback_dispatch(event)

        assert pauses.slept[0] > 99
        assert posted == [event]

    def test_an_invalid_event_is_rejected(self, bucket):
        """The real handlers reject it with the same error code."""
        for event in ({}, {"batchId": "b", "assets": [{}]}, {"batchId": "b", "assets": None}):
            with pytest.raises(Rejected, match=r"^INPUT_INVALID: "):
                pipeline(bucket, None).validate(event)


def test_every_function_has_a_modelled_handler():
    """Handlers are found by the function names of the blueprint."""
    assert set(ModelledPipeline(None).handlers) == {f"listing-media-{name}" for name in FUNCTIONS}


def test_a_cancelled_job_stops_its_pause(bucket):
    """The event that cancels the job ends the sleep."""
    played = scenario(model={"transcode": {"fixed_s": 3600}})
    handlers = pipeline(bucket, played, pause=threading.Event.wait)
    state = uploaded(bucket, Mix(played).batch(3).files)
    video = pipeline(bucket, played).validate(state)["videos"][0]
    cancelled = threading.Event()
    cancelled.set()

    assert handlers.transcode(transcoding_job(video) | {"UserMetadata": {}}, cancelled)
