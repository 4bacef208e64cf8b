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
from harness.lab.sim.compiled.occurring_numbers import OccurringNumbers, batch_ids
from harness.lab.sim.compiled.recorded_api_visits import RecordedApiVisits
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

ROWS_IN_CACHE = 4096
"""So many rows stay in the processor's cache while they become columns."""

Rows = Any
Columns = dict[str, Any]
Numbers = dict[str, NDArray[np.int64]]
"""The columns of rows as 64-bit words."""


class RecordedColumns:
    """
    Decodes the rows of one replication; texts become dictionaries of those that occur.

    Attributes:
        api_visits: The requests at the threads of the API, of which the columns have not all times.
    """

    def __init__(self, lowering: Lowering, horizon: int) -> None:
        self._lowering = lowering
        self._horizon = horizon
        self._replication = lowering.source.replication
        self._metrics, self._labels = _metrics(lowering)
        self.api_visits = RecordedApiVisits([method == "POST" for method, _ in REQUEST_NAMES])

    def requests(self, rows: Rows) -> Columns:
        of = self._censored(_by_column(rows))
        types, names = zip(*REQUEST_NAMES, strict=True)
        kinds = OccurringNumbers.of(of["what"])
        self.api_visits.add(of)
        return {
            "worker": np.zeros(len(of["arrival"]), np.int32),
            "arrival": of["arrival"],
            "type": kinds.texts(types),
            "name": kinds.texts(names),
            "status": _optional(of["status"].astype(np.int32)),
            "outcome": _texts(OUTCOMES, of["outcome"]),
            "intended_at": of["intended"] / NS,
            "started_at": of["started"] / NS,
            "finished_at": of["finished"] / NS,
            "bytes_out": of["out_bytes"],
            "bytes_in": of["in_bytes"],
            "batch_id": self._batch_ids(of["batch"]),
            "trace_id": pa.nulls(len(of["arrival"]), pa.dictionary(pa.int32(), pa.string())),
            "error": _texts(self._lowering.tables.errors, of["error"]),
        }

    def batches(self, rows: Rows) -> Columns:
        of = _by_column(rows)
        return {
            "batch_id": self._batch_ids(of["arrival"]),
            "listing_id": of["arrival"] + 1,
            "job_id": of["job"],
            "attempt": of["attempt"],
            "family": _texts(FAMILIES, of["family"]),
            **{name: of[name] for name in ("photos", "videos", "documents", "bytes")},
            "intended_at": of["intended"] / NS,
            **{
                f"{name}_at": _seconds(of[name])
                for name in ("created", "received", "started", "finished", "observed")
            },
            "outcome": _texts(("READY", "FAILED"), of["outcome"]),
            "error_code": _texts(self._lowering.tables.errors, of["error"]),
            "censored": of["observed"] < 0,
        }

    def steps(self, rows: Rows) -> Columns:
        states = [self._lowering.states[number] for number in sorted(self._lowering.states)]
        of = _by_column(rows)
        return {
            "job_id": of["job"],
            "state": _texts(states, of["state"]),
            "item": of["iteration"],
            "attempt": of["attempt"],
            **{f"{name}_at": _seconds(of[name]) for name in ("ready", "started", "finished")},
            "outcome": _texts(STEP_OUTCOMES, of["outcome"]),
            "error": _texts(self._lowering.tables.errors, of["error"]),
        }

    def metrics(self, rows: Rows) -> Columns:
        of = _by_column(rows)
        kinds = OccurringNumbers.of(of["what"])
        return {
            "at": of["at"] / NS,
            "metric": kinds.texts(self._metrics),
            "labels": kinds.texts(self._labels),
            "value": of["value"].view(np.float64),
        }

    def _censored(self, of: Numbers) -> Numbers:
        """Return the requests that began before the horizon; what would end after it is censored."""
        is_late = of["finished"] > self._horizon
        if not is_late.any():
            return of
        kept = ~is_late | (of["started"] < self._horizon)
        is_late, of = is_late[kept], {name: numbers[kept] for name, numbers in of.items()}
        censored = {"status": -1, "outcome": CENSORED, "finished": self._horizon, "in_bytes": 0, "error": -1}
        for name, number in censored.items():
            of[name][is_late] = number
        return of

    def _batch_ids(self, arrivals: NDArray[np.int64]) -> pa.Array:
        """Return the id of the batch of each arrival; null for -1."""
        found = OccurringNumbers.of(arrivals)
        return found.dictionary(batch_ids(found.known, self._replication))


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


def _by_column(rows: Rows) -> Numbers:
    """Return the columns of records as arrays of 64-bit words, each in one piece."""
    count, names = len(rows), rows.dtype.names
    words = rows.view(np.int64).reshape(count, len(names))
    columns = np.empty((len(names), count), np.int64)
    for first in range(0, count, ROWS_IN_CACHE):
        part = slice(first, first + ROWS_IN_CACHE)
        columns[:, part] = words[part].T
    return dict(zip(names, columns, strict=True))


def _texts(texts: Sequence[str], numbers: NDArray[np.int64]) -> pa.Array:
    """Return texts by their numbers as a dictionary; null for -1."""
    return OccurringNumbers.of(numbers).texts(texts)


def _optional(numbers: Any) -> pa.Array:
    return pa.array(numbers, mask=numbers < 0)


def _seconds(times: NDArray[np.int64]) -> Any:
    if (times < 0).any():
        return pa.array(times / NS, mask=times < 0)
    return times / NS
