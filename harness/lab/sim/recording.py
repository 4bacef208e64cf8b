"""
What a simulated run leaves behind: rows, gathered and written in columns.

Those who report give whole nanoseconds; the tables have seconds.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from harness.lab.results.records import BATCHES, METRICS, REQUESTS, STEPS, TABLES
from harness.lab.results.writer import PartWriter
from harness.lab.sim.engine import NS

ROWS_AT_ONCE = 4096
"""Few enough to stay in the processor's cache while rows become columns."""

_SECONDS = {
    "requests": ("intended_at", "started_at", "finished_at"),
    "batches": ("intended_at", "created_at", "received_at", "started_at", "finished_at", "observed_at"),
    "steps": ("ready_at", "started_at", "finished_at"),
    "metrics": ("at",),
}
_NAMES = {name: schema.names for name, schema in TABLES.items()}


class Recorder(Protocol):
    """
    Takes rows in the order of the columns of `records`, times as nanoseconds.

    Attributes:
        requests, batches, steps, metrics: The rows of each table; append to them.
    """

    requests: list[tuple[Any, ...]]
    batches: list[tuple[Any, ...]]
    steps: list[tuple[Any, ...]]
    metrics: list[tuple[Any, ...]]

    @abstractmethod
    def settle(self) -> None:
        """Be told now and then that rows may be written."""


class FolderRecorder(Recorder):
    """Writes rows to a run folder's part, a good many at once."""

    def __init__(self) -> None:
        self._part: PartWriter | None = None
        self.requests = []
        self.batches = []
        self.steps = []
        self.metrics = []

    def write_to(self, part: PartWriter) -> None:
        """Say where rows go; until then they are kept."""
        self._part = part

    def settle(self, at_least: int = ROWS_AT_ONCE) -> None:
        if self._part is None:
            return
        for table, rows in self._tables():
            if len(rows) >= at_least:
                self._part.add_columns(table, _columns(table, rows))
                rows.clear()

    def close(self) -> None:
        """Write everything."""
        self.settle(at_least=1)

    def _tables(self) -> Sequence[tuple[str, list[tuple[Any, ...]]]]:
        return (
            ("requests", self.requests),
            ("batches", self.batches),
            ("steps", self.steps),
            ("metrics", self.metrics),
        )


class MemoryRecorder(Recorder):
    """Keeps rows in memory, for who wants a few figures and no folder."""

    def __init__(self) -> None:
        self.requests = []
        self.batches = []
        self.steps = []
        self.metrics = []

    def settle(self) -> None:
        """Keep them."""

    def column(self, table: str, name: str) -> list[Any]:
        """Return one column of a table, times in nanoseconds."""
        schema = {"requests": REQUESTS, "batches": BATCHES, "steps": STEPS, "metrics": METRICS}[table]
        index = schema.names.index(name)
        rows: list[tuple[Any, ...]] = getattr(self, table)
        return [row[index] for row in rows]


def _columns(table: str, rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    columns: dict[str, Any] = dict(zip(_NAMES[table], zip(*rows, strict=True), strict=True))
    for name in _SECONDS[table]:
        columns[name] = _seconds(columns[name])
    return columns


def _seconds(times: Sequence[int | None]) -> Any:
    try:
        return np.array(times, dtype=np.int64) / NS
    except TypeError:
        # Some have not happened.
        return [None if time is None else time / NS for time in times]
