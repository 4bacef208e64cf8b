"""
The writer of a run folder. A crash loses only the rows that were not flushed.

Each worker appends to its own part files: Arrow streams, readable up to the last flush even if the worker was
killed. When the run is over the parts become one Parquet file per table.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from harness.lab.results.notes import DAMAGED_PARTS
from harness.lab.results.rows import OPTIONAL_TABLES, TABLE_OF, TABLES, Row
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.tables.table_writer import TableWriter

PARTS = "parts"

OBSERVER = 9_000
"""Worker number of a recorder that is not a worker; workers count from 0."""

HOST = 9_001
"""As `OBSERVER`, of the recorder of the host."""

ROWS_AT_ONCE = 256
"""This many rows become columns at once, in a fraction of a millisecond."""

ROWS_PER_GROUP = 131_072

Packed = tuple[str, pa.RecordBatch]
"""Name of a table, and rows of it in columns."""


class FolderUnfit(ValueError):
    """A folder cannot hold a run; the message says why."""


class TablePartWriter:
    """
    The records of one worker: rows are kept in memory until `flush` writes them.

    `add` and `take` belong to one thread. Another thread may `write` the rows that were taken: writing holds
    the interpreter's lock only briefly, while building columns from thousands of rows would block the first
    thread. The number of the worker is unique in the run.
    """

    def __init__(self, folder: Path, worker: int = 0) -> None:
        self._folder = folder / PARTS
        self._worker = worker
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self._packed: list[Packed] = []
        self._streams: dict[str, tuple[pa.OSFile, pa.RecordBatchStreamWriter]] = {}
        self._writing = Lock()
        self._folder.mkdir(parents=True, exist_ok=True)

    def add(self, row: Row) -> None:
        """Keep one row in memory."""
        rows = self._rows[TABLE_OF[type(row)]]
        rows.append(row)
        if len(rows) >= ROWS_AT_ONCE:
            self._pack()

    def add_columns(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write many rows of one table, given by column."""
        schema = TABLES[table]
        self.write([(table, _record_batch(schema, [columns[name] for name in schema.names]))])

    def take(self) -> list[Packed]:
        """Return the rows kept so far, for `write`, and forget them."""
        self._pack()
        packed, self._packed = self._packed, []
        return packed

    def write(self, packed: Iterable[Packed]) -> None:
        """Write rows to disk, where they survive a crash of this process."""
        with self._writing:
            for table, batch in packed:
                if table not in self._streams:
                    file = pa.OSFile(str(self._folder / f"{table}-{self._worker:04d}.arrows"), "wb")
                    self._streams[table] = (file, pa.ipc.new_stream(file, TABLES[table]))
                # OSFile does not buffer: after this call the rows survive a crash.
                self._streams[table][1].write_batch(batch)

    def flush(self) -> None:
        """Write the rows kept so far to disk."""
        self.write(self.take())

    def close(self) -> None:
        """Flush and close the part files."""
        self.flush()
        with self._writing:
            for file, stream in self._streams.values():
                stream.close()
                file.close()
            self._streams.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pack(self) -> None:
        for table, rows in self._rows.items():
            if rows:
                self._packed.append((table, _record_batch(TABLES[table], zip(*rows, strict=True))))
                rows.clear()


class RunWriter:
    """The writer of one run folder; it writes ``run.json`` at once, so a crashed run can be opened, too."""

    def __init__(self, folder: Path, header: RunHeader) -> None:
        self.folder = folder
        self.header = header
        folder.mkdir(parents=True, exist_ok=True)
        try:
            write_header(folder, header)
        except OSError:
            # An empty folder would only block the next attempt.
            with suppress(OSError):
                folder.rmdir()
            raise

    def part(self, worker: int = 0) -> TablePartWriter:
        """Return the part in which one worker of this process records."""
        return TablePartWriter(self.folder, worker)

    def tables(self) -> TableWriter:
        """Return the writer of whole tables, for a run that can be repeated."""
        return TableWriter(self.folder)

    def finish(self, tables: Mapping[str, pa.Table] | None = None, **changes: Any) -> Run:
        """
        Turn the parts into tables, complete the header and return the run.

        Args:
            tables: As those of `Run`.
            changes: Header fields known only at the end: ``duration_s``, ``lost_workers``, ``notes``…
        """
        damaged = merge_parts(self.folder)
        notes = {**self.header.notes, **changes.pop("notes", {})}
        if damaged:
            notes[DAMAGED_PARTS] = damaged
        fields = {**dict(self.header), **changes, "notes": notes, "complete": True}
        self.header = RunHeader.model_validate(fields)
        write_header(self.folder, self.header)
        return Run(self.folder, self.header, tables)


