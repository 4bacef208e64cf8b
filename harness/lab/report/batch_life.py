"""The life of one batch: its requests, stages, attempts of states and spans. All times are model seconds."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.lab.report.state_stations import STAGES
from harness.lab.results.percentile import nearest_rank
from harness.lab.results.rows import E2E
from harness.lab.workload.arrivals.schedule import schedule

if TYPE_CHECKING:
    from rich.table import Table

    from harness.lab.results.run import Run
    from harness.lab.workload.scenario import Scenario

COLUMNS = (
    "kind", "name", "item", "attempt", "from_s", "to_s", "outcome", "error", "trace_id", "job_id", "waited_s",
    "service", "entry",
)  # fmt: skip

CLIENT = "client"
"""Service of the spans of the load generator; the table ``requests`` says more about them."""


class NoSuchArrival(ValueError):
    """The run has no arrival of this number."""

    def __init__(self, arrival: int, arrivals: int | None) -> None:
        last = "" if arrivals is None else f" to {arrivals - 1}"
        numbers = "it has no arrivals at all" if arrivals == 0 else f"they are numbered from 0{last}"
        super().__init__(f"the run has no arrival {arrival}; {numbers}")


def must_arrive(scenario: "Scenario", arrival: int) -> None:
    """Raise `NoSuchArrival` if a run of a scenario will not have an arrival."""
    # In a closed workload the number of arrivals depends on how fast users are served.
    arrivals = None if scenario.users else len(schedule(scenario))
    if arrival < 0 or (arrivals is not None and arrival >= arrivals):
        raise NoSuchArrival(arrival, arrivals)


def life_of_batch(run: "Run", batch_id: str) -> pd.DataFrame:
    """
    Return the life of a batch in order of time; times count from its intended start.

    Returns:
        One row per event, with `COLUMNS`: ``kind`` is ``request``, ``stage`` (of a job), ``state`` (one
        attempt of a state) or ``span`` (if its trace was sampled); ``to_s`` is
        not a number if the event had not ended when the run ended; ``waited_s`` is the time between being
        due or ready and ``from_s``.

    Raises:
        ValueError: The run has no such batch.
    """
    jobs = run.batches[run.batches["batch_id"] == batch_id]
    if jobs.empty:
        raise ValueError(f"run {run.id} has no batch {batch_id}")
    of_batch = pc.field("batch_id") == batch_id
    # The request that creates the batch does not know its id yet, but has the same trace.
    traces = pa.array(run.requests_where(of_batch)["trace_id"].dropna().unique(), pa.string())
    of_batch |= pc.field("batch_id").is_null() & pc.field("trace_id").isin(traces)
    requests = run.requests_where(of_batch & (pc.field("type") != E2E))
    return _life(run, requests, jobs, jobs["intended_at"].min())


def life_of_arrival(run: "Run", arrival: int) -> pd.DataFrame:
    """
    Return `life_of_batch` of an arrival, and its end-to-end observations, from the start of the run.

    Raises:
        NoSuchArrival: The run has no such arrival.
    """
    requests = run.requests_where(pc.field("arrival") == arrival)
    if requests.empty:
        arrivals = run.timings["arrival"]
        raise NoSuchArrival(arrival, int(arrivals.max()) + 1 if len(arrivals) else 0)
    jobs = run.batches[run.batches["batch_id"].isin(requests["batch_id"].dropna())]
    return _life(run, requests, jobs.sort_values("job_id"), 0.0)


def slowest_batch(run: "Run") -> str | None:
    """Return the batch that took longest from its intended start until the client saw it end."""
    return _ranked(run, 100)


def median_batch(run: "Run") -> str | None:
    """Return the batch with the median time; None if no batch ended."""
    return _ranked(run, 50)


def _ranked(run: "Run", percent: float) -> str | None:
    batches = run.batches
    ended = batches["observed_at"].fillna(batches["finished_at"])
    took = (ended - batches["intended_at"])[batches["attempt"] == 1].dropna().sort_values(kind="stable")
    if took.empty:
        return None
    return str(batches.loc[took.index[nearest_rank(percent, len(took)) - 1], "batch_id"])


def _life(run: "Run", requests: pd.DataFrame, jobs: pd.DataFrame, start: float) -> pd.DataFrame:
    steps = run.steps[run.steps["job_id"].isin(jobs["job_id"].dropna())]
    spans = _spans(run, jobs["batch_id"].unique())
    tables = (_requests(requests), *_stages(jobs), _states(steps), spans)
    events = [row for rows in tables for row in _records(rows)]
    frame = pd.DataFrame(events, columns=COLUMNS)
    for column in ("from_s", "to_s"):
        frame[column] = run.model_seconds(frame[column].astype(float) - start)
    frame["waited_s"] = run.model_seconds(frame["waited_s"].astype(float))
    frame["job_id"] = frame["job_id"].astype("Int64")
    frame["entry"] = frame["entry"].eq(True)
    return frame.sort_values("from_s", kind="stable", ignore_index=True)


def _requests(requests: pd.DataFrame) -> pd.DataFrame:
    return requests.assign(
        kind="request",
        name=requests["type"] + " " + requests["name"],
        item=0,
        attempt=1,
        from_s=requests["started_at"],
        to_s=requests["finished_at"].where(requests["outcome"] != "censored"),
        waited_s=requests["started_at"] - requests["intended_at"],
    )


def _stages(jobs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for name, begin, end in STAGES:
        begun = jobs[jobs[begin].notna() & ((jobs["attempt"] == 1) | (name != "upload"))]
        stage = begun.assign(kind="stage", name=name, item=0, from_s=begun[begin], to_s=begun[end])
        # The outcome of a job is that of its processing.
        if name == "processing":
            yield stage.rename(columns={"error_code": "error"})
        else:
            yield stage.drop(columns="outcome")


def _states(steps: pd.DataFrame) -> pd.DataFrame:
    start = steps["started_at"].fillna(steps["ready_at"])
    return steps.assign(
        kind="state",
        name=steps["state"],
        from_s=start,
        to_s=steps["finished_at"],
        waited_s=start - steps["ready_at"],
    )


def _spans(run: "Run", batch_ids: Collection[str]) -> pd.DataFrame:
    """
    Return the spans of the service in the traces of some batches, as events of a life.

    Returns:
        One row per span, with `COLUMNS` but times in ``from_s`` and ``to_s`` as
        recorded. ``entry``: the span is the first in its process, and not the answer to a client's request.
    """
    spans = run.spans
    traces = spans.loc[spans["batch_id"].isin(list(batch_ids)), "trace_id"].unique()
    spans = spans[spans["trace_id"].isin(traces)]
    services = spans.set_index(["trace_id", "span_id"])["service"]
    parents = pd.MultiIndex.from_frame(spans[["trace_id", "parent_id"]])
    above = services[~services.index.duplicated()].reindex(parents).to_numpy()
    events = spans.assign(
        kind="span",
        item=0,
        attempt=1,
        from_s=spans["started_at"],
        to_s=spans["finished_at"],
        waited_s=float("nan"),
        outcome=spans["status"].map({"ERROR": "failed"}),
        error=None,
        entry=(above != spans["service"].to_numpy()) & (above != CLIENT),
        job_id=pd.to_numeric(spans["job_id"], errors="coerce"),
    )
    return events[events["service"] != CLIENT]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def life_table(life: pd.DataFrame, title: str) -> "Table":
    """Return a life as a table for a terminal."""
    from rich.table import Table  # heavy: imported only for a terminal

    table = Table(title=title, title_justify="left")
    for heading in ("of", "what"):
        table.add_column(heading)
    for heading in ("start s", "end s", "took s", "waited s"):
        table.add_column(heading, justify="right")
    table.add_column("outcome")
    for row in _records(life[life["kind"] != "span"]):
        owner = "client" if row["kind"] == "request" else f"job {row['job_id']}"
        is_plain = row["kind"] != "state" or (row["item"] == 0 and row["attempt"] == 1)
        name = row["name"] if is_plain else f"{row['name']} #{row['item']} ×{row['attempt']}"
        times = (row["from_s"], row["to_s"], row["to_s"] - row["from_s"], row["waited_s"])
        texts = ("–" if pd.isna(time) else f"{time:,.3f}" for time in times)
        known = [text for text in (row["error"], row["outcome"]) if pd.notna(text)]
        outcome = known[0] if known else "unfinished" if pd.isna(row["to_s"]) else ""
        table.add_row(owner, name, *texts, outcome)
    return table
