"""
The four functions and the transcoder in virtual time.

Inputs, outputs, errors and callbacks are made by the code of `harness.service.pipeline`; no file is opened.
A file whose name contains ``corrupt`` does not pass the validation, one with ``damaged`` fails later.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.core.errors import Rejected, Retryable, Unavailable
from harness.service.core.model.asset import POSTER
from harness.service.core.model.callback_signature import sign
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.object_key import zip_key
from harness.service.core.ports.object_storage import StoredObject
from harness.service.pipeline.asset_failures import AssetFailure, error_text
from harness.service.pipeline.callback.callback_body import callback_body, outputs_of, require_detail
from harness.service.pipeline.callback.status_events import event_body, is_status_event
from harness.service.pipeline.execution_assets import ExecutionAsset, assets_of, empty_output, is_video
from harness.service.pipeline.renditions import FRAME_SUFFIX
from harness.service.pipeline.thumbnails import (
    PROCESSING_FAILED,
    SIZES,
    document_output,
    image_output,
)
from harness.service.pipeline.validate import validation_output
from harness.service.pipeline.zip_bundle import entries_of
from harness.service.rehearsal.fault_decisions import Strike
from harness.service.rehearsal.rehearsed_process import (
    READ,
    WRITE,
    ProcessDown,
    RehearsedProcess,
    Surroundings,
)
from harness.service.rehearsal.virtual_step_functions import EPOCH, arn_of
from harness.service.rehearsal.virtual_time import RehearsedTask
from harness.states_language.execution import Execution
from harness.states_language.host import TaskAttempt, nanoseconds

Event = dict[str, Any]
FINAL_STATUSES = (400, 404, 413)
"""The statuses with which the service refuses the content of a callback, as in the real function."""
HTTP_TIMEOUT = 10.0
"""How long the function waits for the answer to a callback [s]."""
ASYNC_RETRIES = (60.0, 120.0)
"""Pauses before Lambda invokes a function again that failed on an event [s]."""
SECONDS = {"validate": 0.6, "thumbnails": 2.0, "zip": 1.5, "callback-dispatch": 0.05}
TRANSCODING_SECONDS = 12.0
VIDEO = {"width": 1280, "height": 720, "durationSeconds": 4.0, "hasAudio": True}
INVOCATION = (
    Strike.DELAY,
    Strike.INVOCATION_ERROR,
    Strike.THROTTLED,
    Strike.STUCK,
    Strike.LOST_ANSWER,
    Strike.LATE,
)
REFUSALS: Mapping[Strike | None, str] = {
    Strike.THROTTLED: "Lambda.TooManyRequestsException",
    Strike.INVOCATION_ERROR: "Lambda.ServiceException",
}
"""The errors of invocations that do not reach the function."""
DELIVERY = (Strike.LOST, Strike.DUPLICATE, Strike.LATE)
REQUEST = (
    Strike.DELAY,
    Strike.UNAVAILABLE,
    Strike.LOST_ANSWER,
    Strike.DUPLICATE,
    Strike.LATE,
    Strike.TAMPERED,
    Strike.EMPTY,
    Strike.REORDER,
)
LONGEST_WAIT = 5.0
"""How long a callback waits for the next one, that is to overtake it [s]."""


class PlannedWork(NamedTuple):
    """The work of one attempt: its time [s], and the error with which it ends; None if it succeeds."""

    seconds: float
    error: str | None = None
    cause: str = ""


Post = Callable[[bytes, str], int]
"""Sends a callback (raw body, signature) to the API, and returns the HTTP status."""


class RehearsedFunctions:
    """
    The functions, over the bucket and the API.

    Args:
        finished_work: Returns what an execution has made, as Step Functions tells it.
        slowness: How many times as long as usual the work takes.
    """

    def __init__(
        self,
        around: Surroundings,
        bucket: InMemoryObjectStorage,
        post: Post,
        finished_work: Callable[[str], Mapping[str, Any] | None],
        secret: str,
        slowness: float = 1.0,
    ) -> None:
        self._around = around
        self._bucket = bucket
        self._post_to_api = post
        self._finished_work = finished_work
        self._secret = secret
        self._slowness = slowness
        self._held: list[RehearsedTask] = []
        self._handlers: Mapping[str, Callable[[RehearsedProcess, Event], Event]] = {
            "validate": self._validate,
            "thumbnails": self._thumbnails,
            "zip": self._zip,
            "callback-dispatch": self._callback,
        }

    def begin(self, attempt: TaskAttempt) -> None:
        """Begin the work of a Task."""
        item = f" {attempt.item}" if attempt.position.map_item is not None else ""
        name = f"job {attempt.execution.input['jobId']} {attempt.node.name}{item}"
        function = attempt.node.task.function_name
        attempt.enforce_deadline()
        if function is None:
            self._around.time.spawn(name, lambda: self._transcode(attempt))
        else:
            handler = function.removeprefix("listing-media-")
            self._around.time.spawn(name, lambda: self._invoke(attempt, handler))

    def execution_ended(self, execution: Execution) -> None:
        """Send the event of an execution that failed or timed out to the callback function."""
        if execution.status == "SUCCEEDED":
            return
        detail = {
            "name": execution.name,
            "executionArn": arn_of(execution.name),
            "status": str(execution.status),
            "input": json.dumps(execution.input),
            "error": execution.error,
            "cause": execution.cause,
        }
        event = {"detail-type": "Step Functions Execution Status Change", "detail": detail}
        self._deliver(f"job {execution.input['jobId']} end event", event)

    # Lambda and EventBridge.

    def _invoke(self, attempt: TaskAttempt, handler: str) -> None:
        around = self._around
        decision = around.decide("invoke", INVOCATION)
        strike = decision.strike if decision else None
        if decision and strike in (Strike.DELAY, Strike.LATE):
            around.time.sleep(nanoseconds(decision.seconds))
        if strike in REFUSALS:
            attempt.fail(REFUSALS[strike], "injected")
        elif strike is not Strike.STUCK:
            attempt.begun()
            work = self.plan(attempt, handler)
            around.time.sleep(nanoseconds(work.seconds))
            if work.error is None:
                failed = not self._work(attempt, handler, answer_is_lost=strike is Strike.LOST_ANSWER)
            else:
                attempt.fail(work.error, work.cause)
                failed = True
            self.invoked(handler, work.seconds, failed=failed)

    def plan(self, attempt: TaskAttempt, handler: str) -> PlannedWork:
        """Return the work of an invocation of a function."""
        del attempt
        return PlannedWork(SECONDS[handler] * self._slowness)

    def plan_transcoding(self, attempt: TaskAttempt) -> PlannedWork:
        """Return the work of a transcoding job."""
        del attempt
        return PlannedWork(TRANSCODING_SECONDS * self._slowness)

    def invoked(self, handler: str, seconds: float, *, failed: bool) -> None:
        """Follow the end of an invocation."""

    def _work(self, attempt: TaskAttempt, handler: str, *, answer_is_lost: bool) -> bool:
        """Do the work of a function; return whether the function succeeded."""
        try:
            result = self._run(handler, attempt.payload["Payload"])
        except (Retryable, Rejected) as error:
            kind = type(error).__name__
            self._around.tell(f"fails: {kind}: {str(error)[:150]}")
            attempt.fail(kind, json.dumps({"errorType": kind, "errorMessage": str(error)}))
            return False
        except ProcessDown:
            attempt.fail("Runtime.ExitError", "the process ended")
            return False
        else:
            if answer_is_lost:
                attempt.fail("Lambda.Unknown", "the result was lost")
            else:
                attempt.succeed({"Payload": json.loads(json.dumps(result)), "StatusCode": 200})
            return True

    def _run(self, handler: str, event: Event) -> Event:
        process = RehearsedProcess("function", self._around, restarts=False)
        with process.running():
            return self._handlers[handler](process, event)

    def _deliver(self, name: str, event: Event) -> None:
        self._around.time.spawn(name, lambda: self._handle_event(event))

    def _handle_event(self, event: Event) -> None:
        around = self._around
        decision = around.decide("deliver", DELIVERY)
        if decision and decision.strike is Strike.LOST:
            return
        if decision and decision.strike is Strike.LATE:
            around.time.sleep(nanoseconds(decision.seconds))
        for pause in (0.0, *ASYNC_RETRIES):
            around.time.sleep(nanoseconds(pause))
            try:
                self._run("callback-dispatch", event)
                if decision and decision.strike is Strike.DUPLICATE:
                    self._run("callback-dispatch", event)
            except (Retryable, Rejected, ProcessDown):
                continue
            return

    # The handlers.

    def _validate(self, process: RehearsedProcess, event: Event) -> Event:
        started_at = EPOCH + timedelta(seconds=self._around.time.seconds + process.skew)
        assets = assets_of(event)
        checked = [self._check(process, asset) for asset in assets]
        if failures := [each for each in checked if isinstance(each, AssetFailure)]:
            raise Rejected(error_text(failures))
        properties = [VIDEO if is_video(asset) else {} for asset in assets]
        output = validation_output(event, assets, properties, "toq-listing-medias")
        return output | {"startedAt": started_at.isoformat()}

    def _check(self, process: RehearsedProcess, asset: ExecutionAsset) -> StoredObject | AssetFailure:
        key = asset["key"]
        stored = self._head(process, key)
        if stored is None:
            return AssetFailure(key, "UPLOAD_MISSING", "it is not in the bucket")
        if stored.bytes != asset["bytes"]:
            return AssetFailure(key, "SIZE_MISMATCH", f"it has {stored.bytes} bytes")
        if stored.checksum is None or stored.checksum.hex != asset["checksum"]:
            return AssetFailure(key, "CHECKSUM_MISMATCH", "it has another checksum")
        if "corrupt" in key:
            return AssetFailure(key, "DECODE_FAILED", "it does not decode")
        return stored

    def _thumbnails(self, process: RehearsedProcess, event: Event) -> Event:
        validation = event["validation"]
        outputs = []
        for image in validation["images"]:
            if "damaged" in image["key"] or self._head(process, image["key"]) is None:
                failed = {"errorCode": PROCESSING_FAILED, "errorMessage": "it cannot be scaled"}
                outputs.append(empty_output(image) | failed)
                continue
            outputs.append(image_output(event, image, {label: (side, side) for label, side in SIZES.items()}))
            self._put(process, *outputs[-1]["outputs"].values())
        for document in validation["documents"]:
            outputs.append(document_output(event, document))
            self._put(process, outputs[-1]["processedKey"])
        return {"outputs": outputs}

    def _zip(self, process: RehearsedProcess, event: Event) -> Event:
        key = zip_key(ListingId(event["listingId"]), BatchId(event["batchId"]), JobId(event["jobId"]))
        entries = list(entries_of(event))
        for entry in entries:
            if self._head(process, entry.key) is None:
                raise Rejected(f"OBJECT_MISSING: {entry.key} is not in the bucket")
        self._put(process, key)
        return {
            "key": key,
            "bytes": 22,
            "assets": len(entries),
            "outputs": list(outputs_of(event)),
            "startedAt": event["validation"].get("startedAt"),
        }

    def _callback(self, process: RehearsedProcess, event: Event) -> Event:
        if is_status_event(event):
            body = event_body(event, self._finished_work)
        else:
            require_detail(event)
            body = callback_body(event)
        if body is None:
            return {"status": "IGNORED", "httpStatus": None}
        return {"status": body["status"], "httpStatus": self._send(process, body)}

    def _send(self, process: RehearsedProcess, body: Event) -> int:
        content = json.dumps(body | {"traceparent": ""}, separators=(",", ":"), ensure_ascii=False).encode()
        signature = sign(self._secret, content)
        decision = self._around.decide("callback request", REQUEST)
        strike = decision.strike if decision else None
        if strike is Strike.UNAVAILABLE:
            raise Retryable("CALLBACK_UNREACHABLE: the connection failed")
        if strike is Strike.TAMPERED:
            signature = signature[::-1]
        if strike is Strike.EMPTY:
            content = b""
        if decision and strike is Strike.REORDER:
            self._wait_for_another(decision.seconds or LONGEST_WAIT)
        before = nanoseconds(decision.seconds) if decision and strike in (Strike.DELAY, Strike.LATE) else 0
        status = self._answer(content, signature, before)
        if strike is Strike.DUPLICATE:
            status = self._answer(content, signature, 0)
        if strike is Strike.LOST_ANSWER or status is None:
            raise Retryable("CALLBACK_UNREACHABLE: no answer")
        if status in FINAL_STATUSES:
            raise Rejected(f"CALLBACK_REFUSED: the API answered {status}")
        if status != 200:
            raise Retryable(f"CALLBACK_UNAVAILABLE: the API answered {status}")
        del process
        return status

    def _wait_for_another(self, longest: float) -> None:
        """Wait until another callback was answered, at most *longest* [s]."""
        time, function = self._around.time, self._around.time.current
        assert function is not None  # noqa: S101 - a function runs in a task
        self._held.append(function)
        try:
            time.wait(nanoseconds(longest))
        finally:
            self._held.remove(function)

    def _answer(self, content: bytes, signature: str, before: int) -> int | None:
        """Return the status that the API answers; None after the time-out, when the request still goes on."""
        time, answers, function = self._around.time, [], self._around.time.current
        assert function is not None  # noqa: S101 - a function runs in a task

        def request() -> None:
            answers.append(self._post_to_api(content, signature))
            for waiting in (function, *self._held):
                time.wake(waiting)

        time.spawn(f"{function.name} request", request, before)
        time.wait(nanoseconds(HTTP_TIMEOUT))
        return answers[0] if answers else None

    # MediaConvert.

    def _transcode(self, attempt: TaskAttempt) -> None:
        around = self._around
        decision = around.decide("transcode", (Strike.DELAY, Strike.LATE, Strike.STUCK, Strike.REJECTED))
        strike = decision.strike if decision else None
        attempt.begun()
        if strike is Strike.STUCK:
            return None
        work = self.plan_transcoding(attempt)
        seconds = decision.seconds if decision else 0.0
        self._report_progress(attempt, "PROGRESSING")
        around.time.sleep(nanoseconds(work.seconds + seconds))
        if strike is Strike.REJECTED:
            return attempt.fail("States.TaskFailed", "the transcoding job ended with ERROR")
        if work.error is not None:
            return attempt.fail(work.error, work.cause)
        self._put_now(*_transcoded(attempt.payload["Settings"]))
        self._report_progress(attempt, "COMPLETE")
        number = f"{attempt.execution.input['jobId']}-{attempt.item}-{attempt.number}"
        return attempt.succeed({"Job": {"Id": number, "Status": "COMPLETE"}})

    def _report_progress(self, attempt: TaskAttempt, status: str) -> None:
        at = EPOCH + timedelta(seconds=self._around.time.seconds)
        detail = {
            "status": status,
            "timestamp": int(at.timestamp() * 1000),
            "userMetadata": attempt.payload["UserMetadata"],
            "jobProgress": {"jobPercentComplete": 50},
        }
        name = f"job {attempt.execution.input['jobId']} transcoding {attempt.item} {status}"
        self._deliver(name, {"detail-type": "MediaConvert Job State Change", "detail": detail})

    # The bucket.

    def _head(self, process: RehearsedProcess, key: str) -> StoredObject | None:
        with _retryable():
            return process.call("storage", "storage get", lambda: self._bucket.head(key), READ)

    def _put(self, process: RehearsedProcess, *names: str) -> None:
        for key in names:
            with _retryable():
                process.call("storage", "storage put", partial(self._put_now, key), WRITE)

    def _put_now(self, *names: str) -> None:
        for key in names:
            checksum = Sha256(hashlib.sha256(key.encode()).hexdigest())
            self._bucket.put_announced(key, size=len(key), checksum=checksum)


@contextmanager
def _retryable() -> Iterator[None]:
    """Raise `Retryable` for the errors of S3, as the real functions do."""
    try:
        yield
    except Unavailable as error:
        raise Retryable(f"STORAGE_UNAVAILABLE: {error}") from error


def _transcoded(settings: Event) -> list[str]:
    """Return the keys of the objects that a transcoding job with these settings makes."""
    made = []
    for group in settings["OutputGroups"]:
        group_settings = group["OutputGroupSettings"]
        is_hls = group_settings["Type"] == "HLS_GROUP_SETTINGS"
        name = "HlsGroupSettings" if is_hls else "FileGroupSettings"
        key = group_settings[name]["Destination"].removeprefix("s3://").partition("/")[2]
        suffix = ".m3u8" if is_hls else FRAME_SUFFIX if group["Name"] == POSTER else ".mp4"
        made.append(f"{key}{suffix}")
    return made
