"""A database session: one connection of the pool; each of its statements is timed and counted."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pymysql

Row: TypeAlias = tuple[Any, ...]
"""The values of a row as the driver returns them; their types depend on the schema."""
if TYPE_CHECKING:
    Connection: TypeAlias = pymysql.Connection[pymysql.cursors.Cursor]
else:
    Connection = pymysql.Connection  # generic for the type checker only


class Observe(Protocol):
    """Callback for every statement, with its operation, its table and its duration [s]."""

    def __call__(
        self, operation: str, table: str, duration: float, *, error: BaseException | None
    ) -> None: ...


def unobserved(operation: str, table: str, duration: float, *, error: BaseException | None) -> None:
    """Do nothing: the callback of a pool without instruments."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL, and its labels in the metrics: an operation (``select``, ``insert``, …) and a table."""

    operation: str
    table: str
    sql: str


class DatabaseSession:
    """Executes statements on one connection."""

    def __init__(self, connection: Connection, observe: Observe) -> None:
        self._connection = connection
        self._observe = observe

    def one(self, statement: Statement, *parameters: object) -> Row | None:
        """Return the first row, None if the result is empty."""
        with self._timed(statement), self._connection.cursor() as cursor:
            cursor.execute(statement.sql, parameters)
            return cursor.fetchone()

    def all(self, statement: Statement, *parameters: object) -> Sequence[Row]:
        """Return all rows."""
        with self._timed(statement), self._connection.cursor() as cursor:
            cursor.execute(statement.sql, parameters)
            return cursor.fetchall()

    def write(self, statement: Statement, *parameters: object) -> int:
        """Return the number of inserted rows, or of the rows that an UPDATE found."""
        with self._timed(statement), self._connection.cursor() as cursor:
            return cursor.execute(statement.sql, parameters)

    def insert(self, statement: Statement, *parameters: object) -> int:
        """Return the id of the new row; 0 if no row was inserted."""
        with self._timed(statement), self._connection.cursor() as cursor:
            return cursor.lastrowid if cursor.execute(statement.sql, parameters) else 0

    def write_many(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Insert many rows in as few round trips as the packet size allows."""
        with self._timed(statement), self._connection.cursor() as cursor:
            cursor.executemany(statement.sql, rows)

    def begin(self) -> None:
        self._connection.begin()

    def commit(self) -> None:
        with self._timed(COMMIT):
            self._connection.commit()

    def rollback(self) -> None:
        """Roll back; after a lost connection the server has already done so."""
        if self._connection.open:
            self._connection.rollback()

    @contextmanager
    def _timed(self, statement: Statement) -> Iterator[None]:
        started = time.perf_counter()
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            duration = time.perf_counter() - started
            self._observe(statement.operation, statement.table, duration, error=error)


COMMIT = Statement("commit", "transaction", "COMMIT")
