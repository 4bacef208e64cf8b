"""
One batch's life: from its first HTTP request to READY, with the trace that ties it together.

Times are model seconds since the batch's intended start; requests too, so that they fit between the rest.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.lab.report.axes import lanes
from harness.lab.report.drawing import Chart
from harness.lab.report.palette import BLUE, GREY, VERMILION
from harness.lab.report.state_stations import STAGES
from harness.lab.report.wording import plural, seconds
from harness.lab.results.percentile import nearest_rank
from harness.lab.results.summary import E2E

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.lab.results.run import Run

COLUMNS = ["kind", "name", "item", "attempt", "from_s", "to_s", "outcome", "error", "trace_id"]
DETAILS = ("item", "attempt", "outcome", "error", "trace_id")
COLOURS = {"request": GREY, "stage": GREY, "state": BLUE}
FAILED = frozenset({"failed", "breached", "FAILED"})


def batch_life(run: "Run", batch_id: str) -> pd.DataFrame:
    """
    Return everything that happened to one batch, in order.

    Returns:
        One row per request, stage of a job and attempt of a state: ``kind`` is ``request``, ``stage`` or
        ``state``; ``from_s`` and ``to_s`` count from the batch's intended start; ``to_s`` is not a number
        while something had not ended.

    Raises:
        ValueError: The run has no such batch.
    """
    jobs = run.batches[run.batches["batch_id"] == batch_id]
    if jobs.empty:
        raise ValueError(f"run {run.id} has no batch {batch_id}")
    rows = [*_requests(run, batch_id), *_stages(jobs), *_states(run, jobs)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    start = jobs["intended_at"].min()
    for column in ("from_s", "to_s"):
        frame[column] = run.model_seconds(frame[column].astype(float) - start)
    return frame.sort_values("from_s", kind="stable", ignore_index=True)


def slowest(run: "Run") -> str | None:
    """Return the batch that took longest from its intended start until somebody saw it end."""
    return _ranked(run, 100)


def median(run: "Run") -> str | None:
    """Return the batch in the middle; None if none ended."""
    return _ranked(run, 50)


def life_chart(run: "Run", batch_id: str, name: str) -> Chart:
    """The waterfall of one batch: a lane for each kind of request, each stage and each state."""
    data = batch_life(run, batch_id)
    end = float(data["to_s"].max())
    failures = int(data["outcome"].isin(FAILED).sum())
    amounts = data["kind"].value_counts()
    finding = (
        f"Batch {batch_id}: {seconds(end)} from its intended start, "
        f"{plural(amounts.get('request', 0), 'request')} and {plural(amounts.get('state', 0), 'attempt')} "
        f"of states, {plural(failures, 'failure')}."
    )
    names = list(dict.fromkeys(data["name"]))

    def draw(ax: "Axes") -> None:
        place = data["name"].map(names.index)
        length = (data["to_s"].fillna(end) - data["from_s"]).clip(lower=end / 400)
        for kind, colour in COLOURS.items():
            for failed in (False, True):
                chosen = (data["kind"] == kind) & (data["outcome"].isin(FAILED) == failed)
                ax.barh(
                    place[chosen] + 0.1, length[chosen], left=data["from_s"][chosen],
                    height=0.34, color=VERMILION if failed else colour, alpha=0.75,
                )  # fmt: skip
        lanes(ax, [_lane(data[data["name"] == name]) for name in names])
        ax.grid(axis="x", visible=True)
        ax.set_xlabel("model seconds since the intended start")

    return Chart(name, f"Life of batch {batch_id}", finding, data, draw, height=70 + 34 * len(names))


def trace(run: "Run", batch_id: str) -> dict[str, Any]:
    """
    Return one batch's life in the Trace Event Format, which Perfetto and Chrome's tracing page open.

    Source:
        Trace Event Format, "complete events"; times in microseconds.
    """
    data = batch_life(run, batch_id)
    events: list[dict[str, Any]] = [_named("process_name", 0, f"batch {batch_id}")]
    tracks: list[float] = []
    labels: list[str] = []
    for _, row in data.iterrows():
        end = row["to_s"] if pd.notna(row["to_s"]) else float(data["to_s"].max())
        track = _free_track(tracks, labels, str(row["name"]), row["from_s"])
        tracks[track] = end
        details = {key: row[key] for key in DETAILS if pd.notna(row[key])}
        events.append(
            {
                "ph": "X",
                "pid": 1,
                "tid": track + 1,
                "name": row["name"],
                "cat": row["kind"],
                "ts": round(row["from_s"] * 1e6, 3),
                "dur": round((end - row["from_s"]) * 1e6, 3),
                "args": details,
            }
        )
    events += [_named("thread_name", track + 1, label) for track, label in enumerate(labels)]
    return {"displayTimeUnit": "ms", "traceEvents": events}


def write_trace(run: "Run", batch_id: str, path: Path) -> Path:
    """Write the trace of one batch as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(trace(run, batch_id), indent=1, default=_plain) + "\n", encoding="utf-8")
    return path


