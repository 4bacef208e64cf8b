"""
The state file and its lock.
"""

import fcntl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.stack.processes import state_file
from harness.stack.processes.state_file import StackRunning, StackState, StateLock


def state(**changes: object) -> StackState:
    given: dict[str, object] = dict.fromkeys(StackState.__slots__, "x") | {
        "mode": "modelled",
        "time_scale": 10.0,
        "supervisor_pid": 1,
        "started_at": 0.0,
        "aws_url": "http://127.0.0.1:5000",
        "s3_url": "http://127.0.0.1:5001",
    }
    return StackState(**(given | changes))  # type: ignore[arg-type]  # a test's shorthand


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "stack.json"


class TestStackState:
    def test_the_state_is_read_while_its_lock_is_held(self, path):
        """
        Another process reads the state of a stack that runs.
        """
        lock = StateLock(path)
        state().write(path)
        reader = (
            "from pathlib import Path; from harness.stack.processes.state_file import StackState;"
            f"print(StackState.read(Path({str(path)!r})).time_scale)"
        )
        holder = subprocess.run([sys.executable, "-c", reader], capture_output=True, text=True, check=True)
        lock.release()

        assert holder.stdout.strip() == "10.0"

    def test_a_file_whose_lock_is_free_is_ignored(self, path):
        """
        A stack that was killed leaves a file behind, but no lock.
        """
        path.parent.mkdir()
        state().write(path)

        assert StackState.read(path) is None

    def test_a_stack_that_stops_while_it_is_read_does_not_run(self, path, monkeypatch):
        """
        Its file is deleted after its lock was seen.
        """
        path.parent.mkdir()
        state().write(path)
        monkeypatch.setattr(state_file, "_is_locked", lambda seen: seen.unlink() is None)

        assert StackState.read(path) is None

    def test_only_its_owner_may_read_it(self, path):
        """
        It holds passwords and keys.
        """
        path.parent.mkdir()
        state().write(path)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_secrets_are_not_shown(self):
        """
        The representation of a state contains no secret.
        """
        shown = repr(state(jwt_key="k3y", callback_secret="s3cret", database_url="mysql://u:pw@h/d"))

        assert not any(secret in shown for secret in ("k3y", "s3cret", "pw"))

    def test_the_exports_reach_both_processes(self):
        """
        S3 has its own endpoint variable.
        """
        exports = state().exports

        assert exports["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5000"
        assert exports["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:5001"


class TestStateLock:
    def test_a_state_file_has_one_stack(self, path):
        """
        The error of a second stack says what to do.
        """
        lock = StateLock(path)
        second = (
            "from pathlib import Path; from harness.stack.processes.state_file import StateLock;"
            f"StateLock(Path({str(path)!r}))"
        )
        refused = subprocess.run([sys.executable, "-c", second], capture_output=True, text=True, check=False)
        lock.release()

        assert StackRunning.__name__ in refused.stderr
        assert "stop it first" in refused.stderr

    def test_a_reader_of_the_state_is_no_second_stack(self, path, monkeypatch):
        """
        A reader holds the lock for a moment; a stack that starts in it waits.
        """
        StateLock(path).release()
        reader = path.with_name("stack.json.lock").open()
        fcntl.flock(reader, fcntl.LOCK_SH)
        monkeypatch.setattr(state_file.time, "sleep", lambda _: reader.close())

        lock = StateLock(path)

        assert reader.closed
        lock.release()
