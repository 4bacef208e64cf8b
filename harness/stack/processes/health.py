"""Checks that a port is free and that a server answers. Times in seconds."""

import time
from collections.abc import Callable
from http import HTTPStatus

import httpx

from harness.stack.processes.ports import bind_error
from harness.stack.stack_error import StackError
from harness.supervision.guarded_process import GuardedProcess

POLL_S = 0.02
READY_TIMEOUT_S = 60.0
TIMEOUT_S = 2.0


class NotReady(StackError):
    """A part of the stack cannot start or does not answer; the message says what to do."""


def require_free(port: int, name: str) -> None:
    """Raise `NotReady` if another process listens on a port, or this user may not."""
    if reason := bind_error(port):
        raise NotReady(
            f"Port {port} for {name} cannot be used ({reason}): choose another one, or 0 for a free one."
        )


def not_ready(url: str) -> str | None:
    """Return why a server is not ready, None if it is: its answer has status 200."""
    try:
        response = httpx.get(url, timeout=TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        return f"{url} does not answer: {error}"
    return None if response.status_code == HTTPStatus.OK else f"{url} answers {_explained(response)}"


def _explained(response: httpx.Response) -> str:
    """Return the status of a response, and which parts are down if the service tells it."""
    try:
        down = "; ".join(response.json()["details"]["down"].values())
    except (ValueError, LookupError, TypeError, AttributeError):
        return str(response.status_code)
    return f"{response.status_code}: {down}"


def answers(url: str) -> bool:
    """Return whether a server answers, with whatever status."""
    try:
        httpx.get(url, timeout=TIMEOUT_S, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def exit_report(process: GuardedProcess) -> str | None:
    """Return how a part of the stack has ended by itself, and the end of its log; None while it runs."""
    code = process.poll()
    if code is None:
        return None
    tail = process.log_tail()
    log = f" The end of its log ({process.log_path}):\n{tail}" if tail else ""
    return f"The {process.name} process ended by itself with exit code {code}; the stack stops.{log}"


def wait_until(problem: Callable[[], str | None], name: str, process: GuardedProcess) -> None:
    """Wait until *problem* returns None; raise `NotReady` with it and the end of the log if it does not."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while reason := problem():
        code = process.poll()
        if code is not None:
            raise NotReady(f"{name} did not start: exit code {code}.\n{process.log_tail()}")
        if time.monotonic() > deadline:
            message = f"{name} was not ready after {READY_TIMEOUT_S:g} s: {reason}"
            raise NotReady(f"{message}\n{process.log_tail()}")
        time.sleep(POLL_S)
