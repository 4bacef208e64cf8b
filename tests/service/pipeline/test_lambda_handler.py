"""The decorator of the Lambda handlers."""

import errno
import json
from functools import partial

import pytest

from harness.service.core.errors import Rejected, Retryable
from harness.service.pipeline.lambda_handler import lambda_handler

EVENT = {
    "jobId": 7,
    "batchId": "b",
    "listingId": 42,
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def handler_that_raises(error):
    @lambda_handler("validate")
    def handler(_event, _context):
        raise error

    return handler


def test_every_line_carries_the_ids(capsys):
    """A batch can be found in the logs by listing, batch, job or trace."""
    handler = lambda_handler("zip")(lambda _event, _context: {"done": True})

    assert handler(EVENT, None) == {"done": True}

    started, succeeded = lines(capsys)
    assert started["event"] == "service.media.zip.started"
    assert succeeded["event"] == "service.media.zip.succeeded"
    assert succeeded["duration_s"] >= 0
    for line in (started, succeeded):
        assert (line["listing_id"], line["batch_id"], line["job_id"]) == (42, "b", 7)
        assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_the_ids_of_a_callback_are_in_its_detail(capsys):
    """The input of the last handler contains the state."""
    lambda_handler("callback_dispatch")(lambda _event, _context: {})(
        {"status": "SUCCEEDED", "detail": EVENT}, None
    )

    assert [line["job_id"] for line in lines(capsys)] == [7, 7]


def test_the_ids_of_a_transcoding_event_are_in_its_metadata(capsys):
    """The job id of the event itself is that of MediaConvert."""
    detail = {"jobId": "1796046677230-972492", "userMetadata": {"jobId": "7", "batchId": "b"}}

    lambda_handler("callback_dispatch")(lambda _event, _context: {})({"detail": detail}, None)

    assert [(line["job_id"], line["batch_id"]) for line in lines(capsys)] == [("7", "b")] * 2


@pytest.mark.parametrize(
    "detail",
    [
        {"traceparent": EVENT["traceparent"]},
        {"userMetadata": {"traceparent": EVENT["traceparent"]}},
        {"input": json.dumps(EVENT)},
    ],
)
def test_an_event_continues_the_trace_of_its_execution(capsys, detail):
    """The state machine has it in the state, MediaConvert in its metadata, Step Functions in the input."""
    lambda_handler("callback_dispatch")(lambda _event, _context: {})({"detail": detail}, None)

    for line in lines(capsys):
        assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
        assert line["span_id"] != "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("error", "event"), [(Rejected("X: y"), "rejected"), (Retryable("X: y"), "retryable")]
)
def test_the_two_names_pass_and_are_logged(capsys, error, event):
    """The state machine matches only these two errors."""
    with pytest.raises(type(error), match=r"^X: y$"):
        handler_that_raises(error)(EVENT, None)

    assert lines(capsys)[-1]["event"] == f"service.media.validate.{event}"


def test_a_defect_is_logged_and_rejected(capsys):
    """The log has the traceback, the error has the name."""
    with pytest.raises(Rejected, match=r"^INTERNAL_ERROR: validate: KeyError; see the log"):
        handler_that_raises(KeyError("videos"))(EVENT, None)

    assert "Traceback" in lines(capsys)[-1]["exception"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_tried_again(capsys, number):
    """The next sandbox has a disk of its own; the error has no path of this one."""
    with pytest.raises(
        Retryable, match=r"^DISK_FULL: validate: the working directory of the function is full$"
    ):
        handler_that_raises(OSError(number, "full", "/tmp/validate-x"))(EVENT, None)

    assert lines(capsys)[-1]["event"] == "service.media.validate.disk_full"


def test_another_error_of_the_system_is_a_defect(capsys):
    """It would come again."""
    with pytest.raises(Rejected, match=r"^INTERNAL_ERROR: validate: FileNotFoundError; see the log"):
        handler_that_raises(FileNotFoundError(errno.ENOENT, "no file"))(EVENT, None)

    assert "Traceback" in lines(capsys)[-1]["exception"]


@pytest.mark.parametrize("event", [None, [], "text", {"detail": None}])
def test_an_event_that_is_no_object_is_rejected(event):
    """Any state machine may call the function."""
    with pytest.raises(Rejected, match=r"^INPUT_INVALID: "):
        lambda_handler("validate")(lambda _event, _context: {})(event, None)


def test_what_invocations_share_is_prepared_in_the_init_phase(monkeypatch):
    """Then the first invocation does not create it; outside Lambda an import creates nothing."""
    prepared = []
    decorator = partial(lambda_handler, "zip", prepare=lambda: prepared.append("client"))

    decorator()(lambda _event, _context: {})
    assert prepared == []

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "listing-media-zip")
    decorator()(lambda _event, _context: {})
    assert prepared == ["client"]


def test_an_error_of_the_init_phase_is_left_to_the_invocation(monkeypatch):
    """The function can be imported; its invocation reports the error."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "listing-media-zip")

    def prepare():
        raise Rejected("CONFIGURATION_MISSING: set MEDIA_BUCKET: the media bucket")

    handler = lambda_handler("zip", prepare=prepare)(lambda _event, _context: prepare())

    with pytest.raises(Rejected, match="MEDIA_BUCKET"):
        handler(EVENT, None)
