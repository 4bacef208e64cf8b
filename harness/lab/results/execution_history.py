"""
What each state of an execution did and when, read from its history.

A Task has a row for each attempt, any other state one for each time it was entered. An event belongs
to the state entered last before it, and to the Map item begun last before it, along the chain of
``previousEventId``: that holds in parallel branches too. Times in seconds since the run began.

Source:
    AWS Step Functions API reference, HistoryEvent.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harness.lab.results.rows import StepRow

Event = Mapping[str, Any]

SCHEDULED = re.compile(r"(Task|LambdaFunction|Activity)Scheduled$")
STARTED = re.compile(r"(Task|LambdaFunction|Activity)Started$")
ENDED_WELL = re.compile(r"(Task|LambdaFunction|Activity)Succeeded$")
ENDED_BADLY = re.compile(
    r"(Task|LambdaFunction|Activity)(ScheduleFailed|StartFailed|SubmitFailed|Failed|TimedOut)$"
)
ENTERED = re.compile(r"StateEntered$")
EXITED = re.compile(r"StateExited$")
STOPPED = re.compile(r"(Execution|ParallelState|MapState|MapIteration)(Failed|TimedOut|Aborted)$")
"""What is under way inside goes no further."""

TIMED_OUT = "States.Timeout"

_JOB_OF_NAME = re.compile(r"-job-(\d+)$")


@dataclass(slots=True)
class _StateVisit:
    """A state that was entered, its attempts so far, and the one under way."""

    state: str
    item: int
    entered_at: float
    is_fork: bool = False
    rows: list[StepRow] = field(default_factory=list)
    ready_at: float | None = None
    started_at: float | None = None

    def begin(self, at: float) -> None:
        # The first attempt is ready when the state is entered, the others when their back-off is over.
        self.ready_at = at if self.rows else self.entered_at
        self.started_at = None

    def end(self, job_id: int, at: float | None, outcome: str | None, error: str | None) -> None:
        ready_at = self.entered_at if self.ready_at is None else self.ready_at
        attempt = len(self.rows) + 1
        self.rows.append(
            StepRow(job_id, self.state, self.item, attempt, ready_at, self.started_at, at, outcome, error)
        )
        self.ready_at = None


def job_of(execution_name: str) -> int | None:
    """Return the job an execution works for; None if it is named otherwise than the service does."""
    match = _JOB_OF_NAME.search(execution_name)
    return int(match[1]) if match else None


def step_rows(job_id: int, events: Sequence[Event], began_at: float) -> list[StepRow]:
    """
    Return the rows of one execution, in the order its states were entered.

    Args:
        events: All of its history, as ``GetExecutionHistory`` gives it; data are not needed.
        began_at: The run's beginning [s since the epoch].
    """
    parents = {event["id"]: event["previousEventId"] for event in events}
    visits: dict[int, _StateVisit] = {}
    items: dict[int, int] = {}
    stops: list[tuple[int, float]] = []
    for event in events:
        kind, at = event["type"], _epoch(event["timestamp"]) - began_at
        if kind == "MapIterationStarted":
            items[event["id"]] = event["mapIterationStartedEventDetails"]["index"]
        elif ENTERED.search(kind):
            name = event["stateEnteredEventDetails"]["name"]
            item = next((items[one] for one in _chain(event["id"], parents) if one in items), 0)
            visits[event["id"]] = _StateVisit(name, item, at, is_fork=kind.startswith(("Parallel", "Map")))
        elif EXITED.search(kind):
            name = event["stateExitedEventDetails"]["name"]
            chain = _chain(event["id"], parents)
            entered = next((one for one in chain if one in visits and visits[one].state == name), None)
            if entered is not None and not visits[entered].rows:
                _end_plain(visits[entered], job_id, at)
        elif STOPPED.match(kind):
            stops.append((event["id"], at))
        else:
            entered = next((one for one in _chain(event["id"], parents) if one in visits), None)
            if entered is not None:
                _attempt(visits[entered], job_id, event, at, began_at)
    for number, visit in visits.items():
        if not visit.rows or visit.ready_at is not None:
            stopped_at = next((at for stop, at in stops if stop > number), None)
            _give_up(visit, job_id, stopped_at)
    return [row for visit in visits.values() for row in visit.rows]


def _attempt(visit: _StateVisit, job_id: int, event: Event, at: float, began_at: float) -> None:
    kind = event["type"]
    if SCHEDULED.search(kind):
        visit.begin(at)
    elif STARTED.search(kind):
        visit.started_at = at
    elif ENDED_WELL.search(kind):
        begun = _transcoding_began_at(event)
        if begun is not None:
            visit.started_at = max(begun - began_at, visit.started_at or 0.0)
        visit.end(job_id, at, "SUCCEEDED", None)
    elif ENDED_BADLY.search(kind):
        visit.end(job_id, at, "FAILED", _details(event).get("error", TIMED_OUT))


def _end_plain(visit: _StateVisit, job_id: int, at: float) -> None:
    visit.started_at = visit.entered_at
    visit.end(job_id, at, "SUCCEEDED", None)


def _give_up(visit: _StateVisit, job_id: int, stopped_at: float | None) -> None:
    """End what never ended: stopped with what it was part of, or under way still."""
    if stopped_at is None:
        visit.end(job_id, None, None, None)
    else:
        visit.end(job_id, stopped_at, "FAILED" if visit.is_fork else "ABORTED", None)


def _chain(event_id: int, parents: Mapping[int, int]) -> Iterator[int]:
    while event_id:
        yield event_id
        event_id = parents.get(event_id, 0)


def _details(event: Event) -> Mapping[str, Any]:
    return next((value for name, value in event.items() if name.endswith("EventDetails")), {})


def _transcoding_began_at(event: Event) -> float | None:
    """Return when a MediaConvert job left its queue [s since the epoch]; the task began when it came in."""
    details = _details(event)
    if details.get("resourceType") != "mediaconvert" or "output" not in details:
        return None
    started = json.loads(details["output"]).get("Job", {}).get("Timing", {}).get("StartTime")
    return started / 1000 if started is not None else None


def _epoch(timestamp: Any) -> float:
    if isinstance(timestamp, str):
        timestamp = datetime.fromisoformat(timestamp)
    return float(timestamp.timestamp() if isinstance(timestamp, datetime) else timestamp)
