"""
The tables of a run folder: what one row is, and its columns.

Times are float seconds since the run began (``run.json`` has that instant in UTC), sizes bytes.
A run whose scenario compresses time records *clock* seconds; ``run.json`` keeps ``time_scale``,
and `Run` converts to model seconds when asked.

The ``metrics`` table speaks CloudWatch's language: a row is one datum. Counters are increments
(usually 1), gauges are the value seen, a histogram has one row per observation. Metrics of the
service's own namespace (``TOQ/MediaProcessing``) go by their bare name, others by
``<namespace>/<name>``, e.g. ``AWS/SQS/ApproximateNumberOfMessagesVisible``. ``labels`` is a JSON
object with sorted keys: the dimensions. The service puts a datum that has dimensions once more without
any, because CloudWatch does not add them up; the table has it once, with them.
"""

import json
from collections.abc import Mapping

import pyarrow as pa

FORMAT_VERSION = 1

SERVICE_NAMESPACE = "TOQ/MediaProcessing"

REQUESTS = pa.schema(
    {
        "worker": pa.int32(),
        "arrival": pa.int64(),
        "type": pa.string(),
        "name": pa.string(),
        "status": pa.int32(),
        "outcome": pa.string(),
        "intended_at": pa.float64(),
        "started_at": pa.float64(),
        "finished_at": pa.float64(),
        "bytes_out": pa.int64(),
        "bytes_in": pa.int64(),
        "batch_id": pa.string(),
        "trace_id": pa.string(),
        "error": pa.string(),
    }
)
"""One HTTP request, or one end-to-end observation (type ``E2E``). ``outcome`` is ``ok``, ``failed``,
``refused`` (a forbidden attempt that was turned away, as it must be), ``breached`` (one that was not)
or ``censored`` (unfinished when the run ended; ``finished_at`` is then a lower bound)."""

BATCHES = pa.schema(
    {
        "batch_id": pa.string(),
        "listing_id": pa.int64(),
        "job_id": pa.int64(),
        "attempt": pa.int32(),
        "family": pa.string(),
        "photos": pa.int32(),
        "videos": pa.int32(),
        "documents": pa.int32(),
        "bytes": pa.int64(),
        "intended_at": pa.float64(),
        "created_at": pa.float64(),
        "received_at": pa.float64(),
        "started_at": pa.float64(),
        "finished_at": pa.float64(),
        "observed_at": pa.float64(),
        "outcome": pa.string(),
        "error_code": pa.string(),
        "censored": pa.bool_(),
    }
)
"""One processing job of a batch. ``outcome`` is ``READY``, ``FAILED`` or null while ``censored``;
``observed_at`` is when the client saw it end, the other times are the service's own."""

STEPS = pa.schema(
    {
        "job_id": pa.int64(),
        "state": pa.string(),
        "item": pa.int32(),
        "attempt": pa.int32(),
        "ready_at": pa.float64(),
        "started_at": pa.float64(),
        "finished_at": pa.float64(),
        "outcome": pa.string(),
        "error": pa.string(),
    }
)
"""One attempt of one state. ``item`` is the index in a Map, else 0; attempts count from 1;
``outcome`` is ``SUCCEEDED``, ``FAILED``, ``ABORTED`` (stopped with the branch, iteration or execution it was
part of) or null while running."""

METRICS = pa.schema({"at": pa.float64(), "metric": pa.string(), "labels": pa.string(), "value": pa.float64()})
"""One datum of one metric."""

TABLES: Mapping[str, pa.Schema] = {
    "requests": REQUESTS,
    "batches": BATCHES,
    "steps": STEPS,
    "metrics": METRICS,
}


def metric_name(namespace: str, name: str) -> str:
    """Return how the ``metrics`` table calls a CloudWatch metric."""
    return name if namespace == SERVICE_NAMESPACE else f"{namespace}/{name}"


def namespace_of(metric: str) -> str:
    """Return the CloudWatch namespace of a metric of the ``metrics`` table."""
    return metric.rpartition("/")[0] or SERVICE_NAMESPACE


def is_duration(metric: str) -> bool:
    """Whether a metric's values are durations, which compressed time shortens like everything else."""
    return metric.endswith(("_seconds", "/Duration"))


def is_counter(metric: str) -> bool:
    """Whether a metric of the service counts: its values are increments, and it has none until it moves."""
    return metric.endswith("_total") and "/" not in metric


def labels_text(labels: Mapping[str, str]) -> str:
    """Return *labels* in the one spelling the ``metrics`` table uses."""
    return json.dumps(dict(labels), sort_keys=True, separators=(",", ":"))
