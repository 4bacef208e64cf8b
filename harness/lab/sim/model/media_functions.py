"""
The four functions and the transcoder of the pipeline, modelled: how long they take and what they answer.

Twins of the local stack's modelled handlers: the same service times, faults and answers, draw for draw.
The n-th time a step works on a batch is attempt n, be it a retry of the state machine or of a person.
Times in seconds.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from harness.lab.sim.model.jobs import MediaBatch, MediaJob
from harness.lab.workload.draws import Stream
from harness.lab.workload.faults import LambdaFault, MediaConvertFault, SlowCallback
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import ServiceTimes
from harness.lab.workload.upload_batch import UploadFile

BUCKET = "toq-listing-medias"

AnyFault = TypeVar("AnyFault", LambdaFault, MediaConvertFault, SlowCallback)


class Work(NamedTuple):
    """
    What one attempt will come to.

    Attributes:
        error: Name of the error it ends with; None if it succeeds.
        output: What it answers, made when it has succeeded.
        video_s: Length of the video it converts [s].
    """

    seconds: float
    output: Callable[[], Any]
    error: str | None = None
    cause: str = ""
    video_s: float = 0.0


def step_of(function: str) -> str:
    """Return the step of the pipeline, as service models call it, that a function without prefix takes."""
    return "callback" if function == "callback-dispatch" else function


class MediaFunctions:
    """
    The pipeline's work under one scenario.

    Args:
        now: Model seconds since the run began; matters to faults with a time window.
        callback: Told that a job has ended: the job, the callback's status and the error's cause.
        callback_way: How long the callback takes there and back [s].
    """

    def __init__(
        self,
        scenario: Scenario,
        replication: int,
        now: Callable[[], float],
        callback: Callable[[MediaJob, str, str], None],
        callback_way: Callable[[int, int], float],
    ) -> None:
        self._seed, self._replication = scenario.seed, replication
        self._times = ServiceTimes(scenario.model, scenario.seed, replication)
        self._faults = list(enumerate(scenario.faults))
        self._now = now
        self._callback = callback
        self._callback_way = callback_way

    def plan(self, function: str, job: MediaJob, payload: Any) -> Work:
        """Return what one invocation of a function will come to."""
        batch = job.batch
        attempt = batch.count(step_of(function))
        if self._faults and (error := self._lambda_error(function, batch, attempt)):
            return Work(0.0, dict, error, f"INJECTED: {function}, attempt {attempt}")
        match function:
            case "validate":
                return self._validate(batch, job, attempt)
            case "thumbnails":
                seconds = self._times.seconds("thumbnails", batch.images, batch.arrival, 0, attempt)
                return Work(seconds, lambda: {"outputs": _outputs(payload)})
            case "zip":
                seconds = self._times.seconds("zip", batch.files, batch.arrival, 0, attempt)
                return Work(seconds, lambda: _bundle(job))
            case _:
                return self._report(job, payload, attempt)

    def transcode(self, job: MediaJob, payload: Any) -> Work:
        """Return what one transcoding job will come to."""
        batch = job.batch
        video, item = batch.video(_input_of(payload))
        attempt = batch.count("transcode", item)
        files = (video,) if video else ()
        seconds = self._times.seconds("transcode", files, batch.arrival, item, attempt)
        failing = ((index, fault) for index, fault in self._faults if isinstance(fault, MediaConvertFault))
        if any(self._strikes(index, fault, batch, item, attempt) for index, fault in failing):
            return Work(seconds, dict, "States.TaskFailed", "the transcoding job ended with ERROR")
        details = {"Id": f"{job.id}-{item}-{attempt}", "Status": "COMPLETE"}
        return Work(seconds, lambda: {"Job": details}, video_s=video.seconds if video else 0.0)

    def _validate(self, batch: MediaBatch, job: MediaJob, attempt: int) -> Work:
        for file in batch.files:
            if file.corrupt:
                return Work(
                    0.0, dict, "Rejected", f"DECODE_FAILED: {file.client_id}: told to by the scenario"
                )
        seconds = self._times.seconds("validate", batch.files, batch.arrival, 0, attempt)
        return Work(seconds, lambda: _sorted_out(job))

    def _report(self, job: MediaJob, payload: Any, attempt: int) -> Work:
        batch = job.batch
        seconds = self._times.seconds("callback", (), batch.arrival, 0, attempt)
        seconds += self._callback_way(batch.arrival, attempt) + self._callback_delay(batch, attempt)
        given = payload if isinstance(payload, dict) else {}
        status, error = str(given.get("status", "SUCCEEDED")), given.get("error") or {}

        def tell() -> dict[str, Any]:
            self._callback(job, status, str(error.get("Cause", "")))
            return {"status": status, "httpStatus": 200, "callback": _callback_body(job, status, given)}

        return Work(seconds, tell)

    def _lambda_error(self, function: str, batch: MediaBatch, attempt: int) -> str | None:
        for index, fault in self._faults:
            if (
                isinstance(fault, LambdaFault)
                and fault.function == function
                and self._strikes(index, fault, batch, 0, attempt)
            ):
                return fault.error
        return None

    def _callback_delay(self, batch: MediaBatch, attempt: int) -> float:
        return sum(
            fault.delay_s.sample(self._draw(f"delay/{index}", batch, 0, attempt))
            for index, fault in self._faults
            if isinstance(fault, SlowCallback) and self._strikes(index, fault, batch, 0, attempt)
        )

    def _strikes(self, index: int, fault: AnyFault, batch: MediaBatch, item: int, attempt: int) -> bool:
        return fault.active(self._now()) and self._draw(f"fault/{index}", batch, item, attempt) < fault.rate

    def _draw(self, stream: str, batch: MediaBatch, item: int, attempt: int) -> float:
        return Stream(self._seed, self._replication, stream)(batch.arrival, item, attempt)


def execution_input(job: MediaJob) -> dict[str, Any]:
    """Return what an execution of the pipeline is started with."""
    batch = job.batch
    return {
        "jobId": job.id,
        "batchId": batch.id,
        "listingId": batch.listing_id,
        "attempt": job.attempt,
        "traceparent": None,
        "assets": batch.assets,
    }


def _sorted_out(job: MediaJob) -> dict[str, Any]:
    batch = job.batch
    images: list[dict[str, Any]] = []
    videos: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    for file, kind, asset in zip(batch.files, batch.kinds, batch.assets, strict=True):
        if kind == "video":
            videos.append(asset | _about_video(batch, job, file))
        elif kind == "image":
            images.append(asset)
        else:
            documents.append(asset)
    return {
        "images": images,
        "videos": videos,
        "documents": documents,
        "hasVideos": bool(videos),
        "startedAt": "",
    }


def _about_video(batch: MediaBatch, job: MediaJob, file: UploadFile) -> dict[str, Any]:
    return {
        "width": file.width,
        "height": file.height,
        "durationSeconds": round(file.seconds, 3),
        "hasAudio": True,
        "prefix": f"{batch.listing_id}/processed/{batch.id}/{job.id}",
        "jobSettings": {"Inputs": [{"FileInput": f"s3://{BUCKET}/{batch.key_of(file)}"}]},
    }


def _outputs(payload: Any) -> list[dict[str, Any]]:
    validation = payload.get("validation", {}) if isinstance(payload, dict) else {}
    assets: Sequence[Any] = [*validation.get("images", ()), *validation.get("documents", ())]
    return [{"rawKey": asset["key"], "processedKey": f"{asset['key']}.large"} for asset in assets]


def _bundle(job: MediaJob) -> dict[str, Any]:
    batch = job.batch
    return {
        "key": f"{batch.listing_id}/zip/{batch.id}/{job.id}/full.zip",
        "bytes": 22,
        "assets": len(batch.files),
    }


def _callback_body(job: MediaJob, status: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return what the callback said, as the function leaves it on record."""
    batch, detail = job.batch, payload.get("detail")
    bundle = detail.get("zip") if isinstance(detail, dict) else None
    return {
        "jobId": job.id,
        "batchId": batch.id,
        "listingId": batch.listing_id,
        "status": status,
        "externalId": payload.get("executionArn"),
        "zip": bundle,
    }


def _input_of(payload: Any) -> str:
    """Return the key of the file a transcoding job reads, empty if its settings name none."""
    try:
        address = str(payload["Settings"]["Inputs"][0]["FileInput"])
    except (KeyError, IndexError, TypeError):
        return ""
    return address.removeprefix("s3://").partition("/")[2]
