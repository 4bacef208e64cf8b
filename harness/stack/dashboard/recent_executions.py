"""
Which states executions are in now, and why some failed, read from the kept histories.

Times in seconds since the epoch.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.lab.results.execution_history import ENDED_BADLY, ENDED_WELL, ENTERED, EXITED

Execution = Mapping[str, Any]
Event = Mapping[str, Any]

CONTAINER = re.compile(r"^(Parallel|Map)State")
MESSAGE = re.compile(r'"errorMessage":\s*"((?:[^"\\]|\\.)*)')
"""What a function said, in a cause that may have been cut short."""
NAME = re.compile(r"^batch-(?P<batch>.+)-job-(?P<job>\d+)$")


@dataclass(frozen=True, slots=True)
class FailedExecution:
    """An execution that ended badly, and where it went wrong."""

    at: float
    batch: str
    job: str
    state: str
    error: str
    message: str


def states_in_flight(executions: Iterable[Execution]) -> dict[str, int]:
    """Return how many executions are in each state, most first; in parallel ones they count for each."""
    counted = Counter(
        state for one in executions if one["status"] == "RUNNING" for state in _inside(one["events"])
    )
    return dict(counted.most_common())


def failures(executions: Iterable[Execution]) -> list[FailedExecution]:
    """Return those that ended otherwise than well, newest first."""
    ended = (one for one in executions if one["status"] not in ("RUNNING", "SUCCEEDED") and one["events"])
    return sorted((_failure(one) for one in ended), key=lambda failure: -failure.at)


def began_at(execution: Execution) -> float:
    """Return when it started."""
    return _epoch(execution["events"][0])


def _inside(events: Sequence[Event]) -> set[str]:
    inside: Counter[str] = Counter()
    for event in events:
        kind = event["type"]
        if kind.startswith("ParallelStateExited"):
            inside.clear()  # a branch that was given up never exits its states
        elif CONTAINER.match(kind):
            continue
        elif ENTERED.search(kind):
            inside[event["stateEnteredEventDetails"]["name"]] += 1
        elif EXITED.search(kind):
            inside[event["stateExitedEventDetails"]["name"]] -= 1
    return {state for state, count in inside.items() if count > 0} or {"starting"}


def _failure(execution: Execution) -> FailedExecution:
    events = execution["events"]
    state, bad = _given_up(events)
    details = _details(bad)
    named = NAME.match(execution["name"])
    return FailedExecution(
        at=_epoch(events[-1]),
        batch=named["batch"] if named else execution["name"],
        job=named["job"] if named else "",
        state=state,
        error=details.get("error") or execution["status"],
        message=_message(details.get("cause") or ""),
    )


def _given_up(events: Sequence[Event]) -> tuple[str, Event]:
    """Return the first state whose last attempt failed, and that attempt's end; the rest followed."""
    entered = {event["id"]: event["stateEnteredEventDetails"]["name"] for event in events if _enters(event)}
    parents = {event["id"]: event["previousEventId"] for event in events}
    ends: dict[int, Event] = {}
    for event in events:
        if ENDED_WELL.search(event["type"]) or ENDED_BADLY.search(event["type"]):
            visit = _visit(event["id"], parents, entered)
            ends.pop(visit, None)  # a later attempt moves the state to the end of the order
            ends[visit] = event
    for visit, event in ends.items():
        if ENDED_BADLY.search(event["type"]):
            return entered.get(visit, ""), event
    return "", events[-1]


def _visit(event_id: int, parents: Mapping[int, int], entered: Mapping[int, str]) -> int:
    while event_id and event_id not in entered:
        event_id = parents.get(event_id, 0)
    return event_id


def _enters(event: Event) -> bool:
    return ENTERED.search(event["type"]) is not None


def _details(event: Event) -> Mapping[str, Any]:
    return next((value for name, value in event.items() if name.endswith("EventDetails")), {})


def _message(cause: str) -> str:
    said = MESSAGE.search(cause)
    return said[1].replace('\\"', '"') if said else cause


def _epoch(event: Event) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()
