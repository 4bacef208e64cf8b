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
        match function:
            case "validate":
                return Work(seconds, lambda: _sorted_out(job))
            case "thumbnails":
                return Work(seconds, lambda: {"outputs": _outputs(payload), "startedAt": ""})
            case "zip":
                key = f"{batch.listing_id}/zip/{batch.id}/{job.id}/full.zip"
                return Work(seconds, lambda: _bundle(job, key, payload))
            case _:
                seconds += self.round_trip(batch.arrival, attempt)
                return self._call_back(job, payload, seconds)

    def _call_back(self, job: MediaJob, payload: Any, seconds: float) -> Work:
        """Return the work of the callback function, whose request a fault may strike."""
        faults = tuple(self.struck.strike(CallbackFault))
        if any(isinstance(fault, LostCallback | TamperedCallback | EmptyCallback) for fault, _ in faults):
            return Work(seconds, dict, "Retryable", "CALLBACK_UNAVAILABLE: injected")
        # A repeated report has no effect, so neither has a duplicate.
        return Work(seconds, lambda: self._report(job, payload))

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

    def _report(self, job: MediaJob, payload: Any) -> dict[str, Any]:
        """Call back, and return the result of the callback function."""
        given = payload if isinstance(payload, dict) else {}
        status, error = str(given.get("status", "SUCCEEDED")), given.get("error") or {}
        self.callback(job, status, str(error.get("Cause", "")))
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


def _outputs(payload: Any) -> list[dict[str, Any]]:
    validation = payload.get("validation", {}) if isinstance(payload, dict) else {}
    assets = [*validation.get("images", ()), *validation.get("documents", ())]
    return [{"rawKey": asset["key"], "processedKey": f"{asset['key']}.large"} for asset in assets]


def _bundle(job: MediaJob, key: str, payload: Any) -> dict[str, Any]:
    """Make the ZIP: from here on the work of the job is done."""
    job.is_bundled = True
    return {"key": key, "bytes": 22, "assets": len(job.batch.files), "outputs": _outputs(payload)}


def _input_of(payload: Any) -> str:
    """Return the key of the file a transcoding job reads, empty if its settings name none."""
    try:
        address = str(payload["Settings"]["Inputs"][0]["FileInput"])
    except (KeyError, IndexError, TypeError):
        return ""
    return address.removeprefix("s3://").partition("/")[2]
