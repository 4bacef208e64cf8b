"""
The processes of a stack: whether they run, and the memory and CPU they use.

They are found through their supervisors (`harness.supervision.supervisor`), whose command lines contain
the names of the commands. Memory in bytes, CPU in processors (1 is one busy processor).
"""

import time
from dataclasses import dataclass

import psutil

from harness.supervision import supervisor


@dataclass(frozen=True, slots=True)
class Process:
    """
    One part of the stack, with all its descendants.

    Attributes:
        pid: Process id of the command itself; 0 when it has ended.
        cpu: Processors used since the snapshot before; None in the first one.
        memory_bytes: Resident memory; memory that its processes share counts for each.
    """

    name: str
    pid: int
    alive: bool
    cpu: float | None
    memory_bytes: int


class Census:
    """The processes of one stack, snapshot by snapshot; a process that has ended stays in the list."""

    def __init__(self, supervisor_pid: int) -> None:
        self._supervisor_pid = supervisor_pid
        self._pids: dict[str, int] = {}
        self._cpu_seconds: dict[str, tuple[float, float]] = {}

    def take(self) -> list[Process]:
        """Return the processes in the order they were started."""
        now = time.monotonic()
        self._pids |= part_processes(self._supervisor_pid)
        return [self._process(name, pid, now) for name, pid in self._pids.items()]

    def _process(self, name: str, pid: int, now: float) -> Process:
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return Process(name, 0, False, 0.0, 0)
        seconds, memory = map(sum, zip(*(_usage(one) for one in family), strict=True))
        before, at = self._cpu_seconds.get(name, (seconds, now))
        self._cpu_seconds[name] = (seconds, now)
        # The seconds of a child that ended are no longer in the sum, so the difference may be negative.
        cpu = max(0.0, (seconds - before) / (now - at)) if now > at else None
        return Process(name, pid, family[0].status() != psutil.STATUS_ZOMBIE, cpu, int(memory))


def part_processes(supervisor_pid: int) -> dict[str, int]:
    """Return the process ids of the running parts by name, in the order they were started."""
    try:
        children = psutil.Process(supervisor_pid).children()
    except psutil.NoSuchProcess:
        return {}
    return dict(filter(None, map(_supervised, sorted(children, key=lambda child: child.pid))))


def _supervised(process: psutil.Process) -> tuple[str, int] | None:
    """Return name and process id of the command that a process supervises; None if it is not a supervisor."""
    try:
        *_, script, name = ["", "", *process.cmdline()]
        if script != supervisor.__file__:
            return None
        # The command is the child of the inner supervisor, which is the child of the outer one.
        commands = (command for inner in process.children() for command in inner.children())
        return next(((name, command.pid) for command in commands), None)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _usage(process: psutil.Process) -> tuple[float, float]:
    """Return CPU seconds and resident memory."""
    try:
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0, 0
