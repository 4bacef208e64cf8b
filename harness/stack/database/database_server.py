"""
The database of the stack: a private MariaDB or MySQL server, or the server of a URL.

A private server listens on a Unix socket in a directory that only this user may enter, has a random
password, and ends with the process that started it. Its tables are for one run: they outlive a crash of the
server, not of the machine.
Times in seconds.
"""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import tempfile
from functools import partial
from pathlib import Path
from typing import Self, TypeAlias
from urllib.parse import quote

import pymysql

from harness.service.adapters.mysql.pool import DatabaseAddress
from harness.service.core.errors import Unavailable
from harness.stack.database.data_directory import copy_template
from harness.stack.database.database_engine import engine_of
from harness.stack.database.server_binary import find_server
from harness.stack.processes.health import exit_report, wait_until
from harness.stack.stack_error import StackError
from harness.supervision.guarded_process import GuardedProcess

URL_VARIABLE = "HARNESS_DATABASE_URL"
DATABASE = "toq_server"
USER = "toq_app"
PREFIX = "hdb-"
"""Begin of the name of a private server's directory."""


class ServerTooOld(StackError):
    """The server is older than MySQL 8.0.19 or MariaDB 10.6."""


def resolve_database() -> "Database":
    """
    Return the database of ``$HARNESS_DATABASE_URL``, or a private one (not yet started).

    Raises:
        Unavailable, ServerTooOld: The database of the URL does not answer, or is too old.
        ServerNotFound: The variable is not set, and this machine has no server program.
        ValueError: The variable is not a database URL.
    """
    url = os.environ.get(URL_VARIABLE)
    if not url:
        return PrivateDatabase()
    try:
        return ExternalDatabase(url)
    except Unavailable as error:
        raise Unavailable(
            f"{error}; start that server or correct {URL_VARIABLE}; unset it for a private database."
        ) from error


class ExternalDatabase:
    """A database that runs already; it is checked and used, and never stopped."""

    def __init__(self, url: str) -> None:
        try:
            self.engine = engine_of(url)
        except pymysql.MySQLError as error:
            raise Unavailable(
                f"{DatabaseAddress.parse(url)} refuses the connection: {error.args[-1]}"
            ) from error
        if not self.engine.is_supported:
            raise ServerTooOld(f"{self.engine} is too old: MySQL ≥ 8.0.19 or MariaDB ≥ 10.6 is needed.")
        self.url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the server running."""

    def exit_report(self) -> None:
        """Nothing: the server is the user's to watch."""

    def __str__(self) -> str:
        return f"{self.engine} at {DatabaseAddress.parse(self.url)}"


class PrivateDatabase:
    """A temporary server, started for the ``with`` block."""

    def __init__(self) -> None:
        self.binary = find_server()
        self._password = secrets.token_urlsafe(18)
        self._directory: Path | None = None
        self._lock: int | None = None
        self._server: GuardedProcess | None = None

    def start(self) -> Self:
        """
        Start the server and return once it answers.

        Raises:
            ServerFailed: The server could not create its system tables.
            NotReady: It ended, or did not answer in time.
        """
        if self._directory is not None:
            raise RuntimeError("The database was started before.")
        parent = Path(tempfile.gettempdir())
        remove_orphans(parent)
        directory, lock = _locked_directory(parent)
        self._directory, self._lock = directory, lock
        try:
            copy_template(self.binary, directory / "data")
            self._write_init_file(directory / "init.sql")
            self._serve(directory, lock)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and delete its data; without effect if that was done."""
        if self._server:
            self._server.stop()
        if self._directory and self._lock is not None:
            shutil.rmtree(self._directory, ignore_errors=True)  # left if no server was started
            os.close(self._lock)
            self._lock = None

    def kill(self) -> None:
        """Kill the server; its data stay for `restart`."""
        if self._server:
            self._server.kill()

    def restart(self) -> None:
        """Start the server again, on the data that it had when it ended; errors are those of `start`."""
        if self._directory is None or self._lock is None:
            raise RuntimeError("The database has not been started.")
        if self._server and self._server.poll() is None:
            self._server.kill()
        self._serve(self._directory, self._lock)

    def exit_report(self) -> str | None:
        """Return how the server has ended, and the end of its log; None while it runs."""
        return exit_report(self._server) if self._server else None

    def _serve(self, directory: Path, lock: int) -> None:
        """Start the server in its directory, and return once it answers."""
        self._server = GuardedProcess(
            self._command(directory),
            self.binary.env,
            name="database",
            log_path=directory / "server.log",
            stop_signal=signal.SIGKILL,  # its data are not needed any more
            remove=directory,
            pass_fds=(lock,),  # held as long as the server or this process lives
        ).start()
        wait_until(partial(_no_greeting, self.socket_path), str(self.binary), self._server)

    @property
    def pid(self) -> int:
        return self._server.pid if self._server else 0

    @property
    def socket_path(self) -> Path:
        if self._directory is None:
            raise RuntimeError("The database has not been started.")
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
            f"GRANT ALL ON *.* TO '{USER}'@'localhost' WITH GRANT OPTION;",
        ]
        if not self.binary.engine.is_mariadb:
            lines.append("ALTER USER 'root'@'localhost' ACCOUNT LOCK;")
        path.touch(0o600)
        path.write_text("\n".join(lines) + "\n")

    def _command(self, directory: Path) -> list[str]:
        mariadb = ["--innodb-use-native-aio=0", "--key-buffer-size=1M", "--aria-pagecache-buffer-size=4M"]
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
            # The log is written at every commit, and synchronised by the operating system: a transaction that
            # was committed outlives a crash of the server.
            "--innodb-flush-log-at-trx-commit=2",
            *(mariadb if self.binary.engine.is_mariadb else []),
        ]


def _no_greeting(path: Path) -> str | None:
    """Return why a MySQL server accepts no connection; None if it does: it greets before any login."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
            return None if len(probe.recv(5)) == 5 else f"{path} sends no greeting"
        except OSError as error:
            return f"{path} does not answer: {error}"


Database: TypeAlias = PrivateDatabase | ExternalDatabase


def _locked_directory(parent: Path) -> tuple[Path, int]:
    """
    Create the directory of a private server, and return it with the descriptor of its lock.

    It gets its name once it is locked: another process must not take it for an orphan.
    """
    # The path of a socket has at most 108 bytes, so the name is short.
    hidden = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=parent))
    lock = os.open(hidden / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return hidden.rename(parent / hidden.name.removeprefix(".")), lock


def remove_orphans(parent: Path) -> None:
    """Delete the directories of private servers whose supervisors were both killed: their locks are free."""
    for directory in parent.glob(f"{PREFIX}*"):
        try:
            lock = os.open(directory / "lock", os.O_RDWR)
        except OSError:  # of another user, or created or deleted at this moment
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
