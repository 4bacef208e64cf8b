"""Checks that decide from a response's status how its request ended."""

from collections.abc import Callable
from enum import StrEnum
from functools import cache


class RequestOutcome(StrEnum):
    """How a request ended; see `harness.lab.results.rows.RequestRow`."""

    OK = "ok"
    FAILED = "failed"
    REFUSED = "refused"
    BREACHED = "breached"
    CENSORED = "censored"


StatusCheck = Callable[[int], RequestOutcome]
"""Returns the outcome of a request from its HTTP status, which is 0 if no response came."""


@cache
def expecting(*statuses: int) -> StatusCheck:
    """Return a check for a request that should succeed: any other status is a failure."""
    return lambda status: RequestOutcome.OK if status in statuses else RequestOutcome.FAILED


@cache
def refusing(*statuses: int) -> StatusCheck:
    """
    Return a check for a forbidden attempt.

    It is refused with one of *statuses*. Success is a breach; any other status is a failure, because it does
    not prove that the service checked the permission.
    """

    def check(status: int) -> RequestOutcome:
        if 200 <= status < 400:
            return RequestOutcome.BREACHED
        return RequestOutcome.REFUSED if status in statuses else RequestOutcome.FAILED

    return check