def _requests(run: "Run", batch_id: str) -> Iterator[tuple[Any, ...]]:
    requests = run.requests
    of_batch = requests["batch_id"] == batch_id
    # The request that creates the batch does not know its id yet; its trace does.
    traces = requests.loc[of_batch, "trace_id"].dropna().unique()
    of_batch |= requests["batch_id"].isna() & requests["trace_id"].isin(traces)
    for row in requests[of_batch & (requests["type"] != E2E)].itertuples():
        end = None if row.outcome == "censored" else row.finished_at
        name = f"{row.type} {row.name}"
        yield "request", name, 0, 1, row.started_at, end, row.outcome, row.error, row.trace_id


def _stages(jobs: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    for job in _records(jobs):
        for name, begin, end in STAGES:
            if not np.isnan(job[begin]) and (job["attempt"] == 1 or name != "upload"):
                outcome = job["outcome"] if name == "processing" else None
                error = job["error_code"] if name == "processing" else None
                yield "stage", name, 0, job["attempt"], job[begin], job[end], outcome, error, None


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _states(run: "Run", jobs: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    steps = run.steps[run.steps["job_id"].isin(jobs["job_id"].dropna())]
    begins = steps["started_at"].fillna(steps["ready_at"])
    for row, begin in zip(steps.itertuples(), begins, strict=True):
        yield "state", row.state, row.item, row.attempt, begin, row.finished_at, row.outcome, row.error, None


def _ranked(run: "Run", percent: float) -> str | None:
    batches = run.batches
    ended = batches["observed_at"].fillna(batches["finished_at"])
    took = (ended - batches["intended_at"])[batches["attempt"] == 1].dropna().sort_values(kind="stable")
    if took.empty:
        return None
    return str(batches.loc[took.index[nearest_rank(percent, len(took)) - 1], "batch_id"])


def _lane(rows: pd.DataFrame) -> str:
    times = (rows["to_s"] - rows["from_s"]).dropna()
    amount = f" × {len(rows)}" if len(rows) > 1 else ""
    spent = "not ended" if times.empty else seconds(float(times.max()))
    longest = "longest " if len(times) > 1 else ""
    return f"{rows['name'].iloc[0]}{amount}   {longest}{spent}"


def _free_track(tracks: list[float], labels: list[str], label: str, start: float) -> int:
    """Return a track of that name nothing is on; slices of one track may not overlap."""
    for number, (until, name) in enumerate(zip(tracks, labels, strict=True)):
        if name == label and until <= start:
            return number
    tracks.append(0.0)
    labels.append(label)
    return len(tracks) - 1


def _named(kind: str, track: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": 1, "tid": track, "name": kind, "args": {"name": name}}


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is not JSON")
