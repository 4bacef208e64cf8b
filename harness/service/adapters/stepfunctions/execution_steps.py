"""
Turns the event history of an execution into the states it visited.

Events form a tree: each names the one before it in its own branch. States entered several times
(a Map) or at once (a Parallel) are told apart by walking that tree back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from harness.service.core.ports.workflow import Step

if TYPE_CHECKING:
    from types_boto3_stepfunctions.type_defs import HistoryEventTypeDef

ENTERED = "StateEntered"
EXITED = "StateExited"
TROUBLE = ("Failed", "TimedOut", "Aborted")


@dataclass(slots=True)
class _StepEntry:
    name: str
    kind: str
    started_at: datetime
    finished_at: datetime | None = None
    failed: bool = False

    @property
    def step(self) -> Step:
        status = "RUNNING" if self.finished_at is None else "FAILED" if self.failed else "SUCCEEDED"
        return Step(self.name, status, self.started_at, self.finished_at)


def steps_of(events: Sequence["HistoryEventTypeDef"]) -> list[Step]:
    """
    Return the states entered, in order of entry.

    A state whose last attempt failed counts as FAILED even if its error was caught.
    """
    history = _History(events)
    for event in events:
        history.tell(event)
    return [visit.step for visit in history.visits.values()]


class _History:
    def __init__(self, events: Sequence["HistoryEventTypeDef"]) -> None:
        self._events = {event["id"]: event for event in events}
        self.visits: dict[int, _StepEntry] = {}

    def tell(self, event: "HistoryEventTypeDef") -> None:
        kind: str = event["type"]
        if kind.endswith(ENTERED):
            name = event["stateEnteredEventDetails"]["name"]
            self.visits[event["id"]] = _StepEntry(name, kind.removesuffix(ENTERED), event["timestamp"])
        elif kind.endswith(EXITED):
            self._leave(event)
        elif kind.startswith("Execution"):
            self._end(event)
        else:
            self._note_outcome(event)

    def _leave(self, event: "HistoryEventTypeDef") -> None:
        name = event["stateExitedEventDetails"]["name"]
        for entered, visit in self._open_behind(event):
            if visit.name == name:
                visit.finished_at = event["timestamp"]
                self._end_inside(entered, event["timestamp"])
                return

    def _end_inside(self, entered: int, at: datetime) -> None:
        """End what never left a Parallel or Map by itself: it failed, or was given up for a failed one."""
        for number, visit in self.visits.items():
            if visit.finished_at is None and entered in self._before(number):
                visit.finished_at, visit.failed = at, True

    def _note_outcome(self, event: "HistoryEventTypeDef") -> None:
        """Remember how the last attempt of a state went; a retry that succeeds clears it."""
        kind: str = event["type"]
        failed = kind.endswith(TROUBLE)
        if not failed and not kind.endswith("Succeeded"):
            return
        if kind.startswith("MapIteration"):
            return  # one item of a Map; the Map itself says how it ended
        state = next((one for one in ("Parallel", "Map") if kind.startswith(one + "State")), "Task")
        for _, visit in self._open_behind(event):
            if visit.kind == state:
                visit.failed = failed
                if kind.endswith("StateAborted"):  # it is not left by any other event
                    visit.finished_at = event["timestamp"]
                return

    def _end(self, event: "HistoryEventTypeDef") -> None:
        if event["type"] == "ExecutionStarted":
            return
        for visit in self.visits.values():
            if visit.finished_at is None:
                visit.finished_at = event["timestamp"]
                visit.failed = event["type"] != "ExecutionSucceeded"

    def _open_behind(self, event: "HistoryEventTypeDef") -> Iterator[tuple[int, _StepEntry]]:
        """Yield the states not yet left on the way back from *event*, nearest first, each with its id."""
        for number in self._before(event["id"]):
            visit = self.visits.get(number)
            if visit and visit.finished_at is None:
                yield number, visit

    def _before(self, number: int) -> Iterator[int]:
        """Yield the ids of the events that led to event *number*, nearest first."""
        while event := self._events.get(number):
            number = event.get("previousEventId", 0)
            yield number
