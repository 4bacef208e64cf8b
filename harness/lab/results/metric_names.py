"""
How the ``metrics`` table of a run names CloudWatch's metrics and their dimensions.

Metrics of the service's own namespace (``TOQ/MediaProcessing``) go by their bare name, others by
``<namespace>/<name>``, e.g. ``AWS/SQS/ApproximateNumberOfMessagesVisible``. The column ``labels`` holds the
dimensions as a JSON object with sorted keys. The service puts a datum that has dimensions a second time
without any, because CloudWatch does not add them up; the table has it once, with its dimensions.
"""

import json
from collections.abc import Mapping

SERVICE_NAMESPACE = "TOQ/MediaProcessing"

BATCHES_CREATED = "media_batches_created_total"
BATCHES_FAILED = "media_batches_failed_total"
DEAD_LETTERS = "media_processing_dlq_messages_total"
INFLIGHT_JOBS = "media_processing_inflight_jobs"
PROCESSING_DURATION = "media_processing_duration_seconds"

SERVICE_METRICS = (
    BATCHES_CREATED,
    BATCHES_FAILED,
    DEAD_LETTERS,
    INFLIGHT_JOBS,
    PROCESSING_DURATION,
    "media_processing_callback_errors_total",
    "media_reprocess_requests_total",
)
"""The metrics of the reference service; another service may have more."""


def metric_name(namespace: str, name: str) -> str:
    """Return the name of a CloudWatch metric in the ``metrics`` table."""
    return name if namespace == SERVICE_NAMESPACE else f"{namespace}/{name}"


def namespace_of(metric: str) -> str:
    """Return the CloudWatch namespace of a metric of the ``metrics`` table."""
    return metric.rpartition("/")[0] or SERVICE_NAMESPACE


def is_duration(metric: str) -> bool:
    """Return whether a metric's values are durations, which compressed time shortens like everything else."""
    return metric.endswith(("_seconds", "/Duration", "/ExecutionTime", "/ApproximateAgeOfOldestMessage"))


def is_counter(metric: str) -> bool:
    """Return whether a metric of the service is a counter: its values are increments."""
    return metric.endswith("_total") and "/" not in metric


def labels_text(labels: Mapping[str, str]) -> str:
    """Return *labels* as the ``metrics`` table spells them."""
    return json.dumps(dict(labels), sort_keys=True, separators=(",", ":"))
