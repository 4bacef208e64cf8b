"""
The processes of a stack: whether they run, and what they use.

Found by their supervisors (`harness.stack.processes.supervisor`), whose command lines carry the names of
the commands. Memory in bytes, CPU in processors (1 is one processor, busy).
"""

import time
from dataclasses import dataclass

import psutil

from harness.stack.processes import supervisor


@dataclass(frozen=True, slots=True)
class Process:
    """
    One part of the stack, with everything it started.

    Attributes:
        pid: Of the command itself; 0 when it has ended.
        cpu: Processors used since the last look; None at the first one.
        memory_bytes: Resident memory; what its processes share is counted for each.
    """

    name: str
    pid: int
    alive: bool
    cpu: float | None
    memory_bytes: int


class Census:
    """
    Looks at the processes of one stack, time and again; what was there once is never left out again.

    Args:
        supervisor_pid: The process that started the stack.
    """

    def __init__(self, supervisor_pid: int) -> None:
        self._supervisor_pid = supervisor_pid
        self._pids: dict[str, int] = {}
        self._used: dict[str, tuple[float, float]] = {}

    def take(self) -> list[Process]:
        """Return the processes in the order they were started."""
        now = time.monotonic()
        self._pids |= self._kept()
        return [self._look(name, pid, now) for name, pid in self._pids.items()]

    def _kept(self) -> dict[str, int]:
        try:
            children = psutil.Process(self._supervisor_pid).children()
        except psutil.NoSuchProcess:
            return {}
        found = {}
        for outer in sorted(children, key=lambda child: child.pid):
            name = _name_kept(outer)
            command = _command(outer)
            if name is not None and command is not None:
                found[name] = command.pid
        return found

    def _look(self, name: str, pid: int, now: float) -> Process:
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return Process(name, 0, False, 0.0, 0)
        seconds, memory = map(sum, zip(*(_usage(one) for one in family), strict=True))
        before, at = self._used.get(name, (seconds, now))
        self._used[name] = (seconds, now)
        # A child that ended takes its seconds along: less than nothing is nothing.
        cpu = max(0.0, (seconds - before) / (now - at)) if now > at else None
        return Process(name, pid, family[0].status() != psutil.STATUS_ZOMBIE, cpu, int(memory))


def _name_kept(process: psutil.Process) -> str | None:
    try:
        *_, script, name = ["", "", *process.cmdline()]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return name if script == supervisor.__file__ else None


def _command(outer: psutil.Process) -> psutil.Process | None:
    """The keeper keeps a keeper, which keeps the command."""
    try:
        return next((command for inner in outer.children() for command in inner.children()), None)
    except psutil.NoSuchProcess:
        return None


def _usage(process: psutil.Process) -> tuple[float, float]:
    try:
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0, 0
