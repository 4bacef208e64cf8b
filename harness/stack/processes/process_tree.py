"""Signals to a process and all its descendants."""

import signal
from contextlib import suppress

import psutil


def pause(pid: int) -> None:
    """Stop a process and its descendants (SIGSTOP), without ending them."""
    _signal(pid, signal.SIGSTOP)


def resume(pid: int) -> None:
    """Let a process and its descendants continue."""
    _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):  # it has ended at this moment
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)