def merge_parts(folder: Path) -> list[str]:
    """
    Turn part files into one Parquet table each and remove them; return the names of damaged parts.

    A damaged part keeps everything up to its last complete flush. The folder may be that of a run that
    crashed. Rows are in the order of the workers, then in the order they were recorded.
    """
    # Arrow releases the interpreter's lock, so two processors write two tables at the same time.
    with ThreadPoolExecutor(len(TABLES)) as threads:
        damaged = [name for names in threads.map(partial(_merge, folder), TABLES) for name in names]
    if (folder / PARTS).exists() and not any((folder / PARTS).iterdir()):
        (folder / PARTS).rmdir()
    return damaged


def _merge(folder: Path, table: str) -> list[str]:
    damaged: list[str] = []
    parts = sorted((folder / PARTS).glob(f"{table}-*.arrows"))
    target = folder / f"{table}.parquet"
    if not parts and (target.exists() or table in OPTIONAL_TABLES):
        return damaged
    unfinished = folder / f"{table}.parquet.tmp"
    # Few numbers repeat: a dictionary of them would take time and make the file larger.
    texts = [field.name for field in TABLES[table] if field.type == pa.string()]
    with pq.ParquetWriter(unfinished, TABLES[table], compression="zstd", use_dictionary=texts) as writer:
        for group in _row_groups(parts, damaged):
            writer.write_table(group)
    unfinished.replace(target)
    for part in parts:
        part.unlink()
    return damaged


def must_hold_a_run(folder: Path) -> None:
    """
    Leave the file system unchanged, and check that a run can be written to a folder.

    Raises:
        FolderUnfit: It cannot, or it holds a run already.
        OSError: The disk is full.
    """
    if not folder.name:
        raise FolderUnfit(f"a run takes the name of its folder, and {str(folder)!r} is not a name")
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    try:
        if (folder / "run.json").exists():
            raise FolderUnfit(f"{folder} already holds a run; name another folder")
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FolderUnfit(f"{folder} cannot hold a run: {error.strerror}") from None
    finally:
        for each in missing:
            with suppress(OSError):
                each.rmdir()


def new_run_folder(scenario: str, engine: str, under: Path = Path("runs")) -> Path:
    """Return a folder that does not exist yet: ``runs/<time>-<scenario>-<engine>``."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario}-{engine}"
    names = chain([stem], (f"{stem}-{again}" for again in count(2)))
    return next(under / name for name in names if not (under / name).exists())


def write_header(folder: Path, header: RunHeader) -> None:
    """Write ``run.json``, completely or not at all."""
    unfinished = folder / "run.json.tmp"
    try:
        unfinished.write_text(header.model_dump_json(indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / "run.json")
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _row_groups(parts: Sequence[Path], damaged: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of all parts in tables of at least `ROWS_PER_GROUP` rows, but for the last."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for part in parts:
        for batch in complete_batches(part, damaged):
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= ROWS_PER_GROUP:
                yield pa.Table.from_batches(waiting)
                waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def complete_batches(part: Path, damaged: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the complete batches of a part file; add its name to *damaged* if it ends within a batch."""
    with pa.OSFile(str(part)) as file:
        try:
            yield from pa.ipc.open_stream(file)
        except (pa.ArrowInvalid, OSError):
            if damaged is not None:
                damaged.append(part.name)


def _record_batch(schema: pa.Schema, columns: Iterable[Sequence[Any]]) -> pa.RecordBatch:
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)
