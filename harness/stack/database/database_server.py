"""
A database with no set-up: a private MariaDB or MySQL server, or the one named by a URL.

A private server listens on a Unix socket in a short directory only we can enter, under a random
password, and dies with us. Its tables are for one run: fast, not durable.
Times in seconds.
"""

import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import tempfile
import time
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import quote

import pymysql

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.errors import Unavailable
from harness.stack.database.data_directory import ServerFailed, copy_template
from harness.stack.database.server_binary import ServerBinary, find_server
from harness.stack.processes.guarded_process import GuardedProcess

URL_VARIABLE = "HARNESS_DATABASE_URL"
DATABASE = "toq_server"
USER = "toq_app"
READY_POLL_S = 0.005

_VERSION = Statement("select", "server", "SELECT VERSION()")


class ServerTooOld(RuntimeError):
    """The database named is older than MySQL 8.0.19 and MariaDB 10.6."""


@dataclass(frozen=True, slots=True)
class DatabaseEngine:
    """Which server answers: name and version, as it says itself."""

    name: str
    version: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``SELECT VERSION()`` answers."""
        match = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)", text)
        if not match:
            raise ValueError(f"not a server version: {text!r}")
        name = "MariaDB" if "mariadb" in text.lower() else "MySQL"
        return cls(name, tuple(int(part) for part in match.groups()))

    @property
    def supported(self) -> bool:
        return self.version >= ((10, 6) if self.name == "MariaDB" else (8, 0, 19))

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"


def engine_of(url: str) -> DatabaseEngine:
    """
    Ask a database which engine it is.

    Raises:
        Unavailable: It does not answer.
        ValueError: *url* is not a database URL.
    """
    pool = Pool(DatabaseAddress.parse(url), size=1)
    try:
        with pool.session() as session:
            row = session.one(_VERSION)
    finally:
        pool.close()
    return DatabaseEngine.parse(str(row[0]) if row else "")


class Database(Protocol):
    """A database to be used inside a ``with`` block; ``str()`` says engine, version and place."""

    @property
    @abstractmethod
    def url(self) -> str:
        """What the service connects with; it holds the password."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, *_: object) -> None: ...


def resolve_database() -> Database:
    """
    Return the database of ``$HARNESS_DATABASE_URL``, or a private one (not yet started).

    Raises:
        Unavailable, ServerTooOld: The database named does not answer, or is too old.
        ServerNotFound: None was named, and there is no server program on this machine.
        ValueError: What was named is not a database URL.
    """
    named = os.environ.get(URL_VARIABLE)
    if not named:
        return PrivateDatabase()
    try:
        return ExternalDatabase(named)
    except Unavailable as away:
        raise Unavailable(
            f"{away}; start that server or correct {URL_VARIABLE}; unset it for a private database."
        ) from away


class ExternalDatabase(Database):
    """
    A database somebody else runs: checked, used, never stopped.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = engine_of(url)
        except pymysql.MySQLError as error:
            raise Unavailable(f"{DatabaseAddress.parse(url)} refuses us: {error.args[-1]}") from error
        if not self.engine.supported:
            raise ServerTooOld(f"{self.engine} is too old: MySQL ≥ 8.0.19 or MariaDB ≥ 10.6 is needed.")
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it running: it is not ours."""

    def __str__(self) -> str:
        return f"{self.engine} at {DatabaseAddress.parse(self.url)}"


