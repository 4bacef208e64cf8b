"""Batches, assets, jobs and the outbox in MySQL or MariaDB."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from harness.service.adapters.mysql.media_reads import MySQLMediaReads
from harness.service.adapters.mysql.media_transaction import MySQLMediaTransaction
from harness.service.adapters.mysql.pool import Pool
from harness.service.adapters.mysql.session import DatabaseSession, Statement
from harness.service.core.ports.media_repository import MediaRepository, MediaTransaction

PING = Statement("ping", "transaction", "SELECT 1")


class MySQLMediaRepository(MySQLMediaReads, MediaRepository):
    """The repository: a query uses any connection in autocommit mode, a command needs a `transaction`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def _session(self) -> AbstractContextManager[DatabaseSession]:
        return self._pool.session()

    @contextmanager
    def transaction(self) -> Iterator[MediaTransaction]:
        with self._pool.transaction() as session:
            yield MySQLMediaTransaction(session)

    def ping(self) -> None:
        with self._pool.session() as session:
            session.one(PING)
