"""
The database of the stack: a private server, or one of a URL.
"""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.errors import Unavailable
from harness.stack.database.database_engine import DatabaseEngine, EngineName, engine_of
from harness.stack.database.database_server import (
    ExternalDatabase,
    PrivateDatabase,
    ServerTooOld,
    _locked_directory,
    remove_orphans,
    resolve_database,
)
from harness.stack.database.server_binary import ServerNotFound, find_server
from harness.stack.database.server_packages import install_server
from harness.stack.processes.health import NotReady

OWNER = """
import sys, time
from harness.stack.database.database_server import PrivateDatabase
database = PrivateDatabase().start()
print(database.pid, database.socket_path.parent, flush=True)
time.sleep(600)
"""


class TestFindServer:
    def test_a_chosen_program_must_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        No other program is tried; the error names the variable.
        """
        monkeypatch.setenv("HARNESS_MYSQLD", "/no/such/mysqld")

        with pytest.raises(ServerNotFound, match="HARNESS_MYSQLD names /no/such/mysqld"):
            find_server()

    def test_a_program_that_does_not_run_is_named(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """
        The error has its output, and what to do.
        """
        broken = tmp_path / "usr" / "sbin" / "mariadbd"
        broken.parent.mkdir(parents=True)
        broken.write_text("#!/bin/sh\necho 'libaio.so.1 is missing' >&2\nexit 127\n")
        broken.chmod(0o755)
        monkeypatch.setenv("HARNESS_MYSQLD", str(broken))

        with pytest.raises(ServerNotFound, match=r"libaio.so.1 is missing.*harness db install"):
            find_server()

    def test_without_a_program_the_error_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It names the command that installs one.
        """
        monkeypatch.delenv("HARNESS_MYSQLD", raising=False)
        monkeypatch.setattr("harness.stack.database.server_binary._candidates", lambda _: iter(()))
        monkeypatch.delenv("HARNESS_DATABASE_ENGINE", raising=False)

        with pytest.raises(
            ServerNotFound, match=r"No MariaDB or MySQL server on this machine\. Run `harness db"
        ):
            find_server()


