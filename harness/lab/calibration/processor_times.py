"""
Processor time of the operations of a local stack, from live runs that recorded their host.

The processor time of a process is divided by the number of operations that it did: what it does without a
request, such as polling, is spread over them. Times are model seconds of processor time for one operation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.lab.results.host.host_metrics import process_cpu
from harness.lab.results.run import Run

PARTS: Mapping[str, tuple[str, ...]] = {
    "request_cpu_s": ("api", "database"),
    "message_cpu_s": ("worker",),
    "transition_cpu_s": ("aws",),
}
"""
The processes that do each kind of operation, by the parameter of ``platform.host``.

The object store is not among them: runs do not count the objects of the handlers.
"""

CALLBACKS = frozenset({"FinalizeAndCallback", "ReportFailure"})
"""States whose work is a request to the API."""


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """The processor time of one kind of operation [model s], and how many were counted."""

    seconds: float
    operations: int


def processor_times(runs: Sequence[Run], tasks: set[str]) -> dict[str, ProcessorTime]:
    """
    Return the processor time of each operation, by parameter of ``platform.host``.

    Args:
        tasks: Names of the states that are Tasks.

    Returns:
        Only operations that were done by processes whose time was recorded; empty for runs that did not
        record their host, or whose service is elsewhere.
    """
    used = dict.fromkeys(PARTS, 0.0)
    done = dict.fromkeys(PARTS, 0)
    for run in runs:
        cpu = process_cpu(run)
        seconds, counts = _intervals(cpu), _operations(run, tasks)
        for name, parts in PARTS.items():
            known = [part for part in parts if part in cpu.columns]
            if known:
                total = float((cpu[known].sum(axis=1).to_numpy(float) * seconds).sum())
                used[name] += total * run.time_scale
                done[name] += counts[name]
    return {name: ProcessorTime(used[name] / done[name], done[name]) for name in PARTS if done[name]}


def _intervals(cpu: pd.DataFrame) -> np.ndarray:
    """Return how long each reading measured [clock s]: since the one before, or since the run began."""
    return np.diff(cpu.index.to_numpy(float), prepend=0.0)


def _operations(run: Run, tasks: set[str]) -> dict[str, int]:
    """Return how many operations of each kind a run had."""
    steps = run.steps[run.steps["started_at"].notna()]
    rows = run.timings
    return {
        "request_cpu_s": int((rows["type"] == "POST").sum() + steps["state"].isin(CALLBACKS).sum()),
        "message_cpu_s": int(run.batches["received_at"].notna().sum()),
        "transition_cpu_s": int(steps["state"].isin(tasks).sum()),
    }
