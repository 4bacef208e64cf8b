"""Metrics of the statements sent to the database. Durations in seconds."""

from prometheus_client import CollectorRegistry, Counter, Histogram

DATABASE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)


class DatabaseInstruments:
    """The database metrics; pass `statement` to the pool as its callback."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._queries = Counter(
            "database_queries_total",
            "Statements sent to the database.",
            ["operation", "table", "outcome"],
            registry=registry,
        )
        self._duration = Histogram(
            "database_query_duration_seconds",
            "Time from sending a statement to its last row.",
            ["operation", "table"],
            buckets=DATABASE_BUCKETS,
            registry=registry,
        )

    def statement(self, operation: str, table: str, duration: float, *, failed: bool) -> None:
        self._queries.labels(operation, table, "error" if failed else "ok").inc()
        self._duration.labels(operation, table).observe(duration)
