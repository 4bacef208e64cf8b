"""
Guarded commands end with their owner, and their descendants with them.
"""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from harness.supervision.guarded_process import CannotStart, GuardedProcess

# A command with a child and an escaped grandchild (a session of its own); it writes their ids.
FAMILY = textwrap.dedent(
    """
    import os, subprocess, sys
    sleeper = subprocess.Popen(["sleep", "600"])
    escaped = subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True)
    print(os.getpid(), sleeper.pid, escaped.pid, flush=True)
    sleeper.wait()
    """
)

OWNER = textwrap.dedent(
    """
    import os, sys, time
    from pathlib import Path
    from harness.supervision.guarded_process import GuardedProcess
    family = [sys.executable, "-c", sys.argv[1]]
    guarded = GuardedProcess(family, os.environ, name="family", log_path=Path(sys.argv[2])).start()
    print("started", flush=True)
    time.sleep(600)
    """
)


def family(log_path: Path) -> GuardedProcess:
    return GuardedProcess(
        [sys.executable, "-c", FAMILY], os.environ, name="family", log_path=log_path, grace=5
    )


def members(log_path: Path) -> list[psutil.Process]:
    """The processes whose ids a family has logged, and their children."""
    while not (text := log_path.read_text()).endswith("\n"):
        pass
    processes = [psutil.Process(int(pid)) for pid in text.split()]
    return processes + [child for one in processes for child in one.children()]


def supervisors(guarded: GuardedProcess) -> tuple[psutil.Process, psutil.Process]:
    """Outer and inner supervisor of a running command."""
    inner = psutil.Process(guarded.pid).parent()
    assert inner is not None
    outer = inner.parent()
    assert outer is not None
    return outer, inner


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=10)[1]


class TestGuardedProcess:
    def test_it_runs_with_the_given_environment_and_logs_both_streams(self, tmp_path: Path) -> None:
        """
        A command sees its environment only, and both its streams end in the log.
        """
        script = 'echo "out $COLOUR$HOME"; echo err >&2; exit 3'
        guarded = GuardedProcess(
            ["/bin/sh", "-c", script], {"COLOUR": "red"}, name="echo", log_path=tmp_path / "echo.log"
        )

        guarded.start()._supervisor.wait(10)  # type: ignore[union-attr]

        assert guarded.poll() == 3
        assert guarded.log_tail() == "out red\nerr"

    def test_stopping_ends_descendants_too(self, tmp_path: Path) -> None:
        """
        Stopping ends the command and all its descendants, in its own session or in another.
        """
        guarded = family(tmp_path / "log").start()
        processes = members(tmp_path / "log")

        guarded.stop()

        assert len(processes) >= 4
        assert alive(processes) == []
        assert guarded.poll() == 128 + signal.SIGTERM

    def test_a_command_that_ignores_the_stop_signal_is_killed(self, tmp_path: Path) -> None:
        """
        It is killed when its grace is over.
        """
        script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
        guarded = GuardedProcess(
            ["/bin/sh", "-c", script], {}, name="deaf", log_path=tmp_path / "log", grace=0.2
        )
        guarded.start()
        while "ready" not in guarded.log_tail():
            pass

        guarded.stop()

        assert guarded.poll() == 128 + signal.SIGKILL

    def test_a_missing_program_is_named(self, tmp_path: Path) -> None:
        """
        Starting a program that does not exist fails at once, with its path.
        """
        guarded = GuardedProcess(["/no/such/program"], {}, name="ghost", log_path=tmp_path / "log")

        with pytest.raises(CannotStart, match=r"Cannot start ghost: No such file .*: /no/such/program"):
            guarded.start()

    def test_it_is_started_once(self, tmp_path: Path) -> None:
        """
        A second start would lose the first command.
        """
        with family(tmp_path / "log") as guarded, pytest.raises(RuntimeError, match="started before"):
            guarded.start()

    @pytest.mark.parametrize("victim", ["outer", "inner"])
    def test_killing_a_supervisor_ends_the_family(self, tmp_path: Path, victim: str) -> None:
        """
        When one supervisor is killed the other one cleans up: no orphan and no directory is left.
        """
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        guarded = GuardedProcess(
            [sys.executable, "-c", FAMILY],
            os.environ,
            name="family",
            log_path=tmp_path / "log",
            remove=scratch,
        ).start()
        processes = members(tmp_path / "log")
        outer, inner = supervisors(guarded)

        {"outer": outer, "inner": inner}[victim].kill()

        assert alive([*processes, inner]) == []
        guarded.stop()
        assert not scratch.exists()

    def test_killing_both_supervisors_at_once_ends_the_command(self, tmp_path: Path) -> None:
        """
        No supervisor is left to clean up, but the command itself dies with its own.
        """
        guarded = GuardedProcess(
            ["sleep", "600"], os.environ, name="sleep", log_path=tmp_path / "log"
        ).start()
        command = psutil.Process(guarded.pid)
        outer, inner = supervisors(guarded)

        inner.suspend()  # so that it cannot clean up in between
        outer.kill()
        inner.kill()

        assert alive([command, inner]) == []

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
    def test_the_death_of_the_owner_ends_the_family(self, tmp_path: Path, how: signal.Signals) -> None:
        """
        No descendant survives the owner, whatever signal ends it.
        """
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, FAMILY, str(tmp_path / "log")], stdout=subprocess.PIPE
        )
        assert owner.stdout is not None
        owner.stdout.readline()
        processes = members(tmp_path / "log")
        inner = processes[0].parent()
        assert inner is not None

        owner.send_signal(how)
        owner.communicate()

        assert alive([*processes, inner]) == []

    def test_a_passed_descriptor_stays_open(self, tmp_path: Path) -> None:
        """
        It is open in the command, under its own number.
        """
        lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
        guarded = GuardedProcess(
            ["/bin/sh", "-c", f"readlink /proc/self/fd/{lock}; sleep 600"],
            os.environ,
            name="lock",
            log_path=tmp_path / "log",
            pass_fds=(lock,),
        )

        with guarded:
            while not guarded.log_tail():
                pass

            assert guarded.log_tail() == str(tmp_path / "lock")
        os.close(lock)
