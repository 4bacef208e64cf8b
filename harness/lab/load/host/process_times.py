"""
Processor time of named processes and of their descendants, also of those that have ended. Times in seconds.
"""

from collections.abc import Mapping

import psutil

from harness.lab.results.host.host_metrics import CHILDREN


def processor_times(named: Mapping[str, int]) -> dict[str, float]:
    """
    Return the processor time used so far by each process, and by its descendants as ``<name> children``.

    A descendant belongs to its nearest named ancestor. A process counts the time of its children once they
    have ended, so that the sums only grow.

    Args:
        named: Process ids by name; those that have ended are left out.
    """
    times, parents = _all_processes()
    names = {pid: name for name, pid in named.items() if pid in times}
    used: dict[str, float] = {}
    for pid, (own, reaped) in times.items():
        if (ancestor := _nearest(pid, names, parents)) is None:
            continue
        name = names[ancestor]
        mine, others = (own, reaped) if pid == ancestor else (0.0, own + reaped)
        used[name] = used.get(name, 0.0) + mine
        if others:
            used[name + CHILDREN] = used.get(name + CHILDREN, 0.0) + others
    return used


def _all_processes() -> tuple[dict[int, tuple[float, float]], dict[int, int]]:
    """Return own and reaped processor time of every process, and its parent."""
    times, parents = {}, {}
    for process in psutil.process_iter(["ppid", "cpu_times"]):
        if (cpu := process.info["cpu_times"]) is not None:
            reaped = getattr(cpu, "children_user", 0.0) + getattr(cpu, "children_system", 0.0)
            times[process.pid] = cpu.user + cpu.system, reaped
            parents[process.pid] = process.info["ppid"]
    return times, parents


def _nearest(pid: int, names: Mapping[int, str], parents: Mapping[int, int]) -> int | None:
    """Return the process itself or its nearest ancestor that has a name; None if none has."""
    seen: set[int] = set()
    while pid not in names:
        seen.add(pid)
        pid = parents.get(pid, 0)
        if not pid or pid in seen:
            return None
    return pid
