"""
A private database: there when asked for, gone with whoever asked.
"""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.core.errors import Unavailable
from harness.stack.database.data_directory import ServerFailed
from harness.stack.database.database_server import (
    DatabaseEngine,
    ExternalDatabase,
    PrivateDatabase,
    ServerTooOld,
    engine_of,
    resolve_database,
    sweep,
)
from harness.stack.database.server_binary import ServerNotFound, find_server

OWNER = """
import sys, time
from harness.stack.database.database_server import PrivateDatabase
database = PrivateDatabase().start()
print(database.pid, database.socket_path.parent, flush=True)
time.sleep(600)
"""


class TestEngine:
    @pytest.mark.parametrize(
        ("answer", "engine", "supported"),
        [
            ("10.11.14-MariaDB-0+deb12u2", "MariaDB 10.11.14", True),
            ("5.5.5-10.6.0-MariaDB", "MariaDB 10.6.0", True),
            ("10.5.29-MariaDB", "MariaDB 10.5.29", False),
            ("8.0.46-0ubuntu0.22.04.1", "MySQL 8.0.46", True),
            ("8.0.18", "MySQL 8.0.18", False),
            ("9.7.4", "MySQL 9.7.4", True),
        ],
    )
    def test_a_server_says_what_it_is(self, answer: str, engine: str, supported: bool) -> None:
        """
        MariaDB is never called MySQL, and old ones are told from new ones.
        """
        parsed = DatabaseEngine.parse(answer)

        assert (str(parsed), parsed.supported) == (engine, supported)


class TestFindServer:
    def test_a_chosen_program_must_be_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        HARNESS_MYSQLD is taken at its word, and the complaint names it.
        """
        monkeypatch.setenv("HARNESS_MYSQLD", "/no/such/mysqld")

        with pytest.raises(ServerNotFound, match="HARNESS_MYSQLD names /no/such/mysqld"):
            find_server()

    def test_a_program_that_does_not_run_is_named(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """
        With what it said, and what to do instead.
        """
        broken = tmp_path / "usr" / "sbin" / "mariadbd"
        broken.parent.mkdir(parents=True)
        broken.write_text("#!/bin/sh\necho 'libaio.so.1 is missing' >&2\nexit 127\n")
        broken.chmod(0o755)
        monkeypatch.setenv("HARNESS_MYSQLD", str(broken))

        with pytest.raises(ServerNotFound, match=r"libaio.so.1 is missing.*harness db install"):
            find_server()

    def test_without_any_program_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        One sentence, with the remedy.
        """
        monkeypatch.delenv("HARNESS_MYSQLD", raising=False)
        monkeypatch.setattr("harness.stack.database.server_binary._candidates", lambda: iter(()))

        with pytest.raises(
            ServerNotFound, match=r"No MariaDB or MySQL server on this machine\. Run `harness db"
        ):
            find_server()


class TestResolveDatabase:
    def test_a_url_is_never_replaced_by_a_private_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A database that was named and does not answer is an error.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", "mysql+pymysql://u:p@localhost/db?unix_socket=/no/such")

        with pytest.raises(Unavailable, match=r"No answer from u@/no/such/db.*; start that server"):
            resolve_database()

    @pytest.mark.stack
    def test_a_named_database_is_used_and_left_running(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Stopping it is its owner's business.
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
        Before anything is asked of it.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", database_url)
        monkeypatch.setattr(
            "harness.stack.database.database_server.engine_of", lambda _: DatabaseEngine("MySQL", (5, 7, 44))
        )

        with pytest.raises(ServerTooOld, match=r"MySQL 5\.7\.44 is too old"):
            resolve_database()


@pytest.mark.stack
class TestPrivateDatabase:
    def test_it_answers_and_says_what_it_is(self, database_url: str) -> None:
        """
        What the program says of itself is what the server says.
        """
        engine = engine_of(database_url)

        assert str(engine) in str(find_server())
        assert engine.supported

    def test_only_we_can_enter(self) -> None:
        """
        A private directory, no port, a password, and nothing left afterwards.
        """
        with PrivateDatabase() as database:
            directory = database.socket_path.parent
            server = psutil.Process(database.pid)
            listening = [it for it in server.net_connections() if it.status == psutil.CONN_LISTEN]
            stranger = Pool(DatabaseAddress("localhost", 0, "root", "", "mysql", str(database.socket_path)))

            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
            assert listening == []
            with pytest.raises(Exception, match="Access denied"), stranger.session():
                pass

        assert not directory.exists()
        assert not server.is_running()

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
    def test_it_dies_with_its_owner(self, how: signal.Signals) -> None:
        """
        However the owner dies: no server, no directory.
        """
        owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        pid, directory = owner.stdout.readline().split()
        server = psutil.Process(int(pid))
        keeper = server.parent()
        assert keeper is not None

        owner.send_signal(how)
        owner.communicate()

        assert psutil.wait_procs([server, keeper], timeout=10)[1] == []
        assert not Path(directory).exists()

    def test_a_killed_server_leaves_no_directory(self) -> None:
        """
        Its keeper cleans up behind it.
        """
        database = PrivateDatabase().start()
        directory = database.socket_path.parent
        keeper = psutil.Process(database.pid).parent()
        assert keeper is not None

        psutil.Process(database.pid).kill()

        assert psutil.wait_procs([keeper], timeout=10)[1] == []
        assert not directory.exists()
        database.stop()

    def test_a_server_that_ends_at_once_shows_its_log(self) -> None:
        """
        The message ends with what the server wrote.
        """
        database = PrivateDatabase()
        command = database._command
        database._command = lambda where: [*command(where), "--no-such-option"]  # type: ignore[method-assign]

        with pytest.raises(ServerFailed, match="no-such-option"):
            database.start()


class TestSweep:
    def test_what_nobody_holds_is_removed_and_what_is_held_stays(self, tmp_path: Path) -> None:
        """
        The lock tells the dead from the living.
        """
        import fcntl

        dead, living = tmp_path / "hdb-dead", tmp_path / "hdb-living"
        for directory in (dead, living):
            directory.mkdir()
            (directory / "lock").touch()
        held = os.open(living / "lock", os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_EX)

        sweep(tmp_path)

        assert not dead.exists()
        assert living.exists()
        os.close(held)
