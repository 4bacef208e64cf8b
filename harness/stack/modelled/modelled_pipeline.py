"""
The pipeline with modelled work: the real inputs, outputs and errors, and the service times of a scenario.

A modelled handler sleeps for the service time that the scenario's model draws, stores a small placeholder
under every key that users can download, and fails where the scenario injects a fault. It checks that
files are in the bucket but does not open them. The callback is really sent. Times are model seconds unless
the text says clock seconds.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadBatch, UploadFile
from harness.lab.workload.work_and_faults import (
    CALLBACK_FUNCTION,
    FUNCTION_PREFIX,
    TaskWork,
    TaskWorkModel,
    step_of,
)
from harness.service.core.errors import Rejected, Retryable
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.object_key import zip_key
from harness.service.pipeline import callback_dispatch
from harness.service.pipeline.callback.callback_body import outputs_of
from harness.service.pipeline.callback.status_events import is_status_event
from harness.service.pipeline.execution_assets import ExecutionAsset, assets_in, assets_of
from harness.service.pipeline.image_decoding import inside
from harness.service.pipeline.lambda_handler import Event, Handler, lambda_handler
from harness.service.pipeline.media_objects import MediaObjects, NoSuchObject, media_objects
from harness.service.pipeline.thumbnails import SIZES, document_output, image_output
from harness.service.pipeline.validate import validation_output
from harness.service.pipeline.zip_bundle import entries_of
from harness.stack.aws.mediaconvert.ffmpeg_transcoder import location, read_settings
from harness.stack.aws.mediaconvert.local_mediaconvert import OutputGroupDetails, TranscodingFailed
from harness.stack.modelled import placeholder
from harness.stack.modelled.planned_batches import PlannedBatches, client_id_of
from harness.stack.modelled.run_clock import RunClock


class ModelledPipeline:
    """
    Modelled versions of the four functions and of the transcoder, under one scenario.

    Args:
        scenario: None for the default service model without faults.
        time_scale: Model seconds that pass in a clock second.
        objects: Returns the bucket; by default the one that the environment names at the first call, as
            for the real handlers.
        callback: Sends callbacks; by default the real handler, which reads its environment at every call.
        pause: Sleeps for a number of clock seconds, or until the event is set.
        now: Clock seconds since the run began, for faults with a time window; by default since this
            object was made.
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
        clock = now or RunClock().now

        def model_now() -> float:
            return clock() * time_scale

        self._batches = PlannedBatches(scenario)
        self._work = TaskWorkModel(scenario, model_now)
        self._checked = scenario is not None and scenario.media == "real"
        """Whether clients check what they download."""
        self._time_scale = time_scale
        self._objects = objects
        self._callback = callback
        self._pause = pause

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The modelled handlers by the name of their function."""
        return {
            f"{FUNCTION_PREFIX}validate": self.validate,
            f"{FUNCTION_PREFIX}thumbnails": self.thumbnails,
            f"{FUNCTION_PREFIX}zip": self.zip,
            f"{FUNCTION_PREFIX}{CALLBACK_FUNCTION}": self.callback_dispatch,
        }

    def validate(self, event: Event, context: object = None) -> Event:
        """Modelled `harness.service.pipeline.validate.handler`."""
        return self._invoke("validate", event, context, self._validate)

    def thumbnails(self, event: Event, context: object = None) -> Event:
        """Modelled `harness.service.pipeline.thumbnails.handler`."""
        return self._invoke("thumbnails", event, context, self._thumbnails)

    def zip(self, event: Event, context: object = None) -> Event:
        """Modelled `harness.service.pipeline.zip_bundle.handler`."""
        return self._invoke("zip", event, context, self._zip)

    def callback_dispatch(self, event: Event, context: object = None) -> Event:
        """
        Modelled `harness.service.pipeline.callback_dispatch.handler`: sleeps, then calls the real one.

        EventBridge events do not sleep: the simulator has no work for them.
        """
        if is_status_event(event):
            return self._callback(event, context)
        _, work = self._begin(CALLBACK_FUNCTION, event["detail"])
        if error := _injected_error(work):
            raise error
        with self._taking(work.seconds):
            pass
        return self._callback(event, context)

    def transcode(self, job: Mapping[str, Any], cancelled: threading.Event) -> OutputGroupDetails:
        """Modelled `harness.stack.aws.mediaconvert.ffmpeg_transcoder.FfmpegTranscoder`."""
        source, groups = read_settings(job)
        _, key = location(source)
        batch, video, item = self._batches.video(key, self._size(key, TranscodingFailed))
        batch_id = str(job.get("UserMetadata", {}).get("batchId", key))
        attempt = self._batches.next_attempt(batch_id, "transcode", item)
        work = self._work.transcoding(batch, video, item, attempt)
        with self._taking(work.seconds, cancelled):
            if work.error is None:
                for uri in (uri for group in groups for uri in group.uris):
                    self._objects().put(location(uri)[1], *placeholder.file_of(uri))
        if work.error is not None:
            raise TranscodingFailed(f"Unable to transcode {source}: {work.cause}")
        size = {"WidthInPx": video.width, "HeightInPx": video.height}
        details = {"DurationInMs": round(1000 * video.seconds), "VideoDetails": size}
        return [{"OutputDetails": [details for _ in group.outputs]} for group in groups]

    def _validate(self, event: Event, batch: UploadBatch, work: TaskWork) -> Event:
        started_at = datetime.now(UTC)
        assets = assets_of(event)
        with self._taking(work.seconds):
            facts = [self._facts(asset, file) for asset, file in zip(assets, batch.files, strict=True)]
        sorted_files = validation_output(event, assets, facts, self._objects().bucket)
        return sorted_files | {"startedAt": started_at.isoformat()}

    def _facts(self, asset: ExecutionAsset, file: UploadFile) -> dict[str, Any]:
        key = asset["key"]
        size = self._size(key, Rejected)
        if size != asset["bytes"]:
            raise Rejected(f"SIZE_MISMATCH: {key} has {size} bytes instead of {asset['bytes']}")
        if not file.is_video:
            return {}
        seconds = round(file.seconds, 3)
        return {"width": file.width, "height": file.height, "durationSeconds": seconds, "hasAudio": True}

    def _thumbnails(self, event: Event, batch: UploadBatch, work: TaskWork) -> Event:
        validation = event["validation"]
        images, documents = validation["images"], validation["documents"]
        files = {file.client_id: file for file in batch.files}
        with self._taking(work.seconds):
            outputs = [self._image(event, image, files[client_id_of(image)]) for image in images]
            for document in documents:
                outputs.append(output := document_output(event, document))
                for key in output["outputs"].values():
                    self._objects().put(key, *placeholder.file_of(key))
        return {"outputs": outputs}

    def _image(self, event: Event, image: ExecutionAsset, file: UploadFile) -> dict[str, Any]:
        sizes = {label: inside((file.width, file.height), box) for label, box in SIZES.items()}
        output = image_output(event, image, sizes)
        for label, key in output["outputs"].items():
            self._objects().put(key, *placeholder.picture(sizes[label] if self._checked else (1, 1)))
        return output

    def _zip(self, event: Event, _: UploadBatch, work: TaskWork) -> Event:
        key = zip_key(ListingId(event["listingId"]), BatchId(event["batchId"]), JobId(event["jobId"]))
        with self._taking(work.seconds):
            names = [entry.name for entry in entries_of(event)]
            content, content_type = placeholder.archive(names if self._checked else ())
            self._objects().put(key, content, content_type)
        return {
            "key": key,
            "bytes": len(content),
            "assets": len(names),
            "outputs": list(outputs_of(event)),
            "startedAt": event["validation"]["startedAt"],
        }

    def _invoke(
        self,
        function: str,
        event: Event,
        context: object,
        modelled: Callable[[Event, UploadBatch, TaskWork], Event],
    ) -> Event:
        batch, work = self._begin(function, event)
        error = _injected_error(work)
        if error is not None and not isinstance(error, Retryable | Rejected):
            raise error  # `lambda_handler` would turn it into Rejected

        def handler(state: Event, _: object) -> Event:
            if error:
                raise error
            return modelled(state, batch, work)

        return lambda_handler(function)(handler)(event, context)

    def _begin(self, function: str, state: Event) -> tuple[UploadBatch, TaskWork]:
        """Return the batch of an execution's state, and the work of its next attempt of a function."""
        step = step_of(function)
        try:
            batch = self._batches.batch(assets_in(state))
        except (KeyError, TypeError, ValueError) as error:
            raise Rejected(f"INPUT_INVALID: {step}: {error!r}") from error
        attempt = self._batches.next_attempt(str(state["batchId"]), step)
        return batch, self._work.function(function, batch, attempt)

    def _size(self, key: str, missing: type[Exception]) -> int:
        try:
            return self._objects().size(key)
        except NoSuchObject:
            raise missing(f"UPLOAD_MISSING: {key} is not in the bucket") from None

    @contextmanager
    def _taking(self, seconds: float, cancelled: threading.Event | None = None) -> Iterator[None]:
        """Sleep after the body, so that both together take *seconds*; do not sleep if the body fails."""
        started_at = time.monotonic()
        yield
        left = seconds / self._time_scale - (time.monotonic() - started_at)
        self._pause(cancelled or threading.Event(), max(0.0, left))


def _injected_error(work: TaskWork) -> Exception | None:
    """Return the error of an attempt that fails, with the class name that the state machine matches."""
    if work.error is None:
        return None
    known: dict[str, type[Exception]] = {"Retryable": Retryable, "Rejected": Rejected}
    kind: type[Exception] = known.get(work.error) or type(work.error, (Exception,), {})
    return kind(work.cause)
