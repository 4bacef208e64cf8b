"""
Is it there yet? Ports, and processes that are asked until they answer. Times in seconds.
"""

import time
from collections.abc import Callable
from http import HTTPStatus

import httpx

from harness.stack.processes.guarded_process import GuardedProcess
from harness.stack.processes.ports import trouble_with

POLL_S = 0.05
ASK_S = 2.0


class NotReady(RuntimeError):
    """A part of the stack cannot begin or does not answer; the message says what to do."""


def require_free(port: int, name: str) -> None:
    """
    Check that a port can be listened on.

    Raises:
        NotReady: Somebody does already, or it is not ours to take.
    """
    if trouble := trouble_with(port):
        raise NotReady(
            f"Port {port} for {name} cannot be used ({trouble}): give another one, or 0 for a free one."
        )


def answers(url: str, *, any_status: bool = False) -> bool:
    """Tell whether a server answers, and well unless *any_status* will do."""
    try:
        status = httpx.get(url, timeout=ASK_S, trust_env=False).status_code
    except httpx.HTTPError:
        return False
    return any_status or status == HTTPStatus.OK


def wait_until(ready: Callable[[], bool], name: str, part: GuardedProcess, timeout: float) -> None:
    """
    Ask until it is ready.

    Raises:
        NotReady: The process ended, or took longer than *timeout*; its last lines are in the message.
    """
    deadline = time.monotonic() + timeout
    while not ready():
        code = part.poll()
        if code is not None:
            raise NotReady(f"{name} did not start: exit code {code}.\n{part.log_tail()}")
        if time.monotonic() > deadline:
            raise NotReady(f"{name} was not ready after {timeout:g} s.\n{part.log_tail()}")
        time.sleep(POLL_S)
