"""
The event history of an execution, read as the states it entered and the attempts of its Tasks.

Events form a tree: ``previousEventId`` names the event before it in the same branch. The way back from an
event leads to the state and to the Map iteration it belongs to, in parallel branches too.
Times are seconds since an origin, by default the epoch.

Source: AWS Step Functions API reference, HistoryEvent.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

Event = Mapping[str, Any]

TIMED_OUT = "States.Timeout"

_ATTEMPT_CHANGED = re.compile(
    r"(?:Task|LambdaFunction|Activity)"
    r"(Scheduled|Started|Succeeded|ScheduleFailed|StartFailed|SubmitFailed|Failed|TimedOut)"
)
_STATE_CHANGED = re.compile(r"(\w+)(StateEntered|StateExited)")
_OTHER_ENDED = re.compile(r"(Parallel|Map|Task|Wait|Execution)(?:State)?(Succeeded|Failed|TimedOut|Aborted)")
_STOPPED = re.compile(r"(?:Execution|ParallelState|MapState|MapIteration)(?:Failed|TimedOut|Aborted)")
"""Events that stop the states inside."""


@dataclass(slots=True)
class RecordedAttempt:
    """
    One attempt of a Task.

    Attributes:
        outcome: ``SUCCEEDED``, ``FAILED`` or ``ABORTED``; None while the attempt is under way.
        scheduled_details: Details of the event that scheduled it: resource, parameters, time-out.
        end_id, end_details: Id and details of the event that ended it.
        was_refused: It ended before its work began: it could not be scheduled, started or submitted.
    """

    scheduled_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    outcome: str | None = None
    scheduled_details: Mapping[str, Any] = field(default_factory=dict)
    end_id: int = 0
    end_details: Mapping[str, Any] = field(default_factory=dict)
    was_refused: bool = False

    @property
    def error(self) -> str | None:
        """The error name of a failed attempt; an event of a time-out may lack it."""
        return self.end_details.get("error", TIMED_OUT) if self.outcome == "FAILED" and self.end_id else None


@dataclass(slots=True, eq=False)
class RecordedState:
    """
    A state that was entered; a state entered twice is recorded twice.

    Attributes:
        kind: As in ASL, e.g. ``Task``.
        item: Index of the innermost Map iteration it was entered in; 0 outside of a Map, and after one.
        before: The state entered before it in the same branch, or around it.
        exited_at: When it was left, also by way of a Catch.
        interrupted_at: When it ended without being left: aborted, or with the state or execution around it.
        failed: Its last attempt failed, or it was interrupted; an error that was caught counts.
    """

    event_id: int
    name: str
    kind: str
    item: int
    entered_at: float
    before: "RecordedState | None" = field(repr=False)
    attempts: list[RecordedAttempt] = field(default_factory=list)
    exited_at: float | None = None
    interrupted_at: float | None = None
    failed: bool = False

    @property
    def is_fork(self) -> bool:
        return self.kind in ("Parallel", "Map")

    @property
    def finished_at(self) -> float | None:
        return self.interrupted_at if self.exited_at is None else self.exited_at

    @property
    def is_open(self) -> bool:
        return self.exited_at is None and self.interrupted_at is None

    @property
    def ended_attempts(self) -> list[RecordedAttempt]:
        return [attempt for attempt in self.attempts if attempt.outcome is not None]


class ExecutionHistory:
    """
    The states of one execution, in the order they were entered.

    Args:
        events: The whole history, oldest event first; inputs and outputs are not needed.
        origin: The instant from which times are counted [s since the epoch].
    """

    def __init__(self, events: Sequence[Event], origin: float = 0.0) -> None:
        self.states: list[RecordedState] = []
        self._origin = origin
        self._stops: list[tuple[int, float]] = []
        # The states that were open when the execution ended: a redrive continues them.
        self._ended_with: list[RecordedState] = []
        # For each event, the state entered last and the item begun last on the way to it.
        self._state_at: dict[int, RecordedState] = {}
        self._item_at: dict[int, int] = {}
        for event in events:
            self._read(event)

    def stopped_at(self, state: RecordedState) -> float | None:
        """Return when an execution, fork or iteration first failed or was stopped after *state* began."""
        return next((at for event_id, at in self._stops if event_id > state.event_id), None)

    def _read(self, event: Event) -> None:
        number, previous = event["id"], event.get("previousEventId", 0)
        at = seconds_since_epoch(event["timestamp"]) - self._origin
        subject, change = _parse(event["type"])
        state, item = self._state_at.get(previous), self._item_at.get(previous, 0)
        if change == "StateEntered":
            name = event_details(event)["name"]
            state = RecordedState(number, name, subject, item, at, before=state)
            self.states.append(state)
        elif subject == "Iteration":
            item = event_details(event).get("index", 0)
        elif event["type"] == "ExecutionRedriven":
            self._redrive()
        elif subject == "Execution":
            self._ended_with = [each for each in self.states if each.is_open]
            _interrupt(self.states, at, failed=change != "Succeeded")
        elif change == "StateExited":
            left = _named(event_details(event)["name"], state)
            if left is not None:
                # What follows a Map is outside of its iterations.
                item = left.item
                self._exit(left, at)
        elif state is not None and subject:
            self._change(state, event, at)
        if state is not None:
            self._state_at[number] = state
        self._item_at[number] = item
        if _STOPPED.fullmatch(event["type"]):
            self._stops.append((number, at))

    def _redrive(self) -> None:
        for state in self._ended_with:
            state.interrupted_at, state.failed = None, False

    def _change(self, state: RecordedState, event: Event, at: float) -> None:
        """Apply an event that follows *state*."""
        subject, change = _parse(event["type"])
        if subject == "Attempt":
            _change_attempt(state, change, event, at)
        else:
            ended = next((one for one in _way_back(state) if one.is_open and one.kind == subject), None)
            if ended is not None:
                ended.failed = change != "Succeeded"
                ended.interrupted_at = at if change == "Aborted" else None

    def _exit(self, state: RecordedState, at: float) -> None:
        if not state.is_open:
            return
        state.exited_at = at
        if state.is_fork:
            # A branch that was stopped for an error in another one is not left by an event of its own.
            inside = [one for one in self.states if one.is_open and state in _way_back(one)]
            _interrupt(inside, at, failed=True)


def event_details(event: Event) -> Mapping[str, Any]:
    """Return the details of an event, whatever its type."""
    details = (value for name, value in event.items() if name.endswith("EventDetails"))
    return next((value for value in details if isinstance(value, Mapping)), {})


def seconds_since_epoch(timestamp: datetime | str | float) -> float:
    """Return the time of an event, as boto3, JSON or AWS's wire format gives it."""
    if isinstance(timestamp, str):
        timestamp = datetime.fromisoformat(timestamp)
    return float(timestamp.timestamp() if isinstance(timestamp, datetime) else timestamp)


