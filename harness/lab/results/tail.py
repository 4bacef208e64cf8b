"""
Reading the metrics of a run while it is being recorded.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from harness.lab.results.rows import MetricRow
from harness.lab.results.writer import PARTS


class MetricsTail:
    """
    The rows of a run's ``metrics`` that were flushed since one last looked.

    They are gone from here when the run ends and its parts become tables.
    """

    def __init__(self, folder: Path) -> None:
        self._parts = folder / PARTS
        self._seen: dict[str, int] = {}

    def new_rows(self) -> Iterator[MetricRow]:
        """Yield what is new, part by part."""
        for path in sorted(self._parts.glob("metrics-*.arrows")):
            seen = 0
            for batch in _whole_batches(path):
                new = batch.slice(max(self._seen.get(path.name, 0) - seen, 0))
                seen += batch.num_rows
                if seen > self._seen.get(path.name, 0):
                    yield from (MetricRow(**row) for row in new.to_pylist())
            self._seen[path.name] = max(seen, self._seen.get(path.name, 0))


def _whole_batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pa.OSFile(str(path)) as file:
            yield from pa.ipc.open_stream(file)
    except (pa.ArrowInvalid, OSError):
        # Being written at this moment, or just merged away: the rest is found at the next look.
        return
