"""
The event history of an execution, read as the states it entered and the attempts of its Tasks.

Events form a tree: ``previousEventId`` names the event before it in the same branch. The way back from an
event leads to the state and to the Map iteration it belongs to, in parallel branches too.
Times in seconds since an origin, by default the epoch.

Source:
    AWS Step Functions API reference, HistoryEvent.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Event = Mapping[str, Any]

TIMED_OUT = "States.Timeout"

_ENTERED = "StateEntered"
_EXITED = "StateExited"
_ATTEMPT_EVENT = re.compile(
    r"(?:Task|LambdaFunction|Activity)"
    r"(Scheduled|Started|Succeeded|ScheduleFailed|StartFailed|SubmitFailed|Failed|TimedOut)"
)
_STATE_ENDED = re.compile(r"(Parallel|Map|Task|Wait)State(Succeeded|Failed|TimedOut|Aborted)")
_STOPPED = re.compile(r"(?:Execution|ParallelState|MapState|MapIteration)(?:Failed|TimedOut|Aborted)")
"""The states inside go no further."""


@dataclass(slots=True)
class RecordedAttempt:
    """
    One attempt of a Task.

    Attributes:
        outcome: ``SUCCEEDED``, ``FAILED`` or ``ABORTED``; None while the attempt is under way.
        end_id: Id of the event that ended it.
        end_details: Details of that event.
    """

    scheduled_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    outcome: str | None = None
    end_id: int = 0
    end_details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """The error name of a failed attempt; an event of a time-out may lack it."""
        return self.end_details.get("error", TIMED_OUT) if self.outcome == "FAILED" and self.end_id else None


@dataclass(slots=True)
class RecordedState:
    """
    A state that was entered; a state entered twice is recorded twice.

    Attributes:
        kind: As in ASL, e.g. ``Task``.
        item: Index of the Map iteration it was entered in; 0 outside of a Map.
        exited_at: When it was left, also by way of a Catch.
        interrupted_at: When it ended without being left: aborted, or with the state or execution around it.
        failed: Its last attempt failed, or it was interrupted; an error that was caught counts.
    """

    event_id: int
    name: str
    kind: str
    item: int
    entered_at: float
    attempts: list[RecordedAttempt] = field(default_factory=list)
    exited_at: float | None = None
    interrupted_at: float | None = None
    failed: bool = False

    @property
    def is_fork(self) -> bool:
        return self.kind in ("Parallel", "Map")

    @property
    def is_open(self) -> bool:
        return self.finished_at is None

    @property
    def finished_at(self) -> float | None:
        return self.interrupted_at if self.exited_at is None else self.exited_at

    @property
    def ended_attempts(self) -> list[RecordedAttempt]:
        return [attempt for attempt in self.attempts if attempt.outcome is not None]

    def current_attempt(self) -> RecordedAttempt:
        """Return the attempt under way, a new one if there is none."""
        if not self.attempts or self.attempts[-1].outcome is not None:
            self.attempts.append(RecordedAttempt())
        return self.attempts[-1]


class ExecutionHistory:
    """
    The states of one execution.

    Args:
        events: The whole history, oldest event first, as ``GetExecutionHistory`` returns it. Inputs and
            outputs are not needed.
        origin: The instant from which times are counted [s since the epoch].
    """

    def __init__(self, events: Sequence[Event], origin: float = 0.0) -> None:
        self._origin = origin
        self._previous = {event["id"]: event.get("previousEventId", 0) for event in events}
        self._states: dict[int, RecordedState] = {}
        self._iterations: dict[int, int] = {}
        self._stops: list[tuple[int, float]] = []
        for event in events:
            self._read(event)

    @property
    def states(self) -> list[RecordedState]:
        """The states in the order they were entered."""
        return list(self._states.values())

    def stopped_at(self, state: RecordedState) -> float | None:
        """Return when an execution, fork or iteration first failed or was stopped after *state* began."""
        return next((at for event_id, at in self._stops if event_id > state.event_id), None)

    def _read(self, event: Event) -> None:
        kind, at = event["type"], seconds_since_epoch(event["timestamp"]) - self._origin
        if kind.endswith(_ENTERED):
            self._enter(event, at)
        elif kind.endswith(_EXITED):
            self._exit(event, at)
        elif kind == "MapIterationStarted":
            self._iterations[event["id"]] = event_details(event).get("index", 0)
        elif match := _ATTEMPT_EVENT.fullmatch(kind):
            self._read_attempt(match[1], event, at)
        elif match := _STATE_ENDED.fullmatch(kind):
            self._end_state(match[1], match[2], event, at)
        elif kind.startswith("Execution") and kind != "ExecutionStarted":
            _interrupt(self._states.values(), at, failed=kind != "ExecutionSucceeded")
        if _STOPPED.fullmatch(kind):
            self._stops.append((event["id"], at))

    def _enter(self, event: Event, at: float) -> None:
        number = event["id"]
        item = next((self._iterations[one] for one in self._way_back(number) if one in self._iterations), 0)
        name, kind = event["stateEnteredEventDetails"]["name"], event["type"].removesuffix(_ENTERED)
        self._states[number] = RecordedState(number, name, kind, item, at)

    def _exit(self, event: Event, at: float) -> None:
        name = event["stateExitedEventDetails"]["name"]
        state = next((one for one in self._states_before(event) if one.is_open and one.name == name), None)
        if state is None:
            return
        state.exited_at = at
        if state.is_fork:
            # A branch that was stopped for an error in another one is not left by an event of its own.
            inside = (one for one in self._states.values() if state.event_id in self._way_back(one.event_id))
            _interrupt(inside, at, failed=True)

    def _read_attempt(self, what: str, event: Event, at: float) -> None:
        state = next(self._states_before(event), None)
        if state is None:
            return
        attempt = state.current_attempt()
        if what == "Scheduled":
            attempt.scheduled_at, attempt.started_at = at, None
        elif what == "Started":
            attempt.started_at = at
        else:
            attempt.finished_at = at
            attempt.outcome = "SUCCEEDED" if what == "Succeeded" else "FAILED"
            attempt.end_id, attempt.end_details = event["id"], event_details(event)
            state.failed = attempt.outcome == "FAILED"

    def _end_state(self, kind: str, how: str, event: Event, at: float) -> None:
        state = next((one for one in self._states_before(event) if one.is_open and one.kind == kind), None)
        if state is None:
            return
        state.failed = how != "Succeeded"
        if how == "Aborted":
            state.interrupted_at = at

    def _states_before(self, event: Event) -> Iterator[RecordedState]:
        """Yield the states on the way back from *event*, nearest first."""
        return (self._states[one] for one in self._way_back(event["id"]) if one in self._states)

    def _way_back(self, event_id: int) -> Iterator[int]:
        while event_id:
            yield event_id
            event_id = self._previous.get(event_id, 0)


def event_details(event: Event) -> Mapping[str, Any]:
    """Return the details of an event, whatever its type."""
    return next((value for name, value in event.items() if name.endswith("EventDetails")), {})


def seconds_since_epoch(timestamp: datetime | str | float) -> float:
    """Return the time of an event, as boto3, JSON or AWS's wire format gives it."""
    if isinstance(timestamp, str):
        timestamp = datetime.fromisoformat(timestamp)
    return float(timestamp.timestamp() if isinstance(timestamp, datetime) else timestamp)


def _interrupt(states: Iterable[RecordedState], at: float, *, failed: bool) -> None:
    for state in states:
        if state.is_open:
            state.interrupted_at, state.failed = at, failed
