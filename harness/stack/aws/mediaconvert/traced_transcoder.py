"""The spans of the transcoding jobs, below the execution that created them."""

import threading
from collections.abc import Mapping
from typing import Any

from harness.service.core.ports.tracer import SpanKind, Tracer
from harness.stack.aws.mediaconvert.local_mediaconvert import OutputGroupDetails, Transcoder


def traced_transcoder(transcode: Transcoder, tracer: Tracer) -> Transcoder:
    """Return *transcode* with a span from the start of a job to its end; its metadata names the parent."""

    def traced(job: Mapping[str, Any], cancelled: threading.Event) -> OutputGroupDetails:
        metadata = job.get("UserMetadata", {})
        ids = {"batch_id": metadata.get("batchId"), "job_id": metadata.get("jobId")}
        parent = metadata.get("traceparent")
        with tracer.hop("transcode", parent=parent, kind=SpanKind.CONSUMER, **ids) as span:
            span.set(mediaconvert_job_id=job.get("Id"))
            return transcode(job, cancelled)

    return traced
