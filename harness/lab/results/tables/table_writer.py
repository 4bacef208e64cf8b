"""
The writer of whole tables: for a run that one process plays from its beginning to its end, and can repeat.

Columns become Parquet at once, in a thread of their own, so the run goes on meanwhile. Nothing is left of a
run that fails; the parts of `harness.lab.results.writer` survive a crash, and take longer.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from harness.lab.results.rows import TABLES

KEPT = ("batches", "steps", "metrics")
"""The tables that the audit and the table of stations read when the run has ended."""

KEPT_BYTES = 1 << 28
"""Longer tables are read again from the run folder, so that memory is bounded."""

ORDERED = ("arrival", "job_id", "at", "intended_at", "started_at", "ready_at")
"""Columns that grow in the order of the rows: the least and the greatest values of a group help a reader."""

_TEXT = pa.dictionary(pa.int32(), pa.string())


class TableWriter:
    """Writes the tables of a run folder; each call of `add_columns` is a row group."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tables")
        self._writing: list[Future[None]] = []
        self._files: dict[str, pq.ParquetWriter] = {}
        self._kept: dict[str, list[pa.RecordBatch]] = {table: [] for table in KEPT}
        self._kept_bytes = 0

    def add_columns(self, table: str, columns: Mapping[str, Any]) -> None:
        """Write many rows of one table, given by column; texts may be dictionaries."""
        if len(self._writing) > len(TABLES):
            # The memory of rows that wait is bounded, and an error is seen soon.
            self._writing.pop(0).result()
        self._writing.append(self._thread.submit(self._write, table, columns))

    @property
    def kept(self) -> Mapping[str, pa.Table]:
        """The tables that are still in memory when all rows are written: as `Run.arrow` would read them."""
        batches = {table: rows for table, rows in self._kept.items() if rows}
        return {table: pa.Table.from_batches(rows).unify_dictionaries() for table, rows in batches.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Complete the tables; if the run has failed, remove them."""
        failed = error is not None
        try:
            if not failed:
                for writing in self._writing:
                    writing.result()
        except BaseException:
            failed = True
            raise
        finally:
            self._thread.shutdown(cancel_futures=failed)
            self._close(failed)

    def _close(self, failed: bool) -> None:
        for table, file in self._files.items():
            file.close()
            if failed:
                self._unfinished(table).unlink()
            else:
                self._unfinished(table).replace(self._folder / f"{table}.parquet")

    def _write(self, table: str, columns: Mapping[str, Any]) -> None:
        schema = _schema(table)
        arrays = [_array(columns[field.name], field.type) for field in schema]
        rows = pa.record_batch(arrays, schema=schema)
        self._keep(table, rows)
        if table not in self._files:
            self._files[table] = _open(self._unfinished(table), table)
        self._files[table].write_batch(rows)

    def _keep(self, table: str, rows: pa.RecordBatch) -> None:
        """Keep rows in memory, unless all that are kept become too many."""
        if table in self._kept:
            self._kept[table].append(rows)
            self._kept_bytes += rows.nbytes
        if self._kept_bytes > KEPT_BYTES:
            self._kept.clear()

    def _unfinished(self, table: str) -> Path:
        return self._folder / f"{table}.parquet.tmp"


def _open(path: Path, table: str) -> pq.ParquetWriter:
    schema = TABLES[table]
    return pq.ParquetWriter(
        path,
        _schema(table),
        # Half the time of Zstandard, for files that are a quarter larger.
        compression="snappy",
        # Few numbers repeat: a dictionary of them would take time and make the file larger.
        use_dictionary=[field.name for field in schema if field.type == pa.string()],
        write_statistics=[name for name in schema.names if name in ORDERED],
        # Readers get columns of texts; without the stored schema these are not read as dictionaries.
        store_schema=False,
    )


def _schema(table: str) -> pa.Schema:
    return pa.schema(
        [field.with_type(_TEXT) if field.type == pa.string() else field for field in TABLES[table]]
    )


def _array(column: Any, type: pa.DataType) -> pa.Array:  # noqa: A002 - as in Arrow
    array = column if isinstance(column, pa.Array) else pa.array(column)
    return array if array.type == type else array.cast(type)
