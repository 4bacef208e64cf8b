"""The callback of the database: every statement is counted, and recorded as a span."""

from typing import Protocol

from harness.service.core.ports.tracer import Tracer


class CountStatement(Protocol):
    """Counts a statement, with its operation, its table and its duration [s]."""

    def __call__(self, operation: str, table: str, duration: float, *, failed: bool) -> None: ...


class InstrumentedStatements:
    """Pass `observe` to the pool of connections."""

    def __init__(self, tracer: Tracer, count: CountStatement) -> None:
        self._tracer = tracer
        self._count = count

    def observe(self, operation: str, table: str, duration: float, *, error: BaseException | None) -> None:
        self._count(operation, table, duration, failed=error is not None)
        self._tracer.record(f"MySQL {operation} {table}", duration, error=error)