class TestResolveDatabase:
    def test_a_url_is_never_replaced_by_a_private_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        If the database of the URL does not answer, that is an error.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", "mysql+pymysql://u:p@localhost/db?unix_socket=/no/such")

        with pytest.raises(Unavailable, match=r"No answer from u@/no/such/db.*; start that server"):
            resolve_database()

    @pytest.mark.stack
    def test_the_database_of_a_url_is_used_and_left_running(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Leaving the block does not stop its server.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", database_url)
        database = resolve_database()
        with database:
            pass

        assert isinstance(database, ExternalDatabase)
        assert database.url == database_url
        assert engine_of(database_url) == database.engine

    @pytest.mark.stack
    def test_an_old_server_is_refused(self, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The version is checked before the database is used.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", database_url)
        monkeypatch.setattr(
            "harness.stack.database.database_server.engine_of",
            lambda _: DatabaseEngine(EngineName.MYSQL, (5, 7, 44)),
        )

        with pytest.raises(ServerTooOld, match=r"MySQL 5\.7\.44 is too old"):
            resolve_database()


@pytest.mark.stack
class TestPrivateDatabase:
    def test_it_answers_with_the_version_of_its_program(self, database_url: str) -> None:
        """
        The program and the server report the same engine.
        """
        engine = engine_of(database_url)

        assert str(engine) in str(find_server())
        assert engine.is_supported

    def test_other_users_have_no_access(self) -> None:
        """
        It has a private directory, no port and a password; nothing is left afterwards.
        """
        with PrivateDatabase() as database:
            directory = database.socket_path.parent
            server = psutil.Process(database.pid)
            listening = [it for it in server.net_connections() if it.status == psutil.CONN_LISTEN]
            root = Pool(DatabaseAddress("localhost", 0, "root", "", "mysql", str(database.socket_path)))

            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
            assert listening == []
            with pytest.raises(Exception, match="Access denied"), root.session():
                pass

        assert not directory.exists()
        assert not server.is_running()

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
    def test_it_dies_with_its_owner(self, how: signal.Signals) -> None:
        """
        Neither server nor directory is left, whatever signal ends the owner.
        """
        owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        pid, directory = owner.stdout.readline().split()
        server = psutil.Process(int(pid))
        supervisor = server.parent()
        assert supervisor is not None

        owner.send_signal(how)
        owner.communicate()

        assert psutil.wait_procs([server, supervisor], timeout=10)[1] == []
        assert not Path(directory).exists()

    def test_a_killed_server_is_reported_and_restarted_with_its_data(self) -> None:
        """
        What was committed before SIGKILL is there after the restart; `stop` leaves no directory.
        """
        database = PrivateDatabase().start()
        directory = database.socket_path.parent
        address = DatabaseAddress.parse(database.url)
        with closing(Pool(address, size=1)) as pool, pool.session() as session:
            session.write(Statement("create", "kept", "CREATE TABLE kept (number INT)"))
            for number in range(200):
                session.write(Statement("insert", "kept", "INSERT INTO kept VALUES (%s)"), number)
        server = psutil.Process(database.pid)
        assert database.exit_report() is None

        server.kill()
        server.wait(10)
        while (report := database.exit_report()) is None:
            pass
        database.restart()

        assert report.startswith("The database process ended by itself with exit code 137")
        with closing(Pool(address, size=1)) as pool, pool.session() as session:
            assert session.one(Statement("select", "kept", "SELECT COUNT(*) FROM kept")) == (200,)
        database.stop()
        assert not directory.exists()

    def test_a_server_that_ends_at_once_shows_its_log(self) -> None:
        """
        The message ends with what the server wrote.
        """
        database = PrivateDatabase()
        command = database._command
        database._command = lambda where: [*command(where), "--no-such-option"]  # type: ignore[method-assign]

        with pytest.raises(NotReady, match="no-such-option"):
            database.start()


class TestRemoveOrphans:
    def test_only_directories_with_a_free_lock_are_removed(self, tmp_path: Path) -> None:
        """
        A server that runs holds the lock of its directory.
        """
        dead, living = tmp_path / "hdb-dead", tmp_path / "hdb-living"
        for directory in (dead, living):
            directory.mkdir()
            (directory / "lock").touch()
        held = os.open(living / "lock", os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_EX)

        remove_orphans(tmp_path)

        assert not dead.exists()
        assert living.exists()
        os.close(held)

    def test_a_directory_is_locked_before_it_can_be_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Another process that starts a server at this moment does not delete it.
        """
        lock = fcntl.flock

        def lock_late(descriptor: int, operation: int) -> None:
            if operation == fcntl.LOCK_EX:
                remove_orphans(tmp_path)
            lock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", lock_late)

        directory, descriptor = _locked_directory(tmp_path)

        remove_orphans(tmp_path)
        assert directory.name.startswith("hdb-")
        assert (directory / "lock").exists()
        os.close(descriptor)


class TestInstallServer:
    def test_an_archive_of_mysql_is_unpacked_and_found(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """
        The archive has one folder, as MySQL's own has; a newer one replaces it.
        """
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("HARNESS_MYSQLD", raising=False)
        install_server(EngineName.MYSQL, mysql_archive(tmp_path, "8.4.3"))

        installed = install_server(EngineName.MYSQL, mysql_archive(tmp_path, "8.4.9"))

        assert (str(installed.engine), installed.path.parts[-3:]) == (
            "MySQL 8.4.9",
            ("mysql", "bin", "mysqld"),
        )
        assert find_server(EngineName.MYSQL) == installed

    @pytest.mark.parametrize("content", [b"", b"no archive", None])
    def test_another_file_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
    ) -> None:
        """
        What was installed stays; the error says where the right one is.
        """
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("HARNESS_MYSQLD", raising=False)
        installed = install_server(EngineName.MYSQL, mysql_archive(tmp_path, "8.4.3"))
        other = tmp_path / "other.tar"
        if content is None:
            with tarfile.open(other, "w") as archive:
                archive.add(__file__, "folder/readme")
        else:
            other.write_bytes(content)

        with pytest.raises(ServerNotFound, match="Download the tar archive"):
            install_server(EngineName.MYSQL, other)
        assert find_server(EngineName.MYSQL) == installed

    def test_an_engine_that_is_not_one_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The variable is named.
        """
        monkeypatch.setenv("HARNESS_DATABASE_ENGINE", "oracle")

        with pytest.raises(ServerNotFound, match="HARNESS_DATABASE_ENGINE is 'oracle'"):
            find_server()


def mysql_archive(folder: Path, version: str) -> Path:
    """An archive laid out as MySQL's, with a program that only tells its version."""
    program = folder / f"mysql-{version}" / "bin" / "mysqld"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!/bin/sh\necho 'mysqld  Ver {version} for Linux on x86_64 (MySQL Community Server)'\n"
    )
    program.chmod(0o755)
    with tarfile.open(folder / f"{version}.tar.xz", "w:xz") as archive:
        archive.add(program.parents[1], f"mysql-{version}")
    return folder / f"{version}.tar.xz"
