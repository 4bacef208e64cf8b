"""
Supervisor of one command: ends the command when its owner ends.

`guarded_process` runs this file as a script (``python -I -S supervisor.py NAME``), so it imports the standard
library only. The first line on standard input is the `CommandSpec` as JSON; the rest of that pipe is the
lifeline. Only the owner holds its other end, so any death of the owner, SIGKILL included, is an end of file.

A single supervisor would leave orphans if it were killed itself. So there are two: *outer* supervises
*inner*, and *inner* supervises the command. Both are subreapers: a process that the command leaves behind,
also in a session of its own, becomes a child of the supervisor that still lives, and is killed. The command
itself dies with *inner* (``PR_SET_PDEATHSIG``). That is safe here because a supervisor has one thread, and
the signal is tied to the thread that forked.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILL_MARGIN_S = 5.0
"""How much longer *outer* waits for *inner* than *inner* for the command."""
POLL_S = 0.005
CANNOT_RUN = 127


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """
    A command, how to end it (SIGKILL *grace* seconds after *stop_signal*), and a directory to remove then.

    The directory is left if the command ends by itself: its owner may start it again there.
    """

    argv: list[str]
    env: dict[str, str]
    stop_signal: int
    grace: float
    remove: str | None


def main() -> None:
    spec = CommandSpec(**json.loads(_read_line(0)))
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    read_end, write_end = os.pipe()
    inner = os.fork()
    if not inner:
        os.close(write_end)
        os.close(0)
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        sys.exit(_supervise_command(spec, lifeline=read_end))
    os.close(read_end)
    os.close(1)
    sys.exit(
        _supervise(
            inner,
            lifeline=0,
            terminate=lambda: os.close(write_end),
            grace=spec.grace + KILL_MARGIN_S,
            remove=spec.remove,
        )
    )


def _supervise_command(spec: CommandSpec, *, lifeline: int) -> int:
    """Start the command, report its process id or its failure on standard output, and supervise it."""
    supervisor = os.getpid()
    failure_read, failure_write = os.pipe()
    command = os.fork()
    if not command:
        _execute(spec, supervisor, failure_write)
    os.close(failure_write)
    failure = os.read(failure_read, 4096).decode()  # empty: a successful exec closes the pipe
    os.close(failure_read)
    os.write(1, json.dumps({"pid": command, "failure": failure}).encode() + b"\n")
    os.close(1)
    return _supervise(
        command,
        lifeline=lifeline,
        terminate=lambda: os.kill(command, spec.stop_signal),
        grace=spec.grace,
        remove=spec.remove,
    )


def _execute(spec: CommandSpec, supervisor: int, failure_write: int) -> NoReturn:
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # it died before the signal was set up
            os._exit(CANNOT_RUN)
        for restored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(restored, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.execvpe(spec.argv[0], spec.argv, spec.env)  # noqa: S606 - no shell on purpose
    except OSError as error:
        os.write(failure_write, f"{error.strerror}: {spec.argv[0]}".encode())
    os._exit(CANNOT_RUN)


def _supervise(
    child: int, *, lifeline: int, terminate: Callable[[], None], grace: float, remove: str | None
) -> int:
    """
    Return the exit code of *child* once it and all its descendants have ended.

    When the *lifeline* is closed, or on SIGTERM, *child* is terminated, and killed after *grace* seconds;
    then the directory *remove* is deleted.
    """
    wake = _descriptor_of_signals(signal.SIGCHLD, signal.SIGTERM)
    kill_at: float | None = None
    while (code := _reap(child)) is None:
        wait = None if kill_at is None else kill_at - time.monotonic()
        if wait is not None and wait <= 0:
            os.kill(child, signal.SIGKILL)
            wait = KILL_MARGIN_S
        watched = [wake] if kill_at is not None else [wake, lifeline]
        ready, _, _ = select.select(watched, [], [], wait)
        signals = os.read(wake, 512) if wake in ready else b""
        owner_ended = lifeline in ready and not os.read(lifeline, 1)
        if kill_at is None and (owner_ended or signal.SIGTERM in signals):
            kill_at = time.monotonic() + grace
            terminate()
    _kill_descendants()
    if kill_at is not None and remove:
        shutil.rmtree(remove, ignore_errors=True)
    return code


def _reap(child: int) -> int | None:
    """Collect the children that ended; return the exit code of *child* (128 + n for signal n) if it did."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if not pid:
            return code
        if pid == child:
            ended = os.waitstatus_to_exitcode(status)
            code = ended if ended >= 0 else 128 - ended


def _kill_descendants() -> None:
    """Kill children until there are no more: the orphans of each become children of this process."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(POLL_S)


def _children() -> list[int]:
    own = os.getpid()
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _parent_of(entry) == own]


def _parent_of(process: Path) -> int | None:
    try:
        stat = (process / "stat").read_text()
    except OSError:  # the process has ended since
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _descriptor_of_signals(*signals: int) -> int:
    """Return a descriptor from which the number of each of these signals can be read when it arrives."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, lambda *_: None)
    return reader


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def _read_line(descriptor: int) -> bytes:
    """Read up to a newline and not a byte further: what follows on the pipe is the lifeline."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            sys.exit(0)  # the owner ended before it sent the command
        line += byte
    return bytes(line)


if __name__ == "__main__":
    main()
