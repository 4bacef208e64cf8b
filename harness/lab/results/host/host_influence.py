"""
The influence of the host on the figures of a live run: was it the service that was measured, or the machine?

Work takes longer when it must wait for a processor. The probe measures how many times longer (the stretch).
A part of the stack that uses C processors then waits (stretch − 1) · C seconds in each second, and by
Little's law that time over the number of batches in the system is a share of the time that a batch takes. It
is an upper bound: work of one batch that is done at once waits at once. The share does not depend on the time
scale, because the clock time of a batch shrinks as its waits gain weight.

The share cannot show what happens beyond saturation: batches pile up, and each of them waits mostly for the
others. So processors that are always busy and make work wait, and a part of the stack that uses a whole
processor (Python runs one thread at a time), are findings of their own.

With real media the work itself needs processors, and its own waits are the service's. Only the waits for
other processes and other machines count then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from harness.lab.results.host.host_metrics import BUSY, STEAL, STRETCH, host_metric, process_cpu
from harness.lab.results.rows import E2E

if TYPE_CHECKING:
    import pandas as pd

    from harness.lab.results.run import Run

Rows = TypeVar("Rows", "pd.Series[float]", "pd.DataFrame")

SHORTEST = 10
"""Fewer measured seconds are no evidence [count]."""

SHARE_LIMIT = 0.1
"""Largest part of the time until READY that waits for processors may be: the simulator's own tolerance."""

BUSY_LIMIT = 0.95
STRETCH_LIMIT = 2.0
"""Processors are saturated if they are so busy, and work takes so much longer, in most seconds."""

PART_LIMIT = 0.9
"""Processors that one Python process may use on average: it cannot use more than one."""

PYTHON_PARTS = ("api", "worker", "aws")
FOREIGN_LIMIT = 0.2
"""
Share of the busy time that other work must have before it counts as the cause with real media.

The kernel's own work, and what cannot be told apart, is less.
"""


@dataclass(frozen=True, slots=True)
class HostInfluence:
    """
    What the host did to the figures of one run, over the seconds that are evaluated.

    Attributes:
        seconds: How many seconds were measured [count].
        busy: Mean share of the processors' time that was used, steal included [0…1].
        foreign: Share of it that neither the stack nor the load generator used [0…1].
        saturated: Share of the seconds with processors busier than `BUSY_LIMIT` [0…1].
        stretch: How many times longer short work took than alone: median of the seconds.
        share: Largest part of the measured times that waits for processors were [ratio].
        measured: The times that *share* relates to, in words.
        parts: Mean processors that each process used, by name.
        is_real: Whether the handlers did real work.
    """

    seconds: int
    busy: float
    foreign: float
    saturated: float
    stretch: float
    share: float
    measured: str
    parts: dict[str, float]
    is_real: bool

    def findings(self) -> Iterator[str]:
        """Yield a sentence for each way in which the host, not the service, set the figures."""
        if self.seconds < SHORTEST:
            return
        if self.share > SHARE_LIMIT:
            yield (
                "The host, not the service, set a part of the figures: waits for processors were up to "
                f"{min(self.share, 1.0):.0%} of the {self.measured}, allowed {SHARE_LIMIT:.0%}; "
                f"{self._state}."
            )
        elif self._is_saturated:
            yield f"The host, not the service, set the figures: {self._state}."
        limited = ("aws",) if self.is_real else PYTHON_PARTS
        for name in limited:
            if (used := self.parts.get(name, 0.0)) > PART_LIMIT:
                yield (
                    f"The {name} process of the stack used {used:.0%} of a processor on average, allowed "
                    f"{PART_LIMIT:.0%}: its limit, not the service's, set the figures."
                )

    @property
    def _is_saturated(self) -> bool:
        is_cause = not self.is_real or self.foreign > FOREIGN_LIMIT
        return is_cause and self.saturated > 0.5 and self.stretch > STRETCH_LIMIT

    @property
    def _state(self) -> str:
        return (
            f"the processors were {self.busy:.0%} busy, {self.foreign:.0%} of that with other work, and "
            f"short work took {self.stretch:.1f} times as long as on a free processor"
        )


def host_influence(run: "Run") -> HostInfluence | None:
    """Return the influence of the host on a run; None if the run did not record its host."""
    measured, number, window = _measured_times(run)
    stretch = _within(host_metric(run, STRETCH), window)
    if stretch.empty:
        return None
    busy = _within(host_metric(run, BUSY), window)
    stolen = _within(host_metric(run, STEAL), window).reindex(busy.index, fill_value=0.0)
    processes = _within(process_cpu(run), window).reindex(stretch.index, fill_value=0.0)
    used = processes.sum(axis=1)
    total = float((busy + stolen).mean()) if len(busy) else 0.0
    processors = float(run.header.machine.get("processors", 1))
    foreign = max(0.0, 1.0 - float(used.mean()) / (total * processors)) if total else 0.0
    is_real = run.header.target.get("work") == "real"
    cause = (foreign if foreign > FOREIGN_LIMIT else 0.0) if is_real else 1.0
    waiting = float(((stretch - 1.0) * used).mean()) * cause
    return HostInfluence(
        seconds=len(stretch),
        busy=total,
        foreign=foreign,
        saturated=float((busy + stolen >= BUSY_LIMIT).mean()) if len(busy) else 0.0,
        stretch=float(stretch.median()),
        share=waiting / number if number else 0.0,
        measured=measured,
        parts={str(name): float(value) for name, value in processes.mean().items()},
        is_real=is_real,
    )


def _measured_times(run: "Run") -> tuple[str, float, tuple[float, float]]:
    """
    Return the times that are evaluated, in words, how many were under way on average, and their window.

    The window [clock s] begins with the warm-up and ends with the last of them.
    """
    rows = run.timings[run.timings["intended_at"] >= run.warm_up]
    ready = rows[(rows["type"] == E2E) & (rows["name"] == "ready")]
    measured, rows = ("time until READY", ready) if len(ready) else ("HTTP response times", rows)
    end = float(np.nan_to_num(rows["finished_at"].max())) if len(rows) else 0.0
    length = end - run.warm_up
    spent = float((rows["finished_at"] - rows["intended_at"]).sum())
    return measured, spent / length if length > 0 else 0.0, (run.warm_up, end)


def _within(rows: Rows, window: tuple[float, float]) -> Rows:
    """Return the rows of the seconds within a window."""
    return rows[(rows.index > window[0]) & (rows.index <= window[1])]
