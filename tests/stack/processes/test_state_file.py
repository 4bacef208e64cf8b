"""
Which stack is up.
"""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.stack.processes.state_file import StackRunning, StackState, StateLock, state_path


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
    def test_what_is_written_is_read_while_the_stack_lives(self, path):
        """
        With the lock held, the file counts.
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

    def test_a_file_without_its_stack_counts_for_nothing(self, path):
        """
        A stack that was killed leaves a file behind, but no lock.
        """
        path.parent.mkdir()
        state().write(path)

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
        A state that is printed tells no secret.
        """
        shown = repr(state(jwt_key="k3y", callback_secret="s3cret", database_url="mysql://u:pw@h/d"))

        assert not any(secret in shown for secret in ("k3y", "s3cret", "pw"))

    def test_the_exports_reach_both_processes(self):
        """
        S3 has an endpoint of its own.
        """
        exports = state().exports

        assert exports["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5000"
        assert exports["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:5001"


class TestStateLock:
    def test_there_is_one_stack_to_a_file(self, path):
        """
        A second one is told what to do.
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


class TestStatePath:
    def test_the_variable_decides(self, monkeypatch):
        """
        $HARNESS_STATE, else $XDG_STATE_HOME, else the home directory.
        """
        monkeypatch.setenv("HARNESS_STATE", "/tmp/mine.json")
        assert state_path() == Path("/tmp/mine.json")
        monkeypatch.delenv("HARNESS_STATE")
        monkeypatch.setenv("XDG_STATE_HOME", "/tmp/state")
        assert state_path() == Path("/tmp/state/harness/stack.json")
        monkeypatch.delenv("XDG_STATE_HOME")
        assert state_path() == Path(os.environ["HOME"]) / ".local/state/harness/stack.json"