@cache
def _parse(event_type: str) -> tuple[str, str]:
    """Return subject and change of a type of event; empty texts for a type of no interest."""
    if event_type == "MapIterationStarted":
        return "Iteration", "Started"
    if match := _ATTEMPT_CHANGED.fullmatch(event_type):
        return "Attempt", match[1]
    if match := _STATE_CHANGED.fullmatch(event_type) or _OTHER_ENDED.fullmatch(event_type):
        return match[1], match[2]
    return "", ""


def _change_attempt(state: RecordedState, change: str, event: Event, at: float) -> None:
    if not state.attempts or state.attempts[-1].outcome is not None:
        state.attempts.append(RecordedAttempt())
    attempt = state.attempts[-1]
    if change == "Scheduled":
        attempt.scheduled_at, attempt.started_at = at, None
        attempt.scheduled_details = event_details(event)
    elif change == "Started":
        attempt.started_at = at
    else:
        attempt.finished_at = at
        attempt.outcome = "SUCCEEDED" if change == "Succeeded" else "FAILED"
        attempt.end_id, attempt.end_details = event["id"], event_details(event)
        attempt.was_refused = change in ("ScheduleFailed", "StartFailed", "SubmitFailed")
        state.failed = attempt.outcome == "FAILED"


def _way_back(state: RecordedState | None) -> Iterator[RecordedState]:
    while state is not None:
        yield state
        state = state.before


def _named(name: str, last: RecordedState | None) -> RecordedState | None:
    """Return the state of that name that was entered last on the way to *last*."""
    return next((one for one in _way_back(last) if one.name == name), None)


def _interrupt(states: Iterable[RecordedState], at: float, *, failed: bool) -> None:
    for state in states:
        if state.is_open:
            state.interrupted_at, state.failed = at, failed
