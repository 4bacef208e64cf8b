"""
Plays the process faults of a scenario: kills, pauses, wrong clocks and full disks of parts during a run.

Times in seconds; those of a scenario are model time, the others clock time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import Protocol

import httpx

from harness.lab.workload.faults.process_faults import (
    ClockSkew,
    FullDisk,
    ProcessFault,
    ProcessKill,
    ProcessPause,
)
from harness.lab.workload.scenario import Scenario
from harness.stack.faults.fault_exchange import FaultExchange, PlayedProcessFault, RunNote
from harness.stack.stack_error import StackError
from harness.supervision.guarded_process import CannotStart

POLL_S = 0.05


class ControlledParts(Protocol):
    """Parts of a stack, by their names, and the faults that they can have."""

    def kill(self, part: str) -> None:
        """Kill a part."""

    def restart(self, part: str) -> None:
        """Start a part again, and return when it answers."""

    def pause(self, part: str) -> None:
        """Stop a part without ending it."""

    def resume(self, part: str) -> None:
        """Let a paused part continue."""

    def skew(self, part: str, seconds: float) -> None:
        """Set how far the clock of a part is ahead [s]; 0 is right."""

    def fill_disk(self, part: str) -> None:
        """Let a part write nothing more to files."""

    def free_disk(self, part: str) -> None:
        """Let a part write to files again."""


@dataclass(frozen=True, slots=True, order=True)
class _Step:
    """The beginning or the end of a fault."""

    at: float
    index: int
    begins: bool


class ProcessFaultPlayer:
    """
    Follows the runs at a stack, and plays the process faults of its scenario in each.

    Args:
        restarted: Called with a part that was killed and answers again, and the start of the run
            [s since the epoch].
    """

    def __init__(
        self,
        scenario: Scenario,
        time_scale: float,
        parts: ControlledParts,
        exchange: FaultExchange,
        restarted: Callable[[str, float], None] = lambda *_: None,
    ) -> None:
        self._faults: dict[int, ProcessFault] = dict(process_faults(scenario))
        self._time_scale = time_scale
        self._parts = parts
        self._exchange = exchange
        self._restarted = restarted
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="process faults", daemon=True)
        self._played: dict[int, PlayedProcessFault] = {}

    def start(self) -> None:
        """Begin to wait for runs."""
        self._thread.start()

    def stop(self) -> None:
        """Play nothing more."""
        self._stopped.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def _follow(self) -> None:
        last: float | None = None
        while not self._stopped.wait(POLL_S):
            note = self._exchange.note()
            if note is not None and note.began_at != last:
                last = note.began_at
                self._play(note.began_at)

    def _play(self, began_at: float) -> None:
        self._played = {}
        problem = ""
        try:
            self._play_steps(began_at)
        except (StackError, CannotStart, httpx.HTTPError, OSError) as error:
            problem = str(error)
        self._exchange.answer(began_at, self._played.values(), problem)

    def _play_steps(self, began_at: float) -> None:
        steps = [_Step(fault.at / self._time_scale, index, True) for index, fault in self._faults.items()]
        heapify(steps)
        while steps and self._runs_until(began_at + steps[0].at, began_at):
            step = heappop(steps)
            fault = self._faults[step.index]
            if step.begins:
                self._begin(step.index, fault, began_at)
                heappush(steps, _Step(fault.until / self._time_scale, step.index, False))
            else:
                self._end(step.index, fault, began_at)
        while self._runs_until(time.time() + 3600, began_at):
            """Wait for the end of the run."""
        for index, played in list(self._played.items()):
            if played.ready_at is None and not self._stopped.is_set():
                self._end(index, self._faults[index], began_at)

    def _runs_until(self, at: float, began_at: float) -> bool:
        """Wait until *at* [s since the epoch]; return False if the run ends before."""
        while (left := at - time.time()) > 0:
            if self._exchange.note() != RunNote(began_at) or self._stopped.wait(min(POLL_S, left)):
                return False
        return True

    def _begin(self, index: int, fault: ProcessFault, began_at: float) -> None:
        started_at = time.time() - began_at
        match fault:
            case ProcessKill():
                self._parts.kill(fault.target)
            case ProcessPause():
                self._parts.pause(fault.target)
            case ClockSkew():
                self._parts.skew(fault.target, fault.by)
            case FullDisk():
                self._parts.fill_disk(fault.target)
        self._played[index] = PlayedProcessFault(index, fault.action, fault.target, started_at)

    def _end(self, index: int, fault: ProcessFault, began_at: float) -> None:
        finished_at = time.time() - began_at
        match fault:
            case ProcessKill():
                self._parts.restart(fault.target)
                self._restarted(fault.target, began_at)
            case ProcessPause():
                self._parts.resume(fault.target)
            case ClockSkew():
                self._parts.skew(fault.target, 0.0)
            case FullDisk():
                self._parts.free_disk(fault.target)
        self._played[index] = replace(
            self._played[index], finished_at=finished_at, ready_at=time.time() - began_at
        )


def process_faults(scenario: Scenario) -> Iterator[tuple[int, ProcessFault]]:
    """Yield the process faults of a scenario, with their places among its faults."""
    for index, fault in enumerate(scenario.faults):
        if isinstance(fault, ProcessFault):
            yield index, fault
