"""
The pipeline without its work: the same inputs, outputs and errors, the time a scenario says.

A twin works as long as the scenario's model draws for these files (it sleeps), leaves a tiny
placeholder under every key people can download, and fails when the scenario says so. Files are looked
for in the bucket but not opened. The callback is really posted.

Times in model seconds unless they say clock seconds.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadFile
from harness.service.core.errors import Rejected, Retryable
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.object_key import zip_key
from harness.service.pipeline import callback_dispatch
from harness.service.pipeline.execution_assets import ExecutionAsset, assets_of
from harness.service.pipeline.image_decoding import inside, jpeg
from harness.service.pipeline.lambda_handler import Event, Handler, lambda_handler
from harness.service.pipeline.media_objects import MediaObjects, NoSuchObject, media_objects
from harness.service.pipeline.thumbnails import BEST, SIZES, document_output, image_output
from harness.service.pipeline.validate import validation_output
from harness.service.pipeline.zip_bundle import entries_of
from harness.stack.aws.mediaconvert.ffmpeg_transcoder import location, read_settings
from harness.stack.aws.mediaconvert.local_mediaconvert import OutputGroupDetails, TranscodingFailed
from harness.stack.modelled.modelled_work import ModelledWork, WorkPlan
from harness.stack.modelled.run_clock import RunClock

PIXEL = jpeg(Image.new("RGB", (1, 1), "grey"))
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
TINY_PDF = b"%PDF-1.4\n%%EOF\n"
FILLER = b"placeholder\n"


class ModelledPipeline:
    """
    Twins of the four functions and of the transcoder, under one scenario.

    Args:
        scenario: None for the default model and no faults.
        time_scale: Model seconds that pass in a clock second.
        objects: The bucket; found out from the environment at the first call by default, as the
            real handlers do.
        callback: Posts callbacks; the real handler, which reads its environment at every call.
        pause: Sleeps so many clock seconds, or until the event is set.
        now: Clock seconds since the run began, from where windows of faults count; by default since this
            was made.
    """

    def __init__(
        self,
        scenario: Scenario | None,
        *,
        time_scale: float = 1.0,
        objects: Callable[[], MediaObjects] = media_objects,
        callback: Handler = callback_dispatch.handler,
        pause: Callable[[threading.Event, float], object] = threading.Event.wait,
        now: Callable[[], float] | None = None,
    ) -> None:
        now = now or RunClock().now
        self._work = ModelledWork(scenario, now=lambda: now() * time_scale)
        self._time_scale = time_scale
        self._objects = objects
        self._callback = callback
        self._pause = pause

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The twins by the name of their function."""
        return {
            "listing-media-validate": self.validate,
            "listing-media-thumbnails": self.thumbnails,
            "listing-media-zip": self.zip,
            "listing-media-callback-dispatch": self.callback_dispatch,
        }

    def validate(self, event: Event, context: object = None) -> Event:
        """Twin of `harness.service.pipeline.validate.handler`."""
        return self._invoke("validate", event, context, self._validate)

    def thumbnails(self, event: Event, context: object = None) -> Event:
        """Twin of `harness.service.pipeline.thumbnails.handler`."""
        return self._invoke("thumbnails", event, context, self._thumbnails)

    def zip(self, event: Event, context: object = None) -> Event:
        """Twin of `harness.service.pipeline.zip_bundle.handler`."""
        return self._invoke("zip", event, context, self._zip)

    def callback_dispatch(self, event: Event, context: object = None) -> Event:
        """Twin of `harness.service.pipeline.callback_dispatch.handler`, which it calls after a while."""
        state = event["detail"]
        plan, attempt = self._begin("callback", state)
        self._fail_if_told("callback-dispatch", plan, attempt)
        delay = self._work.callback_delay(plan, attempt)
        with self._taking(self._work.seconds("callback", plan, (), 0, attempt) + delay):
            pass
        return self._callback(event, context)

    def transcode(self, job: Mapping[str, Any], cancelled: threading.Event) -> OutputGroupDetails:
        """
        Twin of `harness.stack.aws.mediaconvert.ffmpeg_transcoder.FfmpegTranscoder`.

        Raises:
            TranscodingFailed: The settings, the input, or the scenario says so.
        """
        try:
            source, groups = read_settings(job["Settings"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise TranscodingFailed(f"The settings cannot be used: {error!r}") from error
        _, key = location(source)
        plan, file, item = self._work.video(key, self._size(key, TranscodingFailed))
        batch_id = str(job.get("UserMetadata", {}).get("batchId", key))
        attempt = self._work.attempt(batch_id, "transcode", item)
        with self._taking(self._work.seconds("transcode", plan, (file,), item, attempt), cancelled):
            if self._work.transcoding_fails(plan, item, attempt):
                raise TranscodingFailed(f"Unable to transcode {source}: told to by the scenario")
            for uri in (uri for group in groups for uri in group.uris):
                self._objects().put(location(uri)[1], FILLER, "application/octet-stream")
        size = {"WidthInPx": file.width, "HeightInPx": file.height}
        details = {"DurationInMs": round(1000 * file.seconds), "VideoDetails": size}
        return [{"OutputDetails": [details for _ in group.outputs]} for group in groups]

    def _validate(self, event: Event, plan: WorkPlan, attempt: int) -> Event:
        started_at = datetime.now(UTC)
        assets = assets_of(event)
        files = list(plan.files.values())
        with self._taking(self._work.seconds("validate", plan, files, 0, attempt)):
            facts = [self._facts(asset, file) for asset, file in zip(assets, files, strict=True)]
        sorted_files = validation_output(event, assets, facts, self._objects().bucket)
        return sorted_files | {"startedAt": started_at.isoformat()}

    def _facts(self, asset: ExecutionAsset, file: UploadFile) -> dict[str, Any]:
        key = asset["key"]
        size = self._size(key, Rejected)
        if size != asset["bytes"]:
            raise Rejected(f"SIZE_MISMATCH: {key} has {size} bytes instead of {asset['bytes']}")
        if file.corrupt:
            raise Rejected(f"DECODE_FAILED: {key}: told to by the scenario")
        if not file.is_video:
            return {}
        seconds = round(file.seconds, 3)
        return {"width": file.width, "height": file.height, "durationSeconds": seconds, "hasAudio": True}

    def _thumbnails(self, event: Event, plan: WorkPlan, attempt: int) -> Event:
        validation = event["validation"]
        images, documents = validation["images"], validation["documents"]
        files = [plan.files[_name(image)] for image in images]
        with self._taking(self._work.seconds("thumbnails", plan, files, 0, attempt)):
            outputs = [
                image_output(event, image, inside((file.width, file.height), SIZES[BEST]))
                for image, file in zip(images, files, strict=True)
            ]
            outputs += [document_output(event, document) for document in documents]
            self._leave_placeholders(outputs)
        return {"outputs": outputs}

    def _leave_placeholders(self, outputs: Sequence[Mapping[str, Any]]) -> None:
        for key in (key for output in outputs for key in output["outputs"].values()):
            if key.endswith(".pdf"):
                self._objects().put(key, TINY_PDF, "application/pdf")
            else:
                self._objects().put(key, PIXEL, "image/jpeg")

    def _zip(self, event: Event, plan: WorkPlan, attempt: int) -> Event:
        key = zip_key(ListingId(event["listingId"]), BatchId(event["batchId"]), JobId(event["jobId"]))
        files = list(plan.files.values())
        with self._taking(self._work.seconds("zip", plan, files, 0, attempt)):
            self._objects().put(key, EMPTY_ZIP, "application/zip")
        return {"key": key, "bytes": len(EMPTY_ZIP), "assets": len(list(entries_of(event)))}

    def _invoke(
        self, step: str, event: Event, context: object, twin: Callable[[Event, WorkPlan, int], Event]
    ) -> Event:
        plan, attempt = self._begin(step, event)
        self._fail_if_told(step, plan, attempt)
        return lambda_handler(step)(lambda state, _context: twin(state, plan, attempt))(event, context)

    def _begin(self, step: str, state: Event) -> tuple[WorkPlan, int]:
        try:
            plan = self._work.plan(state["assets"])
        except (KeyError, TypeError, ValueError) as error:
            raise Rejected(f"INPUT_INVALID: {step}: {error!r}") from error
        return plan, self._work.attempt(str(state["batchId"]), step)

    def _fail_if_told(self, function: str, plan: WorkPlan, attempt: int) -> None:
        name = self._work.lambda_error(function, plan, attempt)
        if name is not None:
            raise _error_named(name)(f"INJECTED: {function}, attempt {attempt}")

    def _size(self, key: str, missing: type[Exception]) -> int:
        try:
            return self._objects().size(key)
        except NoSuchObject:
            raise missing(f"UPLOAD_MISSING: {key} is not in the bucket") from None

    @contextmanager
    def _taking(self, seconds: float, cancelled: threading.Event | None = None) -> Iterator[None]:
        """Let the body take this long altogether, unless it fails; its own time counts [model s]."""
        started_at = time.monotonic()
        yield
        left = seconds / self._time_scale - (time.monotonic() - started_at)
        self._pause(cancelled or threading.Event(), max(0.0, left))


def _name(asset: ExecutionAsset) -> str:
    return str(asset.get("clientId") or asset["key"])


def _error_named(name: str) -> type[Exception]:
    """Return an exception class of this name: the state machine knows errors by nothing else."""
    known: dict[str, type[Exception]] = {"Retryable": Retryable, "Rejected": Rejected}
    return known.get(name) or type(name, (Exception,), {})
