"""
The rows of a simulated run: gathered in memory, and written to a run folder in columns.

Recorded times are whole nanoseconds; the tables of a run folder have seconds. A table is gathered as one long
list of cells, which takes a third of the time of a list of tuples: a column is every n-th cell.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from harness.lab.results.rows import TABLE_OF, RequestRow, Row
from harness.lab.results.writer import TablePartWriter
from harness.states_language.host import NS

CHUNK_ROWS = 4096
"""Few enough rows to stay in the processor's cache while they become columns."""

_ROW_TYPE: dict[str, type[Row]] = {table: row_type for row_type, table in TABLE_OF.items()}
_FINISHED = RequestRow._fields.index("finished_at")


class RowRecorder:
    """
    Gathers rows in memory.

    Attributes:
        horizon: Latest end of the run [ns]. A request is recorded when it begins; one that would end after
            the horizon is censored, and one that would begin there is left out.
    """

    def __init__(self) -> None:
        self.horizon: float = math.inf
        self._tables: dict[str, list[Any]] = {table: [] for table in _ROW_TYPE}
        self._requests, self._metrics = self._tables["requests"], self._tables["metrics"]
        self._steps = self._tables["steps"]

    def request(
        self,
        *,
        arrival: int,
        type: str,  # noqa: A002 - the name of the column
        name: str,
        status: int | None,
        outcome: str,
        intended_at: int,
        started_at: int,
        finished_at: int,
        bytes_out: int = 0,
        bytes_in: int = 0,
        batch_id: str | None = None,
        error: str | None = None,
    ) -> None:
        """Record a `RequestRow`; faster than `add`, because no row is made."""
        self._requests.extend(
            (0, arrival, type, name, status, outcome, intended_at, started_at, finished_at, bytes_out,
             bytes_in, batch_id, None, error)
        )  # fmt: skip

    def metric(self, at: int, metric: str, labels: str, value: float) -> None:
        """Record a `MetricRow`; faster than `add`."""
        self._metrics.extend((at, metric, labels, value))

    def uploads(
        self, arrival: int, name: str, batch_id: str | None, transfers: Iterable[tuple[int, int, int]]
    ) -> None:
        """Record the uploads of an arrival: when each started and finished, and its bytes."""
        cells = self._requests
        for start, finish, size in transfers:
            cells.extend(
                (0, arrival, "PUT", name, 200, "ok", start, start, finish, size, 0, batch_id, None, None)
            )

    def step(
        self,
        job_id: int,
        state: str,
        item: int,
        attempt: int,
        ready_at: int,
        started_at: int | None,
        finished_at: int | None,
        outcome: str | None,
        error: str | None,
    ) -> None:
        """Record a `StepRow`; faster than `add`."""
        self._steps.extend((job_id, state, item, attempt, ready_at, started_at, finished_at, outcome, error))

    def add(self, row: Row) -> None:
        """Record a row of any table, with times in nanoseconds."""
        self._tables[TABLE_OF[type(row)]].extend(row)

    def settle(self) -> None:
        """Write gathered rows, if the recorder writes them; called between events."""

    def rows(self, table: str) -> list[Any]:
        """Return the rows of a table, with times in nanoseconds."""
        rows = _rows(table, self._tables[table])
        return list(_until(self.horizon, rows) if table == "requests" else rows)


class FolderRecorder(RowRecorder):
    """Writes rows to a part of a run folder, in chunks."""

    part: TablePartWriter | None = None
    """Destination of the rows; until it is set, they are kept in memory."""

    def settle(self, at_least: int = CHUNK_ROWS) -> None:
        if self.part is None:
            return
        for table, cells in self._tables.items():
            if len(cells) >= at_least * len(_ROW_TYPE[table]._fields):
                kept = _censored(self.horizon, cells) if table == "requests" else cells
                self.part.add_columns(table, _columns(table, kept))
                cells.clear()


def _rows(table: str, cells: list[Any]) -> Iterator[Any]:
    row_type = _ROW_TYPE[table]
    width = len(row_type._fields)
    return map(row_type._make, zip(*(cells[place::width] for place in range(width)), strict=True))


def _censored(horizon: float, cells: list[Any]) -> list[Any]:
    """Return the cells of requests with those censored that end after the horizon."""
    if max(cells[_FINISHED :: len(RequestRow._fields)], default=0) <= horizon:
        return cells
    return list(chain.from_iterable(_until(horizon, _rows("requests", cells))))


def _until(horizon: float, requests: Iterator[RequestRow]) -> Iterator[RequestRow]:
    for row in requests:
        if row.finished_at <= horizon:
            yield row
        elif row.started_at < horizon:
            yield row._replace(status=None, outcome="censored", finished_at=horizon, bytes_in=0, error=None)


def _columns(table: str, cells: list[Any]) -> dict[str, Any]:
    names = _ROW_TYPE[table]._fields
    columns: dict[str, Any] = {name: cells[place :: len(names)] for place, name in enumerate(names)}
    times = (name for name in names if name == "at" or name.endswith("_at"))
    return columns | {name: _seconds(columns[name]) for name in times}


def _seconds(times: list[int | None]) -> Any:
    try:
        return np.array(times, dtype=np.int64) / NS
    except TypeError:
        # Some of them are None.
        return [None if time is None else time / NS for time in times]
