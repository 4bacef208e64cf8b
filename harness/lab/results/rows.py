"""
The rows of a run folder's tables. Each class defines one table: its fields are the columns, in order.

Times are float seconds since the run began (``run.json`` has that instant in UTC), sizes are bytes. A run
whose scenario compresses time records *clock* seconds; `Run.model_seconds` converts them to model seconds.

The writers fill tables by position, so the order of the fields is part of the file format.
"""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

import pyarrow as pa

Int32 = Annotated[int, pa.int32()]

E2E = "E2E"
"""Type of a row in ``requests`` that observes a batch from its intended start to an end."""

E2E_NAMES = ("ready", "processing", "start")
"""What is observed: the time to READY, from acceptance to the end, and that an arrival never started."""

FAILED = ("failed", "breached")
"""Outcomes of a request that count as failures."""


class RequestRow(NamedTuple):
    """
    One HTTP request, or one end-to-end observation (type ``E2E``).

    Attributes:
        outcome: ``ok``, ``failed``, ``refused`` (a forbidden attempt that the service rejected, as it must),
            ``breached`` (a forbidden attempt that succeeded) or ``censored`` (unfinished when the run ended;
            ``finished_at`` is then a lower bound).
    """

    worker: Int32
    arrival: int
    type: str
    name: str
    status: Int32 | None
    outcome: str
    intended_at: float
    started_at: float
    finished_at: float
    bytes_out: int = 0
    bytes_in: int = 0
    batch_id: str | None = None
    trace_id: str | None = None
    error: str | None = None


class BatchRow(NamedTuple):
    """
    One processing job of a batch.

    Attributes:
        observed_at: When the client saw the batch end; the other times are the service's own.
        outcome: ``READY`` or ``FAILED``; null while *censored*.
        censored: The job had not ended when the run ended.
    """

    batch_id: str
    listing_id: int
    job_id: int | None
    attempt: Int32
    family: str
    photos: Int32
    videos: Int32
    documents: Int32
    bytes: int
    intended_at: float
    created_at: float | None = None
    received_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    observed_at: float | None = None
    outcome: str | None = None
    error_code: str | None = None
    censored: bool = False


class StepRow(NamedTuple):
    """
    One attempt of one state.

    Attributes:
        item: Index in a Map, else 0.
        attempt: Counts from 1.
        outcome: ``SUCCEEDED``, ``FAILED``, ``ABORTED`` (stopped with the branch, iteration or execution it
            was part of) or null while running.
    """

    job_id: int
    state: str
    item: Int32
    attempt: Int32
    ready_at: float | None
    started_at: float | None
    finished_at: float | None = None
    outcome: str | None = None
    error: str | None = None


class MetricRow(NamedTuple):
    """
    One datum of one metric; `metric_names` explains how the table spells metrics and labels.

    Counters are increments (usually 1), gauges are the value seen, a histogram has one row per observation.
    """

    at: float
    metric: str
    labels: str
    value: float


class SpanRow(NamedTuple):
    """
    One span of a sampled trace; a trace has the requests of one arrival and everything that they cause.

    Attributes:
        parent_id: None for the root of a trace.
        service: The process or function that opened the span; ``client`` is the load generator.
        status: ``OK``, ``ERROR`` or ``UNSET``, as in OpenTelemetry.
        batch_id: Only in the spans that know it: those of requests, messages, functions and transcoding jobs.
        job_id: As *batch_id*.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    service: str
    started_at: float
    finished_at: float
    status: str
    batch_id: str | None = None
    job_id: str | None = None


class FaultRow(NamedTuple):
    """
    A fault of a whole process, as it was played.

    Attributes:
        fault: Its place among the faults of the scenario, from 0.
        finished_at: When the part was started again or continued; null if it was not.
        ready_at: When the part answered again.
    """

    fault: Int32
    action: str
    target: str
    started_at: float
    finished_at: float | None = None
    ready_at: float | None = None


class StationRow(NamedTuple):
    """
    One station of the system over the whole run, in model seconds; a column without a value is not known.

    Numbers (``busy``, ``queue``) are means, 95th percentiles and maxima over time.

    Attributes:
        kind: ``api``, ``queue``, ``function``, ``pool`` (all functions), ``slots`` (transcoding), ``station``
            (described by the scenario), ``bucket`` (tokens of a rate limit) or ``state`` (of the machine).
        servers: Requests, invocations or jobs that it serves at once; tokens of a bucket.
        losses: Throttled or refused visits; of the queue its dead letters.
        utilisation: Mean part of the servers that was busy; of a bucket, part of its rate that was used.
        cold_starts: Invocations in a new environment.
        environments: Most environments at once, idle ones included.
    """

    station: str
    kind: str
    servers: Int32 | None
    arrivals: int
    losses: int | None
    utilisation: float | None
    busy_mean: float | None
    busy_max: int | None
    queue_mean: float | None
    queue_p95: float | None
    queue_max: int | None
    wait_mean_s: float | None
    wait_p95_s: float | None
    service_mean_s: float | None
    service_p50_s: float | None
    service_p95_s: float | None
    cold_starts: int | None = None
    environments: int | None = None


Row = RequestRow | BatchRow | StepRow | MetricRow | SpanRow | FaultRow | StationRow

TABLE_OF: dict[type[Row], str] = {
    RequestRow: "requests",
    BatchRow: "batches",
    StepRow: "steps",
    MetricRow: "metrics",
    SpanRow: "spans",
    FaultRow: "faults",
    StationRow: "stations",
}

OPTIONAL_TABLES = frozenset({"spans", "faults", "stations"})
"""Tables that runs without spans, without faults of processes, or of an earlier version do not have."""

_COLUMN_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}


def _column_type(hint: Any) -> pa.DataType:
    """Return the column type of a field; the field may also be None."""
    for one in (hint, *get_args(hint)):
        if hasattr(one, "__metadata__"):
            return one.__metadata__[0]
        if one in _COLUMN_TYPES:
            return _COLUMN_TYPES[one]
    raise TypeError(f"no column type for {hint}")


TABLES: Mapping[str, pa.Schema] = {
    table: pa.schema(
        {name: _column_type(hint) for name, hint in get_type_hints(row, include_extras=True).items()}
    )
    for row, table in TABLE_OF.items()
}
"""The Arrow schema of each table, by its name."""
