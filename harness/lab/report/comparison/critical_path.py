"""
The critical path of a batch: which parts its time to READY or FAILED consists of. Times are model seconds.

The path is followed from the end of the job to its arrival: before each attempt of a state came the attempt
that ended last before it. What runs in parallel and is not waited for is therefore not on the path, and the
parts of a batch add up to its time.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pandas as pd

from harness.blueprint.template import load_template
from harness.lab.results.run import Run
from harness.states_language.machine import Map, Parallel
from harness.states_language.parser import parse_state_machine

BATCHES = 20_000
"""Batches that are followed at most, evenly spread over the arrivals."""

EXECUTIONS, NEAR, MOSTLY = 50, 0.02, 0.9
"""How containers of an unknown machine are found: executions looked at, and shares of time and of cases."""

UPLOAD, QUEUE, START, END = "upload", "queue", "start of the execution", "end of the execution"
"""The parts of a batch outside its states; the queue includes outbox and dispatcher."""

CLOCK_S = 1e-6
"""Times that differ by less are equal: recorded times are rounded."""


class PathPart(NamedTuple):
    """A part of the path: ``upload``, or a state with what happened there, e.g. ``ZipFiles: work``."""

    name: str
    seconds: float


class _Attempt(NamedTuple):
    state: str
    item: int
    ready_at: float
    started_at: float
    finished_at: float
    outcome: str


def path_parts(run: Run) -> pd.DataFrame:
    """
    Return the time that each batch spent in each part of its path.

    Returns:
        One row per batch that has ended, in the order of arrival, and one column per part [model s]. A part
        that is not on the path of a batch has no time there. The index names the batch in any run of the same
        scenario: ``arrival`` (-1 if it is unknown), ``job``, counted from 0 within the arrival, and ``at_s``,
        when the arrival was due [model s].
    """
    ended = _ended_batches(run)
    attempts = _attempts(run, set(ended["job_id"]))
    rows = []
    for job, batch in zip(ended["job_id"].astype(int), ended.itertuples(index=False), strict=True):
        parts: dict[str, float] = {}
        for part in _path(batch, attempts.get(job, [])):
            parts[part.name] = parts.get(part.name, 0.0) + part.seconds
        rows.append(parts)
    due = run.model_seconds(ended["intended_at"])
    index = pd.MultiIndex.from_arrays([ended["arrival"], ended["job"], due], names=["arrival", "job", "at_s"])
    frame = pd.DataFrame(rows, index=index).fillna(0.0)
    return run.model_seconds(frame) if len(frame) else frame


def _ended_batches(run: Run) -> pd.DataFrame:
    """Return the jobs that have ended, at most `BATCHES`, with their ``arrival`` and ``job``."""
    requests = run.requests[["batch_id", "arrival"]].dropna().drop_duplicates("batch_id")
    arrivals = requests.set_index("batch_id")["arrival"]
    jobs = run.batches.sort_values("intended_at", kind="stable").reset_index(drop=True)
    jobs["arrival"] = jobs["batch_id"].map(arrivals).fillna(-1).astype(int)
    jobs["job"] = jobs.groupby("arrival").cumcount()
    ended = jobs[jobs["started_at"].notna() & jobs["finished_at"].notna()]
    # A power of two: of two runs the same arrivals are taken, even if one of them has a few more.
    step = 1 << max(0, math.ceil(math.log2(max(len(ended), 1) / BATCHES)))
    number = ended["arrival"].where(ended["arrival"] >= 0, ended.index.to_series())
    return ended[number % step == 0]


def _path(batch: Any, attempts: list[_Attempt]) -> Iterator[PathPart]:
    """Yield the parts of one batch, the last one first [clock s]."""
    at = batch.finished_at
    # The callback ends the job before its state ends.
    attempts = [
        one._replace(started_at=min(one.started_at, at), finished_at=min(one.finished_at, at))
        for one in attempts
        if one.ready_at < at + CLOCK_S
    ]
    attempts.sort(key=lambda attempt: (attempt.finished_at, attempt.ready_at))
    ends = [attempt.finished_at for attempt in attempts]
    following: _Attempt | None = None
    place = bisect_right(ends, at + CLOCK_S)
    while place:
        attempt = attempts[place - 1]
        yield PathPart(_gap(attempt, following), at - attempt.finished_at)
        work = "work" if attempt.outcome == "SUCCEEDED" else "failed attempts"
        yield PathPart(f"{attempt.state}: {work}", attempt.finished_at - attempt.started_at)
        yield PathPart(f"{attempt.state}: wait", attempt.started_at - attempt.ready_at)
        at, following = attempt.ready_at, attempt
        # An attempt that took no time ends when it begins: it must not precede itself.
        place = min(place - 1, bisect_right(ends, at + CLOCK_S))
    # A service may note the start of an execution after its first state began.
    started_at = min(batch.started_at, at)
    yield PathPart(START, at - started_at)
    yield PathPart(QUEUE, started_at - batch.received_at)
    yield PathPart(UPLOAD, batch.received_at - batch.intended_at)


def _gap(attempt: _Attempt, following: _Attempt | None) -> str:
    """Return what happens between two attempts."""
    if following is None:
        return END
    if (attempt.state, attempt.item) == (following.state, following.item) and attempt.outcome != "SUCCEEDED":
        return f"{following.state}: back-off"
    return f"{following.state}: hop"


def _attempts(run: Run, jobs: set[int]) -> dict[int, list[_Attempt]]:
    """Return the finished attempts of each job, without the states that contain others."""
    steps = run.steps.dropna(subset=["ready_at", "started_at", "finished_at"])
    steps = steps[steps["job_id"].isin(jobs) & ~steps["state"].isin(_containers(steps))]
    found: dict[int, list[_Attempt]] = {}
    columns = (steps[name] for name in _Attempt._fields)
    for job, row in zip(steps["job_id"], zip(*columns, strict=True), strict=True):
        found.setdefault(int(job), []).append(_Attempt(*row))
    return found


def _containers(steps: pd.DataFrame) -> set[str]:
    """Return the states that other states of the same execution ran in: Parallel and Map."""
    names, containers = _states_of_the_blueprint()
    if set(steps["state"].unique()) <= names:
        return set(containers)
    return _likely_containers(steps)


@cache
def _states_of_the_blueprint() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of all states, and those of Parallel and Map states."""
    machine = parse_state_machine(load_template(parameters={"CallbackUrl": ""}).state_machine.definition)
    states = list(machine.all_states())
    containers = (state.name for state in states if isinstance(state, Parallel | Map))
    return frozenset(state.name for state in states), frozenset(containers)


def _likely_containers(steps: pd.DataFrame) -> set[str]:
    """Return the states of another machine that end when the last state in them ends, in nearly all cases."""
    seen = steps[steps["job_id"].isin(steps["job_id"].drop_duplicates().iloc[:EXECUTIONS])].copy()
    seen["row"] = range(len(seen))
    pairs = seen.merge(seen, on="job_id", suffixes=("", "_in"))
    inside = pairs[
        (pairs["row"] != pairs["row_in"])
        & (pairs["started_at"] <= pairs["ready_at_in"])
        & (pairs["finished_at"] >= pairs["finished_at_in"])
        & (pairs["ready_at"] < pairs["finished_at_in"])
        # A state of no duration that follows is not inside.
        & (pairs["ready_at_in"] < pairs["finished_at"] - CLOCK_S)
    ]
    last = inside.groupby("row")["finished_at_in"].max().reindex(seen["row"]).to_numpy()
    spent = (seen["finished_at"] - seen["ready_at"]).to_numpy()
    ends_with_it = seen["finished_at"].to_numpy() - last <= NEAR * spent
    shares = pd.Series(ends_with_it, index=seen["state"].to_numpy()).groupby(level=0).mean()
    return set(shares.index[shares > MOSTLY])
