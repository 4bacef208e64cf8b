"""The pipeline without its work: same inputs, outputs and errors, the time a scenario says."""

import hashlib
import threading

import boto3
import pytest
from moto import mock_aws

from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import ServiceTimes
from harness.service.core.errors import Rejected, Retryable
from harness.service.core.model.callback import ProcessingCallback
from harness.service.pipeline.callback_body import callback_body
from harness.service.pipeline.media_objects import MediaObjects
from harness.stack.aws.mediaconvert.local_mediaconvert import TranscodingFailed
from harness.stack.modelled.modelled_pipeline import ModelledPipeline

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


class Clockwork:
    """Sleeps without waiting, and remembers for how long it should have."""

    def __init__(self):
        self.slept = []

    def __call__(self, _event, seconds):
        self.slept.append(seconds)


@pytest.fixture
def vault(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="media")
        yield MediaObjects(client, "media", "alias/key")


def uploaded(vault, files):
    """Upload filler for planned files; return the execution's input."""
    assets = []
    for file in files:
        folder = file.media_type.lower().replace("_", "/")
        key = f"42/raw/{folder}/{BATCH}/{file.client_id}-{file.filename}"
        vault.put(key, b"xyz", file.content_type)
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


def pipeline(vault, played, **more):
    return ModelledPipeline(played, objects=lambda: vault, **{"pause": Clockwork(), **more})


def keys_in(vault):
    return {item["Key"] for item in vault.client.list_objects_v2(Bucket="media")["Contents"]}


class TestOneBatch:
    def test_it_runs_through_and_everything_can_be_downloaded(self, vault):
        """The backend sees a success, and every key it is told is in the bucket."""
        played = scenario()
        twins = pipeline(vault, played)
        state = uploaded(vault, Mix(played).batch(3).files)

        state["validation"] = twins.validate(state)
        images = twins.thumbnails(state)
        videos = [self.transcoded(twins, state, video) for video in state["validation"]["videos"]]
        state["processed"] = [images, videos]
        state["zip"] = twins.zip(state)

        callback = ProcessingCallback.parse(
            callback_body({"status": "SUCCEEDED", "executionArn": "arn", "detail": state})
        )
        assert callback.failure_for([asset["key"] for asset in state["assets"]]) is None
        told = {key for output in callback.outputs for key in output.variants.values()}
        assert len(told) == 2 * 4 + 2 * 3
        assert told | {callback.zip.key} <= keys_in(vault)
        assert callback.zip.assets == 4

    @staticmethod
    def transcoded(twins, state, video):
        job = {"Settings": video["jobSettings"], "UserMetadata": {"batchId": state["batchId"]}}
        details = twins.transcode(job, threading.Event())
        assert len(details) == 3
        return {"key": video["key"], "prefix": video["prefix"], "status": "COMPLETE"}

    def test_every_step_takes_what_the_simulator_draws(self, vault):
        """The same model, the same key, the same seconds, less the twin's own work."""
        played = scenario()
        batch = Mix(played).batch(3)
        times = ServiceTimes(played.model, played.seed)
        clockwork = Clockwork()
        twins = pipeline(vault, played, pause=clockwork, callback=lambda event, _: event)
        state = uploaded(vault, batch.files)

        state["validation"] = twins.validate(state)
        twins.thumbnails(state)
        for video in state["validation"]["videos"]:
            job = {"Settings": video["jobSettings"], "UserMetadata": {"batchId": BATCH}}
            twins.transcode(job, threading.Event())
        twins.callback_dispatch({"status": "SUCCEEDED", "detail": state})

        expected = [
            times.seconds("validate", batch.files, 3),
            times.seconds("thumbnails", batch.images, 3),
            times.seconds("transcode", batch.videos[:1], 3, item=0),
            times.seconds("transcode", batch.videos[1:], 3, item=1),
            times.seconds("callback", (), 3),
        ]
        # The twin's own work counts: it sleeps for the rest. On a busy machine it may be some tenths.
        for slept, seconds in zip(clockwork.slept, expected, strict=True):
            assert max(0.0, seconds - 1.0) <= slept < seconds
        assert sum(clockwork.slept) > 5

    def test_time_may_pass_faster(self, vault):
        """At a scale of ten, a tenth of the model's seconds."""
        played = scenario(model={"validate": {"fixed_s": 100}})
        clockwork = Clockwork()

        pipeline(vault, played, pause=clockwork, time_scale=10).validate(
            uploaded(vault, Mix(played).batch(0).files)
        )

        assert 9 < clockwork.slept[0] <= 10

    def test_a_second_attempt_has_times_of_its_own(self, vault):
        """Drawn from the same key with attempt 2."""
        played = scenario(model={"validate": {"fixed_s": {"distribution": "uniform", "low": 10, "high": 90}}})
        clockwork = Clockwork()
        twins = pipeline(vault, played, pause=clockwork)
        event = uploaded(vault, Mix(played).batch(3).files)

        twins.validate(event)
        twins.validate(event)

        times = ServiceTimes(played.model, played.seed)
        for attempt, slept in enumerate(clockwork.slept, start=1):
            assert slept == pytest.approx(times.seconds("validate", (), 3, attempt=attempt), abs=1)
        assert abs(clockwork.slept[0] - clockwork.slept[1]) > 2


