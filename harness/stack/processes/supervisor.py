"""
Stands between an owner and the command it started, so that the command never outlives the owner.

Run as a script by `guarded_process` (``python -I -S supervisor.py NAME``), so standard library only.
The first line on standard input is the order (JSON); the rest of that pipe is a leash. Only the
owner holds its other end, so that any death of the owner, SIGKILL included, is an end of file here.

One process would leave orphans when it is killed itself. There are two, each doing the same over
the next: *outer* keeps *inner*, *inner* keeps the command. Both are subreapers: whatever the
command leaves behind, in sessions of its own too, becomes a child of the keeper that still lives,
and is killed. The command itself dies with *inner* (``PR_SET_PDEATHSIG``; safe here because
a keeper has one thread, and the signal is tied to the thread that forked).
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
class Order:
    """What to run, and how to end it. ``grace`` in seconds; ``remove`` is deleted in the end."""

    argv: list[str]
    env: dict[str, str]
    stop_signal: int
    grace: float
    remove: str | None


def main() -> None:
    order = Order(**json.loads(_read_line(0)))
    _become_subreaper()
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    theirs, ours = os.pipe()
    inner = os.fork()
    if not inner:
        os.close(ours)
        os.close(0)
        _become_subreaper()
        sys.exit(_keep_command(order, leash=theirs))
    os.close(theirs)
    os.close(1)
    code = _keep(inner, leash=0, ask_to_stop=lambda: os.close(ours), grace=order.grace + KILL_MARGIN_S)
    _remove(order.remove)
    sys.exit(code)


def _keep_command(order: Order, *, leash: int) -> int:
    keeper = os.getpid()
    failed_here, failed_there = os.pipe()
    command = os.fork()
    if not command:
        _run(order, keeper, failed_there)
    os.close(failed_there)
    failure = os.read(failed_here, 4096).decode()
    os.close(failed_here)
    os.write(1, json.dumps({"pid": command, "failure": failure}).encode() + b"\n")
    os.close(1)
    code = _keep(
        command, leash=leash, ask_to_stop=lambda: os.kill(command, order.stop_signal), grace=order.grace
    )
    _remove(order.remove)
    return code


def _run(order: Order, keeper: int, failed: int) -> NoReturn:
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(CANNOT_RUN)
        for restored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(restored, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.execvpe(order.argv[0], order.argv, order.env)  # noqa: S606 — no shell on purpose
    except OSError as error:
        os.write(failed, f"{error.strerror}: {order.argv[0]}".encode())
    os._exit(CANNOT_RUN)


def _keep(child: int, *, leash: int, ask_to_stop: Callable[[], None], grace: float) -> int:
    """
    Return the exit code of *child* once it and all it left behind are gone.

    When the *leash* is let go, or on SIGTERM, the child is asked to stop and killed after *grace* seconds.
    """
    wake = _wake_on(signal.SIGCHLD, signal.SIGTERM)
    kill_at: float | None = None
    while (code := _reap(child)) is None:
        left = None if kill_at is None else kill_at - time.monotonic()
        if left is not None and left <= 0:
            os.kill(child, signal.SIGKILL)
            left = KILL_MARGIN_S
        watched = [wake] if kill_at is not None else [wake, leash]
        ready, _, _ = select.select(watched, [], [], left)
        heard = os.read(wake, 512) if wake in ready else b""
        let_go = leash in ready and not os.read(leash, 1)
        if kill_at is None and (let_go or signal.SIGTERM in heard):
            kill_at = time.monotonic() + grace
            ask_to_stop()
    _end_descendants()
    return code


def _reap(child: int) -> int | None:
    """Collect whatever ended; return the exit code of *child* as a shell would say it, None while it runs."""
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


def _end_descendants() -> None:
    """Kill children until there are none: the orphans of each become ours."""
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
    me = os.getpid()
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _parent_of(entry) == me]


def _parent_of(process: Path) -> int | None:
    try:
        stat = (process / "stat").read_text()
    except OSError:  # it ended while we looked
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _wake_on(*signals: int) -> int:
    """Return a descriptor that becomes readable, with the signal's number, when one arrives."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, lambda *_: None)
    return reader


def _become_subreaper() -> None:
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) refused")


def _read_line(descriptor: int) -> bytes:
    """Read up to a newline and not a byte further: what follows on the pipe is the leash."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            sys.exit(0)  # the owner is gone before it said what to run
        line += byte
    return bytes(line)


def _remove(directory: str | None) -> None:
    if directory:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
