"""
The connection pool: addresses, reuse of connections, and errors.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pymysql
import pytest

from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import DatabaseSession, Statement
from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import Batch
from harness.stack.database.database_server import PrivateDatabase

CONNECTION_ID = Statement("select", "server", "SELECT CONNECTION_ID()")
KILL = Statement("kill", "server", "KILL %s")


def connection_id(session: DatabaseSession) -> int:
    row = session.one(CONNECTION_ID)
    assert row is not None
    return int(row[0])


class TestDatabaseAddress:
    def test_a_url_is_parsed(self) -> None:
        """
        Percent encoding is decoded, and the port has a default.
        """
        address = DatabaseAddress.parse("mysql+pymysql://toq%40app:p%2Fw@db.example.org/toq_server")

        assert address == DatabaseAddress("db.example.org", 3306, "toq@app", "p/w", "toq_server")
        assert str(address) == "toq@app@db.example.org:3306/toq_server"

    def test_a_socket_wins_over_the_host(self) -> None:
        """
        As in PyMySQL.
        """
        address = DatabaseAddress.parse("mysql+pymysql://u:p@localhost/db?unix_socket=/tmp/x/s")

        assert address.unix_socket == "/tmp/x/s"
        assert "p" not in str(address).removeprefix("u@/tmp/x/s/db")

    @pytest.mark.parametrize(
        ("url", "near"),
        [
            ("mysql://u@127.0.0.1/db", True),
            ("mysql://u@localhost:3307/db", True),
            ("mysql://u@[::1]/db", True),
            ("mysql://u@10.0.0.5/db", False),
            ("mysql://u@db.example.org/db", False),
            ("mysql://u@db.example.org/db?unix_socket=/s", True),
        ],
    )
    def test_tls_is_left_out_on_this_machine_only(self, url: str, near: bool) -> None:
        """
        A local connection needs no encryption.
        """
        assert DatabaseAddress.parse(url).is_local is near

    @pytest.mark.parametrize(
        ("url", "complaint"),
        [
            ("postgresql://u@h/db", "must begin with mysql"),
            ("mysql://u@h/", "has no database name"),
            ("mysql://u@h/db?ssl=yes", "unknown options: ssl"),
        ],
    )
    def test_other_urls_are_refused(self, url: str, complaint: str) -> None:
        """
        The error has the reason.
        """
        with pytest.raises(ValueError, match=complaint):
            DatabaseAddress.parse(url)


@pytest.mark.stack
class TestPool:
    def test_the_last_connection_returned_is_lent_first(self, pool: Pool) -> None:
        """
        Sequential callers share one connection.
        """
        with pool.session() as session:
            first = connection_id(session)
        with pool.session() as session:
            assert connection_id(session) == first

    def test_a_connection_has_the_settings_of_the_service(self, pool: Pool) -> None:
        """
        Strict mode, UTC and READ COMMITTED, independent of the defaults of the server.
        """
        modes = Statement("select", "server", "SELECT @@sql_mode, @@time_zone, @@innodb_lock_wait_timeout")
        with pool.session() as session:
            row = session.one(modes)

        assert row is not None
        assert "STRICT_TRANS_TABLES" in row[0]
        assert row[1:] == ("+00:00", 3)

    def test_a_killed_connection_is_unavailable_once(self, pool: Pool) -> None:
        """
        The next call succeeds with another connection.
        """
        with pool.session() as session:
            victim = connection_id(session)
            with pool.session() as other:
                other.write(KILL, victim)
        # The victim came back last, so it is lent first.

        with pytest.raises(Unavailable), pool.session() as session:
            connection_id(session)

        with pool.session() as session:
            assert connection_id(session) != victim

    def test_an_exception_of_the_caller_keeps_the_connection(self, pool: Pool) -> None:
        """
        The transaction is rolled back and the connection is used again.
        """
        with suppress(ZeroDivisionError), pool.transaction() as session:
            first = connection_id(session)
            raise ZeroDivisionError

        with pool.session() as session:
            assert connection_id(session) == first

    def test_ctrl_c_is_not_a_lost_server(self, pool: Pool) -> None:
        """
        The driver closes its connection, so that what follows fails, too; the interrupt is what is raised.
        """

        def interrupt() -> None:
            try:
                raise KeyboardInterrupt
            finally:
                raise pymysql.InterfaceError(0, "")

        with pytest.raises(KeyboardInterrupt), pool.session():
            interrupt()

    def test_a_wrong_statement_raises_its_own_error(self, pool: Pool) -> None:
        """
        It is not translated to `Unavailable`.
        """
        with pytest.raises(pymysql.ProgrammingError), pool.session() as session:
            session.one(Statement("select", "nothing", "SELECT * FROM no_such_table"))

    @pytest.mark.parametrize("code", [1021, 1026, 1030, 1037, 1038, 1041, 1114, 1135, 1180, 1206])
    def test_a_server_without_space_or_memory_is_unavailable(self, pool: Pool, code: int) -> None:
        """
        A full disk or table, or too little memory: the request is valid, and succeeds later.
        """
        full = Statement("signal", "server", "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %s")

        with pytest.raises(Unavailable), pool.session() as session:
            session.write(full, code)

    @pytest.mark.parametrize("code", [1129, 1152, 1184, 1317])
    def test_an_interrupted_or_blocked_client_is_unavailable(self, pool: Pool, code: int) -> None:
        """
        The server or its administrator ended the query or the connection: the request is valid.
        """
        ended = Statement("signal", "server", "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %s")

        with pytest.raises(Unavailable), pool.session() as session:
            session.write(ended, code)

    def test_a_busy_pool_is_unavailable_after_a_time_out(self, database_url: str) -> None:
        """
        The wait for a free connection is limited.
        """
        pool = Pool(DatabaseAddress.parse(database_url), size=1, connect_timeout=0.05)
        with (
            pool.session(),
            pytest.raises(Unavailable, match=r"All connections to .* are in use"),
            pool.session(),
        ):
            pass
        pool.close()

    def test_every_statement_is_observed(self, database_url: str) -> None:
        """
        Operation, table, duration and failure.
        """
        seen: list[tuple[str, str, bool]] = []

        def observe(operation: str, table: str, duration: float, *, error: BaseException | None) -> None:
            assert duration > 0
            seen.append((operation, table, error is not None))

        pool = Pool(DatabaseAddress.parse(database_url), observe=observe)
        with pool.transaction() as session:
            session.one(CONNECTION_ID)
        with pytest.raises(pymysql.ProgrammingError), pool.session() as session:
            session.one(Statement("select", "nothing", "SELECT * FROM no_such_table"))
        pool.close()

        assert seen == [
            ("select", "server", False),
            ("commit", "transaction", False),
            ("select", "nothing", True),
        ]

    def test_a_locked_row_is_unavailable_after_a_time_out(
        self, media: MySQLMediaRepository, pending: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        For batches and listings. The server ends the wait, in this test after one second, the shortest value.
        """
        monkeypatch.setattr(
            "harness.service.adapters.mysql.pool._ON_CONNECT", "SET SESSION innodb_lock_wait_timeout = 1"
        )
        impatient = MySQLMediaRepository(Pool(media._pool.address, size=1))

        with media.transaction() as patient:
            patient.lock_listing(pending.listing_id)
            patient.get_batch_by_id(pending.id, for_update=True)
            with pytest.raises(Unavailable, match="Lock wait timeout"), impatient.transaction() as tx:
                tx.get_batch_by_id(pending.id, for_update=True)
            with pytest.raises(Unavailable, match="Lock wait timeout"), impatient.transaction() as tx:
                tx.lock_listing(pending.listing_id)
        impatient._pool.close()


class TestNoServer:
    def test_a_closed_port_is_unavailable(self) -> None:
        """
        No server listens.
        """
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            pool = Pool(DatabaseAddress("127.0.0.1", unused.getsockname()[1], "u", "p", "db"))

            with pytest.raises(Unavailable, match=r"No answer from u@127\.0\.0\.1"), pool.session():
                pass

    def test_a_silent_server_is_unavailable(self, silent_port: int) -> None:
        """
        The time-out ends the wait for its greeting.
        """
        pool = Pool(DatabaseAddress("127.0.0.1", silent_port, "u", "p", "db"), read_timeout=0.1)

        with pytest.raises(Unavailable, match="No answer"), pool.session():
            pass

    @pytest.mark.stack
    def test_a_stopped_server_is_unavailable_and_closes_idle_connections(self) -> None:
        """
        Every active caller gets one error, and no lost connection stays in the pool.
        """
        with PrivateDatabase() as database:
            pool = Pool(DatabaseAddress.parse(database.url))
            with pool.session(), pool.session():
                pass
            database.stop()
            with pytest.raises(Unavailable), pool.session() as session:
                connection_id(session)

            assert pool._idle == []


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    accepted.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        for one in accepted:
            one.close()
