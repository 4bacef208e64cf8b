"""
What a run and the process that started the stack tell each other about process faults, in two files.

The run writes when it began and when it has ended. The stack answers with the faults that it has played, and
with ``settled`` when every part runs again.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.stack.stack_error import StackError

POLL_S = 0.1
SETTLED_IN_S = 180.0
"""The longest time in which all parts run again after a run [s]."""


class FaultsUnsettled(StackError):
    """The stack could not start its parts again after a run."""


@dataclass(frozen=True, slots=True)
class RunNote:
    """When a run began [s since the epoch], and whether it has ended."""

    began_at: float
    ended: bool = False


@dataclass(frozen=True, slots=True)
class PlayedProcessFault:
    """
    A fault that was played. Times are seconds since the run began.

    Attributes:
        index: Its place among the faults of the scenario.
        finished_at: When the part was started again or continued.
        ready_at: When it answered again.
    """

    index: int
    action: str
    target: str
    started_at: float
    finished_at: float | None = None
    ready_at: float | None = None


class FaultExchange:
    """The two files, at *path* and beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answer = path.with_suffix(".played")

    def note(self) -> RunNote | None:
        """Return what the run says, None before the first run."""
        found = _read(self._path)
        return None if found is None else RunNote(**found)

    def write_note(self, note: RunNote) -> None:
        _write(self._path, asdict(note))

    def answer(self, began_at: float, faults: Iterable[PlayedProcessFault], problem: str = "") -> None:
        """Tell the run that began at *began_at* that all parts run again, or why one does not."""
        played = [asdict(each) for each in faults]
        _write(self._answer, {"settled": began_at, "played": played, "problem": problem})

    def settled(self, began_at: float) -> list[PlayedProcessFault]:
        """Wait until all parts run again after the run that began at *began_at*; return its faults."""
        deadline = time.monotonic() + SETTLED_IN_S
        while time.monotonic() < deadline:
            found = _read(self._answer)
            if found is not None and found["settled"] == began_at:
                if found["problem"]:
                    raise FaultsUnsettled(found["problem"])
                return [PlayedProcessFault(**each) for each in found["played"]]
            time.sleep(POLL_S)
        raise FaultsUnsettled(f"the parts of the stack did not run again {SETTLED_IN_S:g} s after the run")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _write(path: Path, document: Mapping[str, Any]) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(document), encoding="utf-8")
    new.replace(path)
