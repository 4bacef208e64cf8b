"""
The four functions and the transcoder of the pipeline, simulated: the time they take and their answers.

Service times and faults come from `harness.lab.workload.work_and_faults`, as for the modelled handlers of
the local stack. Times in seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.lab.sim.model.jobs import MediaBatch, MediaJob
from harness.lab.workload.faults.callback_faults import (
    CallbackFault,
    EmptyCallback,
    LostCallback,
    TamperedCallback,
)
from harness.lab.workload.faults.struck_requests import StruckRequests
from harness.lab.workload.upload_batch import UploadFile
from harness.lab.workload.work_and_faults import TaskWorkModel, step_of

REJECTED = "Rejected"
"""The error of a function that would fail again in the same way."""

STATUSES = frozenset(
    {
        "RUNNING", "SUCCEEDED", "PARTIAL_SUCCESS", "FAILED", "VALIDATION_FAILED", "PROCESSING_FAILED",
        "TIMED_OUT", "ABORTED",
    }
)  # fmt: skip
"""The statuses of a callback; the service answers 400 to any other."""


class _PayloadInvalid(ValueError):
    """A function cannot read its payload; the message names the field."""


class Work(NamedTuple):
    """
    The work of one attempt and its result.

    Attributes:
        output: Makes the result, after the attempt has succeeded.
        error: Name of the error the attempt ends with; None if it succeeds.
        video_s: Length of the video it converts [s].
    """

    seconds: float
    output: Callable[[], Any]
    error: str | None = None
    cause: str = ""
    video_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MediaFunctions:
    """
    The work of the pipeline under one scenario.

    Attributes:
        callback: Called when a job has ended, with the job, the callback's status and the error's cause.
        round_trip: Time of the callback request, by arrival and attempt [s].
        struck: The faults of callbacks.
    """

    work: TaskWorkModel
    callback: Callable[[MediaJob, str, str], None]
    round_trip: Callable[[int, int], float]
    struck: StruckRequests

    def plan(self, function: str, job: MediaJob, payload: Any) -> Work:
        """Return the work of one invocation of a function (name without prefix)."""
        batch = job.batch
        attempt = batch.count(step_of(function))
        seconds, error, cause = self.work.function(function, batch.planned, attempt)
        if error is not None:
            return Work(seconds, dict, error, cause)
        try:
            return self._succeeding(function, job, payload, seconds, attempt)
        except _PayloadInvalid as invalid:
            return Work(seconds, dict, REJECTED, f"INTERNAL_ERROR: {function}: {invalid}")

    def _succeeding(self, function: str, job: MediaJob, payload: Any, seconds: float, attempt: int) -> Work:
        """Return the work of an invocation that no fault of the function fails."""
        batch = job.batch
        match function:
            case "validate":
                return Work(seconds, lambda: _sorted_out(job))
            case "thumbnails":
                outputs = _outputs(payload)
                return Work(seconds, lambda: {"outputs": outputs, "startedAt": ""})
            case "zip":
                key, outputs = f"{batch.listing_id}/zip/{batch.id}/{job.id}/full.zip", _outputs(payload)
                return Work(seconds, lambda: _bundle(job, key, outputs))
            case _:
                status, cause = _reported(payload)
                seconds += self.round_trip(batch.arrival, attempt)
                return self._call_back(job, status, cause, seconds)

    def _call_back(self, job: MediaJob, status: str, cause: str, seconds: float) -> Work:
        """Return the work of the callback function, whose request a fault may strike."""
        faults = tuple(self.struck.strike(CallbackFault))
        if any(isinstance(fault, LostCallback | TamperedCallback | EmptyCallback) for fault, _ in faults):
            return Work(seconds, dict, "Retryable", "CALLBACK_UNAVAILABLE: injected")
        if status not in STATUSES:
            return Work(seconds, dict, REJECTED, f"CALLBACK_REFUSED: the status {status!r} is unknown")
        # A repeated report has no effect, so neither has a duplicate.
        return Work(seconds, lambda: self._report(job, status, cause))

    def transcode(self, job: MediaJob, payload: Any) -> Work:
        """Return the work of one transcoding job."""
        batch = job.batch
        video, item = batch.video(_input_of(payload))
        attempt = batch.count("transcode", item)
        seconds, error, cause = self.work.transcoding(batch.planned, video, item, attempt)
        if error is not None:
            return Work(seconds, dict, error, cause)
        details = {"Id": f"{job.id}-{item}-{attempt}", "Status": "COMPLETE"}
        return Work(seconds, lambda: {"Job": details}, video_s=video.seconds if video else 0.0)

    def _report(self, job: MediaJob, status: str, cause: str) -> dict[str, Any]:
        """Call back, and return the result of the callback function."""
        self.callback(job, status, cause)
        return {"status": status, "httpStatus": 200}


def _sorted_out(job: MediaJob) -> dict[str, Any]:
    """Return the result of the validation: the assets by kind."""
    batch = job.batch
    images, videos, documents = [], [], []
    for file, kind, asset in zip(batch.files, batch.kinds, batch.assets, strict=True):
        if kind == "video":
            videos.append(asset | _about_video(batch, job, file))
        elif kind == "image":
            images.append(asset)
        else:
            documents.append(asset)
    sorted_out = {"images": images, "videos": videos, "documents": documents}
    return sorted_out | {"hasVideos": bool(videos), "startedAt": ""}


def _about_video(batch: MediaBatch, job: MediaJob, file: UploadFile) -> dict[str, Any]:
    return {
        "width": file.width,
        "height": file.height,
        "durationSeconds": round(file.seconds, 3),
        "hasAudio": True,
        "stem": file.client_id,
        "prefix": f"{batch.listing_id}/processed/{batch.id}/{job.id}",
        "mp4Groups": [],
        "hlsOutputs": [],
        "poster": {"width": file.width, "height": file.height, "colours": "NONE"},
    }


def _reported(payload: Any) -> tuple[str, str]:
    """Return the status that a callback reports, and the cause of its error."""
    given = payload if isinstance(payload, dict) else {}
    error = _checked(given.get("error") or {}, dict, "error must be an object")
    return str(given.get("status", "SUCCEEDED")), str(error.get("Cause", ""))


def _outputs(payload: Any) -> list[dict[str, Any]]:
    """Return the outputs for the images and documents in a payload."""
    given = payload if isinstance(payload, dict) else {}
    validation = _checked(given.get("validation", {}), dict, "validation must be an object")
    outputs = []
    for kind in ("images", "documents"):
        where = f"validation.{kind}"
        files = _checked(validation.get(kind, []), list, f"{where} must be an array")
        outputs += [_output(file, f"{where}[{place}]") for place, file in enumerate(files)]
    return outputs


def _output(file: Any, where: str) -> dict[str, Any]:
    if "key" not in _checked(file, dict, f"{where} must be an object"):
        raise _PayloadInvalid(f"{where}.key is missing")
    return {"rawKey": file["key"], "processedKey": f"{file['key']}.large"}


def _checked(value: Any, kind: type, complaint: str) -> Any:
    if not isinstance(value, kind):
        raise _PayloadInvalid(complaint)
    return value


def _bundle(job: MediaJob, key: str, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the ZIP: from here on the work of the job is done."""
    job.is_bundled = True
    return {"key": key, "bytes": 22, "assets": len(job.batch.files), "outputs": outputs}


def _input_of(payload: Any) -> str:
    """Return the key of the file a transcoding job reads, empty if its settings name none."""
    try:
        address = str(payload["Settings"]["Inputs"][0]["FileInput"])
    except (KeyError, IndexError, TypeError):
        return ""
    return address.removeprefix("s3://").partition("/")[2]
