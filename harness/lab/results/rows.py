"""
One row of each table of a run folder, as its writers spell it; the columns are `records`'.
"""

from typing import NamedTuple


class RequestRow(NamedTuple):
    """One HTTP request, or one end-to-end observation."""

    worker: int
    arrival: int
    type: str
    name: str
    status: int | None
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
    """One processing job of a batch."""

    batch_id: str
    listing_id: int
    job_id: int | None
    attempt: int
    family: str
    photos: int
    videos: int
    documents: int
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
    """One attempt of one state."""

    job_id: int
    state: str
    item: int
    attempt: int
    ready_at: float | None
    started_at: float | None
    finished_at: float | None = None
    outcome: str | None = None
    error: str | None = None


class MetricRow(NamedTuple):
    """One datum of one metric; *labels* as `records.labels_text` spells them."""

    at: float
    metric: str
    labels: str
    value: float


Row = RequestRow | BatchRow | StepRow | MetricRow

TABLE_OF: dict[type[Row], str] = {
    RequestRow: "requests",
    BatchRow: "batches",
    StepRow: "steps",
    MetricRow: "metrics",
}
