"""
What a simulated run leaves behind: rows, gathered and written in columns.

Those who report give whole nanoseconds; the tables have seconds. Rows are gathered as one long list of
cells: a third of the time of a list of tuples, and a column is every so-many-th cell.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from harness.lab.results.rows import TABLES
from harness.lab.results.writer import TablePartWriter
from harness.states_language.host_clock import NS

ROWS_AT_ONCE = 4096
"""Few enough to stay in the processor's cache while rows become columns."""

_SECONDS = {
    "requests": ("intended_at", "started_at", "finished_at"),
    "batches": ("intended_at", "created_at", "received_at", "started_at", "finished_at", "observed_at"),
    "steps": ("ready_at", "started_at", "finished_at"),
    "metrics": ("at",),
}
_NAMES = {name: schema.names for name, schema in TABLES.items()}
_STARTED, _FINISHED = (_NAMES["requests"].index(name) for name in ("started_at", "finished_at"))


class RowRecorder(Protocol):
    """
    Takes rows in the order of the columns of `rows`, times as nanoseconds.

    Attributes:
        requests, batches, steps, metrics: The cells of each table, row after row; extend them by whole rows.
        horizon: When the run ends at the latest [ns]. A request is told when it begins; one that would go on
            beyond the horizon is censored, one that would begin there never was.
    """

    horizon: float = math.inf
    requests: list[Any]
    batches: list[Any]
    steps: list[Any]
    metrics: list[Any]

    @abstractmethod
    def settle(self) -> None:
        """Be told now and then that rows may be written."""


class FolderRecorder(RowRecorder):
    """Writes rows to a run folder's part, a good many at once."""

    def __init__(self) -> None:
        self._part: TablePartWriter | None = None
        self.requests = []
        self.batches = []
        self.steps = []
        self.metrics = []

    def write_to(self, part: TablePartWriter) -> None:
        """Say where rows go; until then they are kept."""
        self._part = part

    def settle(self, at_least: int = ROWS_AT_ONCE) -> None:
        if self._part is None:
            return
        for table, cells in self._tables():
            if len(cells) >= at_least * len(_NAMES[table]):
                kept = _until(self.horizon, cells) if table == "requests" else cells
                self._part.add_columns(table, _columns(table, kept))
                cells.clear()

    def close(self) -> None:
        """Write everything."""
        self.settle(at_least=1)

    def _tables(self) -> Sequence[tuple[str, list[Any]]]:
        return (
            ("requests", self.requests),
            ("batches", self.batches),
            ("steps", self.steps),
            ("metrics", self.metrics),
        )


class MemoryRecorder(RowRecorder):
    """Keeps rows in memory, for who wants a few figures and no folder."""

    def __init__(self) -> None:
        self.requests = []
        self.batches = []
        self.steps = []
        self.metrics = []

    def settle(self) -> None:
        """Keep them."""

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return the rows of a table, times in nanoseconds."""
        cells: list[Any] = getattr(self, table)
        if table == "requests":
            cells = _until(self.horizon, cells)
        width = len(_NAMES[table])
        return list(zip(*(cells[place::width] for place in range(width)), strict=True))


def _until(horizon: float, cells: list[Any]) -> list[Any]:
    """Return requests as somebody saw them who left at the horizon."""
    width = len(_NAMES["requests"])
    if max(cells[_FINISHED::width], default=0) <= horizon:
        return cells
    seen: list[Any] = []
    unanswered = {"status": None, "outcome": "censored", "finished_at": horizon, "bytes_in": 0, "error": None}
    for start in range(0, len(cells), width):
        row = cells[start : start + width]
        if row[_FINISHED] <= horizon:
            seen += row
        elif row[_STARTED] < horizon:
            seen += (unanswered.get(name, cell) for name, cell in zip(_NAMES["requests"], row, strict=True))
    return seen


def _columns(table: str, cells: list[Any]) -> dict[str, Any]:
    names = _NAMES[table]
    columns: dict[str, Any] = {name: cells[place :: len(names)] for place, name in enumerate(names)}
    for name in _SECONDS[table]:
        columns[name] = _seconds(columns[name])
    return columns


def _seconds(times: list[int | None]) -> Any:
    try:
        return np.array(times, dtype=np.int64) / NS
    except TypeError:
        # Some have not happened.
        return [None if time is None else time / NS for time in times]
