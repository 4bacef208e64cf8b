"""The rows of the kernel as columns of a run's tables. Times become seconds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.lab.results.metric_names import labels_text
from harness.lab.results.rows import E2E
from harness.lab.sim.compiled.kernel.clients.client_records import REFUSALS
from harness.lab.sim.compiled.kernel.row_log import CENSORED, STATUSES
from harness.lab.sim.compiled.lowering.model_lowering import Lowering
from harness.states_language.host import NS

_FORBIDDEN_TO_STORE = ("tampered_url", "expired_url", "bad_checksum")
REQUEST_NAMES = (
    ("POST", "uploads"),
    ("POST", "uploads/complete"),
    ("POST", "uploads/status"),
    ("POST", "downloads/query"),
    ("POST", "uploads/retry"),
    ("PUT", "object"),
    ("GET", "object"),
    ("GET", "preview"),
    ("GET", "zip"),
    (E2E, "ready"),
    (E2E, "processing"),
    (E2E, "start"),
    *(("PUT" if each in _FORBIDDEN_TO_STORE else "POST", f"forbidden {each}") for each in REFUSALS),
)
OUTCOMES = ("ok", "failed", "refused", "breached", "censored")
STEP_OUTCOMES = ("SUCCEEDED", "FAILED", "ABORTED")
FAMILIES = ("", "SHOOT", "PROJECT")

Rows = Any
Columns = dict[str, Any]


class RecordedColumns:
    """Decodes the rows of one replication."""

    def __init__(self, lowering: Lowering, horizon: int) -> None:
        self._lowering = lowering
        self._horizon = horizon
        self._replication = lowering.source.replication
        self._metrics, self._labels = _metrics(lowering)

    def requests(self, rows: Rows) -> Columns:
        rows = rows[(rows.finished <= self._horizon) | (rows.started < self._horizon)]
        late = rows.finished > self._horizon
        if late.any():
            rows = rows.copy()
            rows.status[late], rows.outcome[late], rows.finished[late] = -1, CENSORED, self._horizon
            rows.in_bytes[late], rows.error[late] = 0, -1
        types, names = zip(*REQUEST_NAMES, strict=True)
        zeros = np.zeros(len(rows), np.int32)
        return {
            "worker": zeros,
            "arrival": rows.arrival,
            "type": _texts(types, rows.what),
            "name": _texts(names, rows.what),
            "status": _optional(rows.status.astype(np.int32)),
            "outcome": _texts(OUTCOMES, rows.outcome),
            "intended_at": rows.intended / NS,
            "started_at": rows.started / NS,
            "finished_at": rows.finished / NS,
            "bytes_out": rows.out_bytes,
            "bytes_in": rows.in_bytes,
            "batch_id": self._batch_ids(rows.batch),
            "trace_id": pa.nulls(len(rows), pa.string()),
            "error": _texts(self._lowering.tables.errors, rows.error),
        }

    def batches(self, rows: Rows) -> Columns:
        return {
            "batch_id": self._batch_ids(rows.arrival),
            "listing_id": rows.arrival + 1,
            "job_id": rows.job,
            "attempt": rows.attempt,
            "family": _texts(FAMILIES, rows.family),
            **{name: rows[name] for name in ("photos", "videos", "documents", "bytes")},
            "intended_at": rows.intended / NS,
            **{
                f"{name}_at": _seconds(rows[name])
                for name in ("created", "received", "started", "finished", "observed")
            },
            "outcome": _texts(("READY", "FAILED"), rows.outcome),
            "error_code": _texts(self._lowering.tables.errors, rows.error),
            "censored": rows.observed < 0,
        }

    def steps(self, rows: Rows) -> Columns:
        states = [self._lowering.states[number] for number in sorted(self._lowering.states)]
        return {
            "job_id": rows.job,
            "state": _texts(states, rows.state),
            "item": rows.iteration,
            "attempt": rows.attempt,
            **{f"{name}_at": _seconds(rows[name]) for name in ("ready", "started", "finished")},
            "outcome": _texts(STEP_OUTCOMES, rows.outcome),
            "error": _texts(self._lowering.tables.errors, rows.error),
        }

    def metrics(self, rows: Rows) -> Columns:
        return {
            "at": rows["at"] / NS,
            "metric": _texts(self._metrics, rows.what),
            "labels": _texts(self._labels, rows.what),
            "value": rows.value,
        }

    def _batch_ids(self, arrivals: NDArray[np.int64]) -> pa.Array:
        """Return the id of the batch of each arrival; null for -1."""
        known, places = np.unique(arrivals, return_inverse=True)
        ids = [
            None if arrival < 0 else f"{arrival:08x}-0000-4000-8000-{self._replication:012x}"
            for arrival in known.tolist()
        ]
        return pa.array(ids, pa.string()).take(pa.array(places))


def _metrics(lowering: Lowering) -> tuple[list[str], list[str]]:
    """Return the name and the labels of each metric, by its number."""
    template = lowering.template
    machine = labels_text({"StateMachineArn": template.state_machine.arn})
    queues = (template.queue.name, template.dead_letter_queue.name)
    none = labels_text({})
    named = [
        *(("media_batches_created_total", labels_text({"status": status})) for status in STATUSES),
        ("media_batches_failed_total", none),
        ("media_reprocess_requests_total", none),
        ("media_processing_dlq_messages_total", none),
        *(
            ("media_processing_duration_seconds", labels_text({"outcome": outcome}))
            for outcome in ("READY", "FAILED")
        ),
        ("media_processing_inflight_jobs", none),
        *(
            ("AWS/SQS/ApproximateNumberOfMessagesVisible", labels_text({"QueueName": name}))
            for name in queues
        ),
        *((f"AWS/States/Executions{end}", machine) for end in ("Started", "Succeeded", "Failed", "TimedOut")),
        *(("Load/ReadyResolution", labels_text({"Family": family})) for family in FAMILIES),
        *(
            (f"AWS/Lambda/{metric}", labels_text({"FunctionName": function}))
            for function in lowering.functions
            for metric in ("Throttles", "Invocations", "Errors", "Duration")
        ),
    ]
    return [name for name, _ in named], [labels for _, labels in named]


def _texts(texts: Sequence[str], numbers: Any) -> pa.Array:
    """Return texts by their numbers; null for -1."""
    numbers = np.asarray(numbers)
    chosen = pa.array(numbers, mask=numbers < 0) if (numbers < 0).any() else pa.array(numbers)
    return pa.array([str(text) for text in texts], pa.string()).take(chosen)


def _optional(numbers: Any) -> pa.Array:
    return pa.array(numbers, mask=numbers < 0)


def _seconds(times: Any) -> Any:
    if (times < 0).any():
        return pa.array(times / NS, mask=times < 0)
    return times / NS
