"""
The metrics of the host in the ``metrics`` table: what the machine of a live run did, once a second.

They are in the namespace ``Host``, which no alarm reads. Shares are 0…1 of all processors, processes use
processors (1 is one busy processor), the stretch is a ratio, at least 1. Times of the rows are the end of the
second that was measured.
"""

import json
from typing import TYPE_CHECKING

from harness.lab.results.metric_names import labels_text

if TYPE_CHECKING:
    import pandas as pd

    from harness.lab.results.run import Run

BUSY = "Host/Busy"
"""Share of the processors' time that processes of this machine used [0…1]."""

STEAL = "Host/Steal"
"""Share of the processors' time that the hypervisor gave to other machines [0…1]."""

RUN_QUEUE = "Host/RunQueue"
"""Threads that ran or waited for a processor, at one instant [count]."""

LOAD = "Host/LoadAverage"
"""Load average of the last minute [count]."""

CPU_PRESSURE = "Host/CPUPressure"
IO_PRESSURE = "Host/IOPressure"
MEMORY_PRESSURE = "Host/MemoryPressure"
"""Share of the second in which a task waited for the resource, from ``/proc/pressure`` [0…1]."""

STRETCH = "Host/Stretch"
"""How many times longer a few milliseconds of work took than the processor time that they used [ratio]."""

PROCESS_CPU = "Host/ProcessCPU"
"""Processors that a process used, with the label ``Process``; its descendants are a process of their own."""

CHILDREN = " children"
"""End of the name of the descendants of a process."""


def process_label(name: str) -> str:
    """Return the labels of the metric of one process."""
    return labels_text({"Process": name})


def host_metric(run: "Run", metric: str) -> "pd.Series[float]":
    """Return the values of a metric of the host, indexed by ``at`` [clock s]; empty without any."""
    return run.metric(metric).set_index("at")["value"]


def process_cpu(run: "Run") -> "pd.DataFrame":
    """Return the processors that each process used: one column for each, indexed by ``at`` [clock s]."""
    rows = run.metric(PROCESS_CPU)
    names = {text: str(json.loads(text).get("Process", "")) for text in rows["labels"].unique()}
    return rows.assign(process=rows["labels"].map(names)).pivot_table(
        index="at", columns="process", values="value", aggfunc="sum", fill_value=0.0, observed=True
    )
