"""The body of a callback, created from the state of an execution."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.service.core.errors import Rejected
from harness.service.core.model.asset import POSTER
from harness.service.core.model.failure import VIDEO_PROCESSING_FAILED, Failure
from harness.service.core.model.job import Provider
from harness.service.pipeline.asset_failures import failed_outputs
from harness.service.pipeline.execution_assets import assets_in, empty_output
from harness.service.pipeline.renditions import keys, ladder


def callback_body(event: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the body of the callback for the event of `callback_dispatch`.

    A successful execution with a failed file has the status ``PARTIAL_SUCCESS``. Once the bundle is made, the
    state has the results of the files with it.
    """
    state = event["detail"]
    bundle, failure = state.get("zip"), _failure(event)
    outputs = bundle["outputs"] if bundle else list(outputs_of(state))
    if failure and not outputs:
        assets = assets_in(state) if state.keys() & {"assets", "validation"} else ()
        outputs = list(failed_outputs(failure, assets))
    status = event["status"]
    if status == "SUCCEEDED" and any("errorCode" in output for output in outputs):
        status = "PARTIAL_SUCCESS"
    return {
        "jobId": state["jobId"],
        "batchId": state["batchId"],
        "listingId": state["listingId"],
        "status": status,
        "provider": Provider.STEP_FUNCTIONS.value,
        "externalId": event["executionArn"],
        "startedAt": (bundle or state.get("validation", {})).get("startedAt"),
        "outputs": outputs,
        "zip": {name: bundle[name] for name in ("key", "bytes", "assets")} if bundle else None,
        "failureReason": failure.code if failure else None,
        "error": {"code": failure.code, "message": failure.detail} if failure else None,
    }


def _failure(event: Mapping[str, Any]) -> Failure | None:
    error = event.get("error")
    if not error:
        return None
    return Failure.read(str(error.get("Error") or ""), str(error.get("Cause") or ""), event["status"])


def outputs_of(state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the result of each file, images and documents first; nothing if the execution failed before."""
    branches = state.get("processed")
    if not branches:
        return
    images, transcoded = branches
    yield from images["outputs"]
    results = {result["key"]: result for result in transcoded}
    for video in state["validation"]["videos"]:
        yield _video_output(video, results.get(video["key"]))


def _video_output(video: Mapping[str, Any], result: Mapping[str, Any] | None) -> dict[str, Any]:
    rungs = ladder(video["width"], video["height"])
    best = rungs[0]
    output = empty_output(video) | {
        "width": best.width,
        "height": best.height,
        "durationSeconds": video["durationSeconds"],
    }
    if result is None or result["status"] != "COMPLETE":
        status = result["status"] if result else "missing"
        return output | {
            "errorCode": VIDEO_PROCESSING_FAILED,
            "errorMessage": f"{video['key']}: the transcoding job is {status}",
        }
    made = keys(video)
    return output | {
        "processedKey": made[best.label],
        "thumbnailKey": made[POSTER],
        "outputs": made,
        "resolutions": {rung.label: f"{rung.width}x{rung.height}" for rung in rungs},
    }


def require_detail(event: Mapping[str, Any]) -> None:
    """Raise `Rejected` if a required field of the event is missing."""
    detail = event.get("detail") or {}
    missing = [name for name in ("jobId", "batchId", "listingId") if name not in detail]
    if missing or "status" not in event:
        raise Rejected(f"INPUT_INVALID: the callback event lacks {', '.join(missing or ['status'])}")
