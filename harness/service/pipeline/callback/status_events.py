"""
The EventBridge events of executions and transcoding jobs, read as callbacks.

An execution that failed, timed out or was aborted may not have sent a callback: it exceeded a limit, or it
was stopped. The event of its end is the callback then; if it did send one, the second has no effect. An
event of a transcoding job is a RUNNING callback with the progress of its step. EventBridge may deliver an
event twice, and in any order.

Source: AWS Step Functions Developer Guide, "Automating event delivery with EventBridge"; AWS Elemental
MediaConvert User Guide, "Using EventBridge".
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from harness.service.core.errors import Rejected
from harness.service.core.model.job import Provider
from harness.service.pipeline.callback.callback_body import callback_body

TRANSCODING_STATE = "TranscodeVideo"

FinishedWork = Callable[[str], Mapping[str, Any] | None]
"""Returns the state of an execution (ARN) since it made its bundle, None if it has not made it."""

_EXECUTION_NAME = re.compile(r"batch-([0-9a-f-]{36})-job-([0-9]{1,19})")
_STEP_STATUS = {
    "PROGRESSING": "RUNNING",
    "STATUS_UPDATE": "RUNNING",
    "COMPLETE": "SUCCEEDED",
    "ERROR": "FAILED",
    "CANCELED": "FAILED",
}


def is_status_event(event: Mapping[str, Any]) -> bool:
    """Return whether the input of the function is an EventBridge event, and not that of the state machine."""
    return "detail-type" in event


def event_body(event: Mapping[str, Any], finished_work: FinishedWork) -> dict[str, Any] | None:
    """
    Return the body of the callback for an event, None if the event is not about a job of the service.

    Raises:
        Rejected: The event has not the form that AWS documents.
    """
    match event["detail-type"]:
        case "Step Functions Execution Status Change":
            return _execution_body(event, finished_work)
        case "MediaConvert Job State Change":
            with _reading_event():
                return _transcoding_body(event["detail"])
    return None


@contextmanager
def _reading_event() -> Iterator[None]:
    """Raise `Rejected` if what the body reads of an event is missing or has another type."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise Rejected(f"INPUT_INVALID: an event of an unknown form: {error!r}") from error


def _execution_body(event: Mapping[str, Any], finished_work: FinishedWork) -> dict[str, Any] | None:
    with _reading_event():
        detail = event["detail"]
        named = _EXECUTION_NAME.fullmatch(str(detail.get("name")))
        if not named:
            return None
        arn = detail["executionArn"]
    # Outside: an error of AWS is no fault of the event, and another attempt may succeed.
    if (state := finished_work(arn)) is not None:
        # It ended while it tried to deliver the callback; the work itself was done.
        return callback_body({"status": "SUCCEEDED", "executionArn": arn, "detail": state})
    with _reading_event():
        # EventBridge leaves out an input that is too large, so the ids are read from the name.
        given = json.loads(detail.get("input") or "{}")
        return callback_body(
            {
                "status": detail["status"],
                "executionArn": arn,
                "error": {"Error": detail.get("error"), "Cause": detail.get("cause")},
                "detail": {"listingId": None, **given, "jobId": int(named[2]), "batchId": named[1]},
            }
        )


def _transcoding_body(detail: Mapping[str, Any]) -> dict[str, Any] | None:
    ours, status = detail.get("userMetadata") or {}, _STEP_STATUS.get(detail["status"])
    if status is None or not {"jobId", "batchId", "listingId", "item"} <= ours.keys():
        return None
    percent = (detail.get("jobProgress") or {}).get("jobPercentComplete", 0)
    at = datetime.fromtimestamp(detail["timestamp"] / 1000, UTC)
    return {
        **{name: ours[name] for name in ("jobId", "batchId", "listingId")},
        "status": "RUNNING",
        "provider": Provider.MEDIACONVERT.value,
        "traceparent": None,
        "step": {
            "name": TRANSCODING_STATE,
            "item": int(ours["item"]),
            "status": status,
            "progress": 1.0 if status == "SUCCEEDED" else percent / 100,
            "at": at.isoformat(),
        },
    }
