"""
A command that ends when the process that started it ends, however that happens.

Neither ``atexit`` (misses SIGKILL), nor process groups (a living process must signal them), nor
``PR_SET_PDEATHSIG`` set from here (fires when the forking *thread* ends) is enough: see `supervisor`.
Times in seconds.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import Self

from harness.supervision import supervisor

LOG_TAIL_LINES = 20


class CannotStart(RuntimeError):
    """A command could not be started, or ended before it was ready."""


class GuardedProcess:
    """
    A command, its log file, and the supervisor that ends it.

    The command and all its descendants end when `stop` is called, when this object is collected, or
    when this process dies in any way. A process forked (not spawned) from this one keeps the
    supervisor's pipe open too, as long as it lives.

    Args:
        env: The command's whole environment.
        name: Name of the command in ``ps`` and in errors.
        log_path: File its standard output and error are appended to.
        folder: Its working directory; this process's if None.
        stop_signal: Signal that ends the command; it is killed after *grace* seconds.
        remove: Directory to delete after the command has been ended by `stop` or by the end of this process.
        pass_fds: Descriptors it inherits, e.g. of a lock; they stay open until all its processes have ended.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        name: str,
        log_path: Path,
        folder: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
        remove: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._folder = folder
        self._spec = supervisor.CommandSpec(
            argv=list(argv),
            env=dict(env),
            stop_signal=stop_signal,
            grace=grace,
            remove=str(remove) if remove else None,
        )
        self._pass_fds = tuple(pass_fds)
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._log: FileIO | None = None
        self.pid = 0
        """Process id of the command; 0 before `start`."""

    def start(self) -> Self:
        """Start the command, without waiting until it is ready; raise `CannotStart` if it cannot be run."""
        if self._supervisor is not None:
            raise RuntimeError(f"The {self.name} process was started before.")
        with self.log_path.open("ab") as log:
            self._log = self.log_path.open("rb", buffering=0)
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the owner, which stops the command
                pass_fds=self._pass_fds,
                cwd=self._folder,
                env={},  # the command's environment could break the supervisor's interpreter
                bufsize=0,
            )
        self._send_spec(self._supervisor)
        return self

    def _send_spec(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("Popen did not open the pipes")
        process.stdin.write(json.dumps(asdict(self._spec)).encode() + b"\n")
        with process.stdout as replies:
            reply = json.loads(replies.readline() or b'{"pid": 0, "failure": "its supervisor ended at once"}')
        self.pid = reply["pid"]
        if reply["failure"]:
            self.stop()
            raise CannotStart(f"Cannot start {self.name}: {reply['failure']}.")

    def poll(self) -> int | None:
        """Return the exit code (128 + n if signal n ended it), None while it runs."""
        return self._supervisor.poll() if self._supervisor else None

    def kill(self) -> None:
        """Kill the command and all its descendants, without giving them time to end."""
        if self.pid and self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended at this moment
                os.kill(self.pid, signal.SIGKILL)
        self.wait(2 * supervisor.KILL_MARGIN_S)

    def wait(self, timeout: float) -> int | None:
        """Wait until the command has ended, but not longer than *timeout*; return what `poll` returns."""
        if self._supervisor is not None:
            with suppress(subprocess.TimeoutExpired):
                self._supervisor.wait(timeout)
        return self.poll()

    def stop(self) -> None:
        """
        End the command and all its descendants; without effect if they have ended.

        Raises:
            TimeoutExpired: A process cannot be killed, because it hangs inside the kernel.
        """
        if self._supervisor is None or self._supervisor.stdin is None:
            return
        self._supervisor.stdin.close()
        self._supervisor.wait(self._spec.grace + 2 * supervisor.KILL_MARGIN_S)
        if self._spec.remove:
            shutil.rmtree(self._spec.remove, ignore_errors=True)  # left if the command had ended by itself

    def log_tail(self) -> str:
        """Return the last lines of its log, also when the log file has been deleted since."""
        if self._log is None:
            return ""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 200 * LOG_TAIL_LINES))
        text = self._log.read(size).decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
