"""
The life of one batch: every request, state and status, as a table and as a trace for Perfetto.

A trace opens in https://ui.perfetto.dev or in Chrome's ``chrome://tracing``. Times in seconds since the
run began; the trace has microseconds, as its format wants.

Source:
    Trace Event Format, "complete" events (``ph = X``).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.lab.results.run import Run
from harness.lab.workload.arrivals.schedule import schedule
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    from rich.table import Table


class NoSuchBatch(ValueError):
    """The run has nothing of such an arrival."""

    def __init__(self, arrival: int, arrivals: int | None) -> None:
        last = "" if arrivals is None else f" to {arrivals - 1}"
        numbers = "it has none at all" if arrivals == 0 else f"they are numbered from 0{last}"
        super().__init__(f"the run has no arrival {arrival}; {numbers}")


@dataclass(frozen=True, slots=True)
class Moment:
    """
    One thing that happened to a batch.

    Attributes:
        lane: ``client``, ``service``, or the state machine's job.
        waited_s: Between being ready to begin and beginning.
    """

    lane: str
    what: str
    start_s: float
    end_s: float
    waited_s: float
    outcome: str


def must_arrive(scenario: Scenario, arrival: int) -> None:
    """
    Make sure that a run of a scenario will have an arrival, as far as it can be told.

    Raises:
        NoSuchBatch: It will not; with users, who start again when they are done, only a run can tell.
    """
    arrivals = None if scenario.users else len(schedule(scenario))
    if arrival < 0 or (arrivals is not None and arrival >= arrivals):
        raise NoSuchBatch(arrival, arrivals)


def life(run: Run, arrival: int) -> list[Moment]:
    """
    Return what happened to the batch of an arrival, in order of time.

    Raises:
        NoSuchBatch: The run has no such arrival.
    """
    requests = run.requests
    own = requests[requests["arrival"] == arrival]
    if own.empty:
        raise NoSuchBatch(arrival, int(requests["arrival"].max()) + 1 if len(requests) else 0)
    moments = [
        Moment(
            "client",
            f"{row['type']} {row['name']}",
            row["started_at"],
            row["finished_at"],
            row["started_at"] - row["intended_at"],
            row["outcome"],
        )
        for row in _records(own)
    ]
    for job in _jobs(run, own):
        moments += _of_service(job) + _of_states(run, int(job["job_id"]))
    return sorted(moments, key=lambda moment: (moment.start_s, moment.end_s, moment.lane, moment.what))


def _jobs(run: Run, own: pd.DataFrame) -> list[dict[str, Any]]:
    batch_ids = set(own["batch_id"].dropna())
    return _records(run.batches[run.batches["batch_id"].isin(batch_ids)].sort_values("job_id"))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _of_service(job: dict[str, Any]) -> list[Moment]:
    received, started, finished = job["received_at"], job["started_at"], job["finished_at"]
    found = []
    if pd.notna(received) and pd.notna(started):
        found.append(Moment("service", f"job {job['job_id']} queued", received, started, 0.0, "ok"))
    if pd.notna(started) and pd.notna(finished):
        name = f"job {job['job_id']} processing"
        found.append(Moment("service", name, started, finished, 0.0, str(job["outcome"])))
    return found


def _of_states(run: Run, job_id: int) -> list[Moment]:
    steps = run.steps[run.steps["job_id"] == job_id]
    found = []
    for row in _records(steps):
        ready_at, item, attempt = row["ready_at"], row["item"], row["attempt"]
        start = ready_at if pd.isna(row["started_at"]) else row["started_at"]
        end = start if pd.isna(row["finished_at"]) else row["finished_at"]
        name = row["state"] if item == 0 and attempt == 1 else f"{row['state']} #{item} ×{attempt}"
        outcome = next((row[name] for name in ("error", "outcome") if pd.notna(row[name])), "unfinished")
        found.append(Moment(f"job {job_id}", name, start, end, start - ready_at, str(outcome)))
    return found


def write_trace(moments: list[Moment], path: Path) -> None:
    """Write a trace in Chrome's format."""
    lanes = {lane: number for number, lane in enumerate(dict.fromkeys(moment.lane for moment in moments), 1)}
    events: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": number, "tid": 0, "args": {"name": lane}}
        for lane, number in lanes.items()
    ]
    rows = _rows(moments)
    for moment, row in zip(moments, rows, strict=True):
        events.append(
            {
                "name": moment.what,
                "cat": moment.lane,
                "ph": "X",
                "ts": round(moment.start_s * 1e6, 3),
                "dur": round((moment.end_s - moment.start_s) * 1e6, 3),
                "pid": lanes[moment.lane],
                "tid": row,
                "args": {"outcome": moment.outcome, "waited_s": moment.waited_s},
            }
        )
    path.write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}), encoding="utf-8")


def _rows(moments: list[Moment]) -> list[int]:
    """Give each moment a row of its lane in which it overlaps nothing it does not lie within."""
    stacks: dict[tuple[str, int], list[float]] = {}
    rows = []
    for moment in moments:
        row = 1
        while not _fits(stacks.setdefault((moment.lane, row), []), moment):
            row += 1
        stacks[moment.lane, row].append(moment.end_s)
        rows.append(row)
    return rows


def _fits(ends: list[float], moment: Moment) -> bool:
    while ends and ends[-1] <= moment.start_s:
        ends.pop()
    return not ends or moment.end_s <= ends[-1]


def to_rich(moments: list[Moment], title: str) -> "Table":
    """Return a life as a table for a terminal."""
    from rich.table import Table  # heavy: only a terminal needs it

    table = Table(title=title, title_justify="left")
    for heading in ("lane", "what"):
        table.add_column(heading)
    for heading in ("start s", "end s", "took s", "waited s"):
        table.add_column(heading, justify="right")
    table.add_column("outcome")
    for moment in moments:
        took = moment.end_s - moment.start_s
        times = (moment.start_s, moment.end_s, took, moment.waited_s)
        table.add_row(moment.lane, moment.what, *(f"{time:,.3f}" for time in times), moment.outcome)
    return table
