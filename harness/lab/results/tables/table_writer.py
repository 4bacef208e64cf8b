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

    def add_columns(self, table: str, columns: Mapping[str, Any]) -> None:
        """Write many rows of one table, given by column; texts may be dictionaries."""
        if len(self._writing) > len(TABLES):
            # The memory of rows that wait is bounded, and an error is seen soon.
            self._writing.pop(0).result()
        self._writing.append(self._thread.submit(self._write, table, columns))

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
        if table not in self._files:
            self._files[table] = _open(self._unfinished(table), table)
        self._files[table].write_batch(pa.record_batch(arrays, schema=schema))

    def _unfinished(self, table: str) -> Path:
        return self._folder / f"{table}.parquet.tmp"


def _open(path: Path, table: str) -> pq.ParquetWriter:
    schema = TABLES[table]
    return pq.ParquetWriter(
        path,
        _schema(table),
        # Half the time of Zstandard, for files that are a quarter larger.
        compression="lz4",
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
