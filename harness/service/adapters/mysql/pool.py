"""
The connection pool of MySQL or MariaDB.

The newest idle connection is used first (LIFO), so that a service with little load uses few connections.
Connections are in autocommit mode: a query is one round trip and leaves no transaction open. A connection is
closed after every error except an integrity error; if the server is lost, all idle connections are closed
too. Times in seconds.
"""

import ipaddress
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql
from pymysql.constants import CLIENT

from harness.service.adapters.mysql.lock_waits import LockWaits
from harness.service.adapters.mysql.session import Connection, DatabaseSession, Observe, unobserved
from harness.service.core.errors import Deadlock, Unavailable

PING_AFTER_S = 30.0
LOCK_WAIT_TIMEOUT_S = 3

_ON_CONNECT = f"""
    SET SESSION
        time_zone = '+00:00',
        innodb_lock_wait_timeout = {LOCK_WAIT_TIMEOUT_S},
        sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'
"""
# READ COMMITTED: a read after a lock sees all data that were committed before the lock was granted.
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"

TRANSIENT = {
    1021,  # disk full
    1026,  # error writing a file, as on a full disk
    1030,  # error of the storage engine, as on a full disk
    1037,  # out of memory
    1038,  # out of sort memory
    1040,  # too many connections
    1041,  # out of resources
    1053,  # server shutdown in progress
    1114,  # table full, also if the disk is full
    1129,  # host blocked after too many failed connections, until the server is flushed
    1135,  # no thread for a new connection
    1152,  # connection aborted by the server
    1158,  # network error reading packets
    1159,  # timeout reading packets
    1160,  # network error writing packets
    1161,  # timeout writing packets
    1180,  # error during the commit, as on a full disk
    1184,  # new connection aborted by the server
    1203,  # user has too many connections
    1205,  # lock wait timeout
    1206,  # no memory for more locks
    1290,  # read-only (fail-over)
    1317,  # query interrupted by an administrator or a shutdown
    1836,  # read-only (fail-over)
    1927,  # connection was killed (MariaDB)
    1969,  # statement timeout (MariaDB)
    3024,  # statement timeout (MySQL)
    3572,  # NOWAIT on a locked row (MySQL)
}
"""Transient errors of the server: they raise `Unavailable`, and the caller tries again."""
DEADLOCK = 1213
LOST = range(2000, 2100)
"""Errors of the client library: the server cannot be reached, or the connection is lost."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """The address of a database, with user and password."""

    host: str
    port: int
    user: str
    password: str
    database: str
    unix_socket: str | None = None
    ssl_ca: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """
        Read ``mysql+pymysql://user:password@host[:port]/database[?unix_socket=/path][&ssl_ca=/path]``.

        Raises:
            ValueError: The scheme or an option is unknown, or the database is missing.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("mysql", "mysql+pymysql"):
            raise ValueError(f"the database URL must begin with mysql+pymysql://, not {parts.scheme}://")
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        unknown = set(options) - {"unix_socket", "ssl_ca", "charset"}
        if unknown:
            raise ValueError(f"the database URL has unknown options: {', '.join(sorted(unknown))}")
        if not parts.path.strip("/"):
            raise ValueError("the database URL has no database name: add it as …@host/<database>")
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.strip("/")),
            unix_socket=options.get("unix_socket"),
            ssl_ca=options.get("ssl_ca"),
        )

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, so that TLS is not needed."""
        if self.unix_socket or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        """Return the address without the password."""
        return f"{self.user}@{self.unix_socket or f'{self.host}:{self.port}'}/{self.database}"


class Pool:
    """
    A pool of connections for any number of threads.

    Args:
        connect_timeout: For a new connection, and for the wait for a free connection [s].
        read_timeout: For one response [s], longer than the lock wait time-out of the server.
    """

    def __init__(
        self,
        address: DatabaseAddress,
        *,
        size: int = 32,
        observe: Observe = unobserved,
        connect_timeout: float = 5.0,
        read_timeout: float = LOCK_WAIT_TIMEOUT_S + 5.0,
    ) -> None:
        self.address = address
        self._observe = observe
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._free = threading.BoundedSemaphore(size)
        self.lock_waits = LockWaits(max(1, size // 4))
        self._lock = threading.Lock()
        self._idle: list[tuple[Connection, float]] = []

    @contextmanager
    def session(self) -> Iterator[DatabaseSession]:
        """Provide a connection in autocommit mode, or raise `Unavailable`."""
        if not self._free.acquire(timeout=self._connect_timeout):
            raise Unavailable(f"All connections to {self.address} are in use.")
        try:
            with self._translated():
                connection = self._take()
            try:
                with self._translated(connection):
                    yield DatabaseSession(connection, self._observe)
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    @contextmanager
    def transaction(self) -> Iterator[DatabaseSession]:
        """
        Provide a connection for one transaction: committed at the end, rolled back on any exception.

        Raises:
            Deadlock: The transaction was rolled back to resolve a deadlock.
            Unavailable: As for `session`; also after a lock wait time-out. If the connection is
                lost during the commit, the result is unknown: check it before you try again.
        """
        with self.session() as session:
            session.begin()
            try:
                yield session
            except BaseException:
                session.rollback()
                raise
            session.commit()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _since in idle:
            _discard(connection)

    def _take(self) -> Connection:
        while True:
            with self._lock:
                idle = self._idle.pop() if self._idle else None
            if idle is None:
                return self._connect()
            connection, since = idle
            if time.monotonic() - since < PING_AFTER_S or _answers(connection):
                return connection

    def _give_back(self, connection: Connection) -> None:
        if not connection.open:
            return
        with self._lock:
            self._idle.append((connection, time.monotonic()))

    def _connect(self) -> Connection:
        address = self.address
        connection = pymysql.connect(
            host=address.host,
            port=address.port,
            unix_socket=address.unix_socket,
            user=address.user,
            password=address.password,
            database=address.database,
            charset="utf8mb4",
            autocommit=True,
            # An UPDATE returns the number of rows found, not changed: compare-and-set needs this.
            client_flag=CLIENT.FOUND_ROWS,
            init_command=_ON_CONNECT,
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
            write_timeout=self._read_timeout,
            ssl_disabled=address.is_local,
            ssl_ca=address.ssl_ca,
            ssl_verify_identity=bool(address.ssl_ca),
        )
        with connection.cursor() as cursor:
            cursor.execute(_ISOLATION)
        return connection

    @contextmanager
    def _translated(self, connection: Connection | None = None) -> Iterator[None]:
        """Close the connection after every error but integrity errors; translate transient errors."""
        try:
            yield
        except pymysql.IntegrityError:
            raise
        except pymysql.MySQLError as error:
            if connection is not None:
                _discard(connection)
            if isinstance(error.__context__, KeyboardInterrupt):
                # The driver closes the connection on Ctrl-C, and then its cursor, which fails.
                raise error.__context__ from None
            code = error.args[0] if error.args else 0
            if isinstance(error, pymysql.InterfaceError) or code in LOST:
                self.close()  # the idle connections are lost too
                raise Unavailable(f"No answer from {self.address}: {_message(error)}") from error
            if code == DEADLOCK:
                raise Deadlock(f"{self.address}: {_message(error)}") from error
            if code in TRANSIENT:
                raise Unavailable(f"{self.address} is busy: {_message(error)}") from error
            raise


def _message(error: Exception) -> str:
    return str(error.args[-1]) if error.args and str(error.args[-1]) else "the connection is closed"


def _answers(connection: Connection) -> bool:
    try:
        connection.ping(reconnect=False)
    except (pymysql.MySQLError, OSError):
        _discard(connection)
        return False
    return True


def _discard(connection: Connection) -> None:
    if connection.open:
        with suppress(pymysql.MySQLError):
            connection.close()
