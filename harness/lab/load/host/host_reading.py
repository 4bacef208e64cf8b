"""
Readings of the host's counters: processors, run queue, pressure and load. Times in seconds.

What a system does not have (``/proc/pressure`` and the run queue outside Linux, or in some containers) is
left out.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.lab.results.host.host_metrics import (
    BUSY,
    CPU_PRESSURE,
    IO_PRESSURE,
    LOAD,
    MEMORY_PRESSURE,
    RUN_QUEUE,
    STEAL,
)

PROC = Path("/proc")
PRESSURES = {"cpu": CPU_PRESSURE, "io": IO_PRESSURE, "memory": MEMORY_PRESSURE}


@dataclass(frozen=True, slots=True)
class HostReading:
    """
    The counters of the host at one instant, since it was started.

    Attributes:
        at: Of the monotonic clock.
        total, idle, stolen: Time of all processors together.
        stalled: Time in which a task waited, by resource.
    """

    at: float
    total: float
    idle: float
    stolen: float
    stalled: dict[str, float]

    @classmethod
    def now(cls, proc: Path = PROC) -> "HostReading":
        cpu = psutil.cpu_times()
        # Time of guests is part of that of user and nice.
        guests = getattr(cpu, "guest", 0.0) + getattr(cpu, "guest_nice", 0.0)
        idle = cpu.idle + getattr(cpu, "iowait", 0.0)
        stolen = getattr(cpu, "steal", 0.0)
        stalled = {name: value for name in PRESSURES if (value := _stalled(proc, name)) is not None}
        return cls(time.monotonic(), sum(cpu) - guests, idle, stolen, stalled)

    def metrics_since(self, before: "HostReading") -> Iterator[tuple[str, float]]:
        """Yield the metrics of the time between two readings as names and values."""
        if (total := self.total - before.total) > 0:
            idle, stolen = self.idle - before.idle, self.stolen - before.stolen
            yield BUSY, min(1.0, max(0.0, (total - idle - stolen) / total))
            yield STEAL, min(1.0, max(0.0, stolen / total))
        for name, stalled in self.stalled.items():
            if name in before.stalled and self.at > before.at:
                yield PRESSURES[name], min(1.0, (stalled - before.stalled[name]) / (self.at - before.at))


def instant_metrics(proc: Path = PROC) -> Iterator[tuple[str, float]]:
    """Yield the metrics that have a value at each instant: the run queue and the load average."""
    with suppress(OSError, ValueError, StopIteration):
        lines = (proc / "stat").read_text(encoding="ascii").splitlines()
        yield RUN_QUEUE, float(next(line for line in lines if line.startswith("procs_running")).split()[1])
    with suppress(OSError):
        yield LOAD, os.getloadavg()[0]


def _stalled(proc: Path, resource: str) -> float | None:
    """Return for how long a task has waited for a resource; None if the system does not measure it."""
    with suppress(OSError, ValueError, IndexError):
        some = (proc / "pressure" / resource).read_text(encoding="ascii").splitlines()[0]
        return float(some.rpartition("total=")[2]) / 1e6
    return None
