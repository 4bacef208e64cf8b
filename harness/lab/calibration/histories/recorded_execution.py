"""
One execution of a state machine, as its event history tells it.

Times are seconds since the epoch.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from harness.states_language.execution_history import (
    Event,
    ExecutionHistory,
    event_details,
    seconds_since_epoch,
)

ENDS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


class HistoryInvalid(ValueError):
    """A history that cannot be used; the message says why, in one sentence."""


@dataclass(frozen=True, eq=False)
class RecordedExecution:
    """
    One execution.

    Attributes:
        name: Name of the execution, or of its file.
        events: The whole history, oldest event first.
        history: The states that were entered, with the attempts of the Tasks.
        seen_until: Until when it is known what happened: its end, or when it was fetched; without that its
            last event.
        arn: Its ARN; empty if the file does not say it.
        fetched_at: When its history was fetched; None if the file does not say it.
    """

    name: str
    events: Sequence[Event]
    history: ExecutionHistory
    seen_until: float
    arn: str = ""
    fetched_at: float | None = None

    @classmethod
    def of(
        cls,
        name: str,
        events: Iterable[Any],
        *,
        arn: str = "",
        fetched_at: float | None = None,
        is_cut: bool = False,
    ) -> Self:
        """
        Check a history and return the execution.

        Args:
            is_cut: The history has a token for its next page.

        Raises:
            HistoryInvalid: Events are missing, or something in it is not an event.
        """
        ordered = _ordered(name, events)
        end = _end(ordered)
        if is_cut and end is None:
            raise HistoryInvalid(
                f"{name} is truncated after event {len(ordered)}: export it again without --max-items"
            )
        seen_until = seconds_since_epoch((end or ordered[-1])["timestamp"])
        if end is None and fetched_at is not None:
            seen_until = max(seen_until, fetched_at)
        return cls(name, ordered, ExecutionHistory(ordered), seen_until, arn, fetched_at)

    @property
    def started_at(self) -> float:
        return seconds_since_epoch(self.events[0]["timestamp"])

    @property
    def status(self) -> str:
        """SUCCEEDED, FAILED, TIMED_OUT, ABORTED, or RUNNING when the history was exported."""
        end = _end(self.events)
        return ENDS[end["type"]] if end is not None else "RUNNING"

    @property
    def redrives(self) -> int:
        """How often it was started again after a failure."""
        return sum(event["type"] == "ExecutionRedriven" for event in self.events)

    @property
    def first_state(self) -> str | None:
        """The state where it began; None if it ended before."""
        return self.history.states[0].name if self.history.states else None

    @property
    def input(self) -> str | None:
        """Its input as JSON on one line; None if the history has none that can be read."""
        return json_of(self.events[0], "input")


def data_of(event: Event, name: str) -> Any:
    """Return the JSON value of a detail of an event; None if it is missing, or was cut off."""
    text = event_details(event).get(name)
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def json_of(event: Event, name: str) -> str | None:
    """Return a detail of an event as JSON on one line; None if it is missing, or was cut off."""
    value = data_of(event, name)
    # The text tells a value that is null from one that cannot be read.
    is_null = value is None and str(event_details(event).get(name)).strip() == "null"
    return json.dumps(value) if value is not None or is_null else None


def _end(events: Sequence[Event]) -> Event | None:
    """Return the end of an execution; events of stopped branches may follow it, or a redrive."""
    for event in reversed(events):
        if event["type"] == "ExecutionRedriven":
            return None
        if event["type"] in ENDS:
            return event
    return None


def _ordered(name: str, events: Iterable[Any]) -> list[Event]:
    """Return the events by their number, each once."""
    found: dict[int, Event] = {}
    for event in events:
        if not isinstance(event, dict) or not {"id", "type", "timestamp"} <= event.keys():
            raise HistoryInvalid(f"{name} has an entry without id, type and timestamp: it is no history")
        found[int(event["id"])] = event
    if not found:
        raise HistoryInvalid(f"{name} has no events")
    ordered = [found[number] for number in sorted(found)]
    _must_be_complete(name, ordered)
    for event in ordered:
        _must_name_its_state(name, event)
        try:
            seconds_since_epoch(event["timestamp"])
        except (TypeError, ValueError):
            raise HistoryInvalid(
                f"{name}: the time of event {event['id']} is {event['timestamp']!r}, which is no timestamp"
            ) from None
    return ordered


def _must_name_its_state(name: str, event: Event) -> None:
    kind = str(event["type"])
    is_state = kind.endswith(("StateEntered", "StateExited"))
    if is_state and not isinstance(event_details(event).get("name"), str):
        raise HistoryInvalid(f"{name}: event {event['id']} ({kind}) does not name its state: export it again")


def _must_be_complete(name: str, ordered: Sequence[Event]) -> None:
    expected = 1
    for event in ordered:
        if int(event["id"]) != expected:
            last = int(event["id"]) - 1
            missing = f"event {last} is" if last == expected else f"events {expected} to {last} are"
            raise HistoryInvalid(f"{name}: {missing} missing")
        expected += 1
    if ordered[0]["type"] != "ExecutionStarted":
        raise HistoryInvalid(f"{name} begins with {ordered[0]['type']}, not with ExecutionStarted")