class TestStrangers:
    def test_files_nobody_planned_are_taken_for_ordinary_ones(self, vault):
        """Somebody uploads by hand to a modelled stack."""
        event = uploaded(vault, Mix(scenario()).batch(3).files)
        for number, asset in enumerate(event["assets"]):
            asset["clientId"] = f"mine-{number}"

        validation = pipeline(vault, None).validate(event)
        outputs = pipeline(vault, None).thumbnails(event | {"validation": validation})["outputs"]

        assert len(outputs) == 2
        assert {output["width"] for output in outputs} <= {1200, 900}
        assert {validation["videos"][0][side] for side in ("width", "height")} == {1920, 1080}


class TestErrors:
    def test_a_file_that_is_missing_or_of_another_size(self, vault):
        """Found without opening anything."""
        played = scenario()
        event = uploaded(vault, Mix(played).batch(3).files)
        event["assets"][0]["bytes"] = 4
        with pytest.raises(Rejected, match=r"^SIZE_MISMATCH: "):
            pipeline(vault, played).validate(event)

        vault.client.delete_object(Bucket="media", Key=event["assets"][0]["key"])
        with pytest.raises(Rejected, match=r"^UPLOAD_MISSING: "):
            pipeline(vault, played).validate(event)

    def test_a_corrupt_file_does_not_decode(self, vault):
        """As the scenario planned it."""
        played = scenario({"kind": "corrupt_file", "rate": 1.0})

        with pytest.raises(Rejected, match=r"^DECODE_FAILED: "):
            pipeline(vault, played).validate(uploaded(vault, Mix(played).batch(3).files))

    @pytest.mark.parametrize(("name", "kind"), [("Retryable", Retryable), ("Rejected", Rejected)])
    def test_a_function_fails_by_the_name_the_scenario_gives(self, vault, name, kind):
        """The two of the pipeline are the real ones."""
        played = scenario({"kind": "lambda_error", "function": "validate", "rate": 1.0, "error": name})

        with pytest.raises(kind, match=r"^INJECTED: validate, attempt 1"):
            pipeline(vault, played).validate(uploaded(vault, Mix(played).batch(3).files))

    def test_any_other_name_will_do(self, vault):
        """A state machine knows errors by their name only."""
        played = scenario(
            {"kind": "lambda_error", "function": "zip", "rate": 1.0, "error": "Lambda.ServiceException"}
        )

        with pytest.raises(Exception, match="INJECTED") as raised:
            pipeline(vault, played).zip(uploaded(vault, Mix(played).batch(3).files))
        assert type(raised.value).__name__ == "Lambda.ServiceException"

    def test_errors_strike_as_often_as_they_should(self, vault):
        """Of 400 batches at a rate of a quarter, 100 ± 4 standard deviations."""
        played = scenario({"kind": "lambda_error", "function": "zip", "rate": 0.25, "error": "Retryable"})
        twins = pipeline(vault, played)
        failures = 0

        for arrival in range(400):
            event = {"batchId": f"b{arrival}", "jobId": 1, "listingId": 1}
            event["assets"] = [
                {"key": "k", "clientId": f"a{arrival}-1", "bytes": 1, "type": "PROJECT_DOC"}
                | {"contentType": "application/pdf"}
            ]
            try:
                twins.zip(event | {"validation": {"images": [], "videos": [], "documents": []}})
            except Retryable:
                failures += 1

        assert 65 <= failures <= 135

    def test_a_transcoding_job_fails(self, vault):
        """The state machine sees status ERROR."""
        played = scenario({"kind": "mediaconvert_error", "rate": 1.0})
        twins = pipeline(vault, played)
        video = twins.validate(uploaded(vault, Mix(played).batch(3).files))["videos"][0]

        with pytest.raises(TranscodingFailed, match="told to by the scenario"):
            twins.transcode({"Settings": video["jobSettings"], "UserMetadata": {}}, threading.Event())

    def test_a_slow_callback_is_posted_late(self, vault):
        """On top of its own time."""
        played = scenario({"kind": "slow_callback", "rate": 1.0, "delay_s": 100})
        clockwork = Clockwork()
        posted = []
        twins = pipeline(vault, played, pause=clockwork, callback=lambda event, _: posted.append(event) or {})
        event = {"status": "SUCCEEDED", "detail": uploaded(vault, Mix(played).batch(3).files)}

        twins.callback_dispatch(event)

        assert clockwork.slept[0] > 99
        assert posted == [event]

    def test_an_event_that_makes_no_sense(self, vault):
        """Rejected, as by the real handlers."""
        for event in ({}, {"batchId": "b", "assets": [{}]}, {"batchId": "b", "assets": None}):
            with pytest.raises(Rejected, match=r"^INPUT_INVALID: "):
                pipeline(vault, None).validate(event)


def test_there_is_a_twin_for_every_function():
    """By the names the blueprint gives them."""
    assert set(ModelledPipeline(None).handlers) == {f"listing-media-{name}" for name in FUNCTIONS}


def test_a_cancelled_job_does_not_sleep_on(vault):
    """The event that cancels it wakes it."""
    played = scenario(model={"transcode": {"fixed_s": 3600}})
    twins = pipeline(vault, played, pause=threading.Event.wait)
    state = uploaded(vault, Mix(played).batch(3).files)
    video = pipeline(vault, played).validate(state)["videos"][0]
    cancelled = threading.Event()
    cancelled.set()

    assert twins.transcode({"Settings": video["jobSettings"], "UserMetadata": {}}, cancelled)
