"""The EventBridge events of executions and transcoding jobs, read as callbacks."""

import json

import pytest

from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.pipeline.callback.status_events import event_body

BATCH = "0b0e7a34-5a52-4c8f-9f43-000000000001"
NAME = f"batch-{BATCH}-job-7"
ARN = f"arn:aws:states:us-east-1:123456789012:execution:listing-media-processing-sm:{NAME}"
PHOTO = f"42/raw/photo/horizontal/{BATCH}/a.jpg"


def execution(status, **more):
    detail = {"executionArn": ARN, "name": NAME, "status": status, "input": None} | more
    return {"detail-type": "Step Functions Execution Status Change", "detail": detail}


def transcoding(status, **more):
    ours = {"jobId": "7", "batchId": BATCH, "listingId": "42", "item": "1"}
    detail = {"timestamp": 1765000000000, "status": status, "jobId": "x", "userMetadata": ours} | more
    return {"detail-type": "MediaConvert Job State Change", "detail": detail}


def callback_of(event, finished_work=None):
    return ProcessingCallback.parse(event_body(event, lambda _: finished_work))


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        ("TIMED_OUT", None, "TIMED_OUT"),
        ("ABORTED", None, "ABORTED"),
        ("FAILED", "States.DataLimitExceeded", "PROCESSING_FAILED"),
    ],
)
def test_an_execution_that_died_is_a_failed_job(status, error, code):
    """The job is read from the name, because the event of a large execution has no input."""
    callback = callback_of(execution(status, error=error, cause=None))

    assert (callback.job_id, callback.batch_id, callback.external_id) == (7, BATCH, ARN)
    assert callback.status is CallbackStatus(status)
    assert callback.failure_for([PHOTO]).code == code


def test_a_small_input_gives_the_listing():
    """The event of a small execution has its input."""
    callback = callback_of(execution("ABORTED", input=json.dumps({"listingId": 42})))

    assert callback.listing_id == 42


def test_an_execution_that_died_after_its_work_was_done_is_a_success():
    """It was stopped while it tried to deliver the callback."""
    output = {"rawKey": PHOTO, "processedKey": PHOTO.replace("raw", "processed")}
    state = {
        "jobId": 7,
        "batchId": BATCH,
        "listingId": 42,
        "zip": {
            "key": f"42/zip/{BATCH}/7/full.zip",
            "bytes": 22,
            "assets": 1,
            "outputs": [output],
            "startedAt": "2025-11-16T12:00:00+00:00",
        },
    }

    callback = callback_of(execution("ABORTED"), finished_work=state)

    assert callback.status is CallbackStatus.SUCCEEDED
    assert callback.failure_for([PHOTO]) is None


@pytest.mark.parametrize(
    ("event", "status", "progress"),
    [
        (transcoding("PROGRESSING"), "RUNNING", 0.0),
        (transcoding("STATUS_UPDATE", jobProgress={"jobPercentComplete": 40}), "RUNNING", 0.4),
        (transcoding("COMPLETE"), "SUCCEEDED", 1.0),
        (transcoding("ERROR", errorCode=1040), "FAILED", 0.0),
    ],
)
def test_a_transcoding_job_is_progress_of_its_step(event, status, progress):
    """It never ends the job: the state machine decides whether to try again."""
    callback = callback_of(event)

    assert (callback.job_id, callback.status) == (7, CallbackStatus.RUNNING)
    assert callback.external_id is None
    assert callback.step is not None
    assert (callback.step.name, callback.step.item) == ("TranscodeVideo", 1)
    assert (callback.step.status, callback.step.progress) == (status, progress)


@pytest.mark.parametrize(
    "event",
    [
        execution("FAILED", name="by-hand"),
        transcoding("COMPLETE", userMetadata={}),
        transcoding("NEW_WARNING"),
        {"detail-type": "Scheduled Event", "detail": {}},
    ],
)
def test_other_events_are_no_callbacks(event):
    """Operators may run the machine, and transcode, by hand."""
    assert event_body(event, lambda _: None) is None


def test_an_error_of_the_lookup_is_not_an_error_of_the_event():
    """A history that cannot be read now is no defect of the event: another attempt may read it."""

    def unreachable(_):
        raise ConnectionError("Step Functions is away")

    with pytest.raises(ConnectionError):
        event_body(execution("ABORTED"), unreachable)
