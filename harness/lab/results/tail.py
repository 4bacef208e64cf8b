"""
Reading a table of a run while it is being recorded.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa

from harness.lab.results.rows import TABLE_OF, BatchRow, MetricRow, RequestRow, StepRow
from harness.lab.results.writer import PARTS

R = TypeVar("R", RequestRow, BatchRow, StepRow, MetricRow)


class Tail(Generic[R]):
    """
    The rows of one table of a run that were flushed since one last looked.

    They are gone from here when the run ends and its parts become tables.

    Args:
        folder: The run folder.
        row: What a row of the table is.
    """

    def __init__(self, folder: Path, row: type[R]) -> None:
        self._parts = folder / PARTS
        self._row: type[R] = row
        self._seen: dict[str, int] = {}

    def new_rows(self) -> Iterator[R]:
        """Yield what is new, part by part."""
        for path in sorted(self._parts.glob(f"{TABLE_OF[self._row]}-*.arrows")):
            seen = 0
            for batch in _whole_batches(path):
                new = batch.slice(max(self._seen.get(path.name, 0) - seen, 0))
                seen += batch.num_rows
                if seen > self._seen.get(path.name, 0):
                    yield from (self._row(**row) for row in new.to_pylist())
            self._seen[path.name] = max(seen, self._seen.get(path.name, 0))


def _whole_batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pa.OSFile(str(path)) as file:
            yield from pa.ipc.open_stream(file)
    except (pa.ArrowInvalid, OSError):
        # Being written at this moment, or just merged away: the rest is found at the next look.
        return