class PrivateDatabase(Database):
    """
    A throw-away server of our own.

    Args:
        binary: The server program; found if not given.
        ready_timeout: How long it may take to answer [s].
    """

    def __init__(self, binary: ServerBinary | None = None, *, ready_timeout: float = 60.0) -> None:
        self.binary = binary or find_server()
        self._ready_timeout = ready_timeout
        self._password = secrets.token_urlsafe(18)
        self._directory: Path | None = None
        self._server: GuardedProcess | None = None

    def start(self) -> Self:
        """
        Start the server and return once it answers.

        Raises:
            ServerFailed: It did not come up.
            RuntimeError: It was started before.
        """
        if self._directory is not None:
            raise RuntimeError("the database was started before")
        parent = Path(tempfile.gettempdir())
        sweep(parent)
        # Short, because a socket's path has 108 bytes; under the system's temporary directory.
        self._directory = directory = Path(tempfile.mkdtemp(prefix="hdb-", dir=parent))
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            copy_template(self.binary, directory / "data")
            self._write_init_file(directory / "init.sql")
            self._server = GuardedProcess(
                self._command(directory),
                self.binary.env,
                name="database",
                log_path=directory / "server.log",
                stop_signal=signal.SIGKILL,  # there is nothing to save
                remove=directory,
                pass_fds=(lock,),
            ).start()
            self._wait_until_it_answers(self._server)
        except BaseException:
            self.stop()
            shutil.rmtree(directory, ignore_errors=True)
            raise
        finally:
            os.close(lock)  # the server and its keepers hold it from here on
        return self

    def stop(self) -> None:
        if self._server:
            self._server.stop()

    @property
    def pid(self) -> int:
        return self._server.pid if self._server else 0

    @property
    def socket_path(self) -> Path:
        if self._directory is None:
            raise RuntimeError("the database is not started")
        return self._directory / "s"

    @property
    def url(self) -> str:
        return (
            f"mysql+pymysql://{USER}:{quote(self._password)}@localhost/{DATABASE}"
            f"?unix_socket={quote(str(self.socket_path))}"
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __str__(self) -> str:
        return f"{self.binary}, private"

    def _write_init_file(self, path: Path) -> None:
        lines = [
            f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;",
            f"CREATE USER IF NOT EXISTS '{USER}'@'localhost' IDENTIFIED BY '{self._password}';",
            f"GRANT ALL ON *.* TO '{USER}'@'localhost';",
        ]
        if not self.binary.is_mariadb:
            lines.append("ALTER USER 'root'@'localhost' ACCOUNT LOCK;")
        path.touch(0o600)
        path.write_text("\n".join(lines) + "\n")

    def _command(self, directory: Path) -> list[str]:
        engine_only = ["--innodb-use-native-aio=0", "--key-buffer-size=1M", "--aria-pagecache-buffer-size=4M"]
        return [
            *self.binary.command,
            *self.binary.options,
            f"--datadir={directory / 'data'}",
            f"--socket={directory / 's'}",
            f"--pid-file={directory / 'pid'}",
            f"--init-file={directory / 'init.sql'}",
            f"--tmpdir={directory}",
            "--skip-networking",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--local-infile=0",
            "--performance-schema=OFF",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            "--default-time-zone=+00:00",
            "--max-connections=300",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=0",
            *(engine_only if self.binary.is_mariadb else []),
        ]

    def _wait_until_it_answers(self, server: GuardedProcess) -> None:
        give_up_at = time.monotonic() + self._ready_timeout
        while time.monotonic() < give_up_at:
            if server.poll() is not None:
                raise ServerFailed(f"{self.binary} ended at once.\n{self._log(server)}")
            if _greets(self.socket_path):
                return
            time.sleep(READY_POLL_S)
        raise ServerFailed(
            f"{self.binary} did not answer within {self._ready_timeout:g} s.\n{self._log(server)}"
        )

    def _log(self, server: GuardedProcess) -> str:
        return server.log_tail() or "(It left no log.)"


def _greets(path: Path) -> bool:
    """Whether a server speaks first on the socket, as MySQL's protocol has it; no account needed."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
            return len(probe.recv(5)) == 5
        except OSError:
            return False


def sweep(parent: Path) -> None:
    """Remove what is left of private servers whose keepers were both killed: nobody holds its lock."""
    for directory in parent.glob("hdb-*"):
        try:
            lock = os.open(directory / "lock", os.O_RDWR)
        except OSError:  # somebody else's, or being made or removed at this moment
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
