"""Batches, assets, jobs and the outbox in MySQL or MariaDB."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from harness.service.adapters.mysql.media_reads import COUNT_INFLIGHT_JOBS, MySQLMediaReads
from harness.service.adapters.mysql.media_transaction import MySQLMediaTransaction
from harness.service.adapters.mysql.pool import Pool
from harness.service.adapters.mysql.session import DatabaseSession, Statement
from harness.service.core.ports.media_repository import MediaRepository, MediaTransaction

PING = Statement("ping", "transaction", "SELECT 1")


class MySQLMediaRepository(MySQLMediaReads, MediaRepository):
    """
    The repository: a query uses any connection in autocommit mode, a command needs a `transaction`.

    Args:
        probes: The connections of `ping` and `count_inflight_jobs`, so that probes and metrics do not wait
            for requests; by default *pool*.
    """

    def __init__(self, pool: Pool, *, probes: Pool | None = None) -> None:
        self._pool = pool
        self._probes = probes or pool

    def _session(self) -> AbstractContextManager[DatabaseSession]:
        return self._pool.session()

    @contextmanager
    def transaction(self) -> Iterator[MediaTransaction]:
        with self._pool.transaction() as session:
            yield MySQLMediaTransaction(session, self._pool.lock_waits)

    def count_inflight_jobs(self) -> int:
        with self._probes.session() as session:
            row = session.one(COUNT_INFLIGHT_JOBS)
        return int(row[0]) if row else 0

    def ping(self) -> None:
        with self._probes.session() as session:
            session.one(PING)
