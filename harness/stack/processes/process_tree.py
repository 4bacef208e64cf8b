"""Signals to a process and all its descendants, and the limit of what they write to files."""

import resource
import signal
from collections.abc import Iterator
from contextlib import suppress

import psutil

from harness.stack.stack_error import StackError


def pause(pid: int) -> None:
    """Stop a process and its descendants (SIGSTOP), without ending them."""
    _signal(pid, signal.SIGSTOP)


def resume(pid: int) -> None:
    """Let a process and its descendants continue."""
    _signal(pid, signal.SIGCONT)


def fill_disk(pid: int) -> None:
    """
    Let a process and its descendants write nothing more to files: a write fails, as on a full disk.

    The error is EFBIG, not ENOSPC: it is a limit of the process (RLIMIT_FSIZE), not of a disk.

    Raises:
        StackError: This system cannot limit another process.
    """
    _limit_files(pid, 0)


def free_disk(pid: int) -> None:
    """Let a process and its descendants write to files again."""
    _limit_files(pid, None)


def _limit_files(pid: int, size: int | None) -> None:
    if not hasattr(resource, "prlimit"):
        raise StackError("A full disk can be played on Linux only.")
    for each in _tree(pid):
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(each.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(each.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def _signal(pid: int, number: signal.Signals) -> None:
    for each in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            each.send_signal(number)


def _tree(pid: int) -> Iterator[psutil.Process]:
    """Yield a process and its descendants; nothing if it has just ended."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield from (process, *process.children(recursive=True))
