"""
Starts commands that surely die with whoever started them.

Not ``atexit`` (misses SIGKILL), not process groups alone (somebody must live to signal them), not
``PR_SET_PDEATHSIG`` from here (fires when the forking *thread* ends): see `supervisor`.
Times in seconds.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import Self

from harness.stack.processes import supervisor


class CannotStart(RuntimeError):
    """A command could not be started, or ended before it was ready."""


class GuardedProcess:
    """
    A command, its log file, and the leash that ends it.

    The command and all its descendants end when `stop` is called, when this object is collected, or
    when this process dies in any way. A process forked (not spawned) from this one holds the leash
    too, as long as it lives.

    Args:
        env: The command's whole environment.
        name: What people call it; shown by ``ps`` and in errors.
        log_path: File its standard output and error are appended to.
        stop_signal: What asks it to end; it is killed after *grace* seconds.
        remove: Directory to delete once it has ended, however it ended.
        pass_fds: Descriptors it inherits (locks, mostly); they stay open until nothing of it is left.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        name: str,
        log_path: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
        remove: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._order = supervisor.Order(
            argv=list(argv),
            env=dict(env),
            stop_signal=stop_signal,
            grace=grace,
            remove=str(remove) if remove else None,
        )
        self._pass_fds = tuple(pass_fds)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._log: FileIO | None = None
        self._pid = 0

    def start(self) -> Self:
        """
        Start the command; it runs, which is not yet to say that it is ready.

        Raises:
            CannotStart: There is no such program, or it may not be run.
            RuntimeError: It was started before.
        """
        if self._keeper is not None:
            raise RuntimeError(f"{self.name} was started before")
        with self.log_path.open("ab") as log:
            self._log = self.log_path.open("rb", buffering=0)
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the owner, who then lets go
                pass_fds=self._pass_fds,
                env={},  # the command's environment could break the keeper's interpreter
                bufsize=0,
            )
        self._send_order(self._keeper)
        return self

    def _send_order(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("Popen was asked for both pipes")
        process.stdin.write(json.dumps(asdict(self._order)).encode() + b"\n")
        with process.stdout as answers:
            answer = json.loads(answers.readline() or b'{"pid": 0, "failure": "its keeper ended at once"}')
        self._pid = answer["pid"]
        if answer["failure"]:
            self.stop()
            raise CannotStart(f"Cannot start {self.name}: {answer['failure']}.")

    @property
    def pid(self) -> int:
        """Process id of the command; 0 before `start`."""
        return self._pid

    def poll(self) -> int | None:
        """Return the exit code (128 + n if signal n ended it), None while it runs."""
        return self._keeper.poll() if self._keeper else None

    def stop(self) -> None:
        """
        End the command and everything it started; nothing happens if that is done already.

        Raises:
            TimeoutExpired: Something cannot even be killed (it hangs inside the kernel).
        """
        if self._keeper is None or self._keeper.stdin is None:
            return
        self._keeper.stdin.close()
        self._keeper.wait(self._order.grace + 2 * supervisor.KILL_MARGIN_S)

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines it wrote, to explain a failure; also when the file is gone by now."""
        if self._log is None:
            return ""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 200 * lines))
        text = self._log.read(size).decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
