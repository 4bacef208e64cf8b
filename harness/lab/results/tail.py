"""The reader of a table of a run that is still being recorded."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from harness.lab.results.rows import TABLE_OF, BatchRow, MetricRow, RequestRow, StepRow
from harness.lab.results.writer import PARTS, complete_batches

R = TypeVar("R", RequestRow, BatchRow, StepRow, MetricRow)


class Tail(Generic[R]):
    """The rows of one table that were flushed since the last call; none when the run has ended."""

    def __init__(self, folder: Path, row: type[R]) -> None:
        self._parts = folder / PARTS
        self._row: type[R] = row
        self._seen: dict[str, int] = {}

    def new_rows(self) -> Iterator[R]:
        """Yield the new rows, part by part; a batch that is being written follows in a later call."""
        for path in sorted(self._parts.glob(f"{TABLE_OF[self._row]}-*.arrows")):
            seen_before, seen = self._seen.get(path.name, 0), 0
            # A part is removed when the run ends.
            with suppress(FileNotFoundError):
                for batch in complete_batches(path):
                    new = batch.slice(max(seen_before - seen, 0))
                    seen += batch.num_rows
                    yield from (self._row(**row) for row in new.to_pylist())
                    self._seen[path.name] = max(seen, seen_before)
