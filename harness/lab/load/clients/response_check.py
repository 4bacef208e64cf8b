"""
How a request ended, judged by its status.
"""

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


Judge = Callable[[int], RequestOutcome]
"""Tells how a request ended from its status, 0 if there was no answer."""


@cache
def expecting(*statuses: int) -> Judge:
    """Judge a request that should work: any other status is a failure."""
    return lambda status: RequestOutcome.OK if status in statuses else RequestOutcome.FAILED


@cache
def refusing(*statuses: int) -> Judge:
    """Judge a forbidden attempt: success is a breach; turned away for another reason proves nothing."""

    def judge(status: int) -> RequestOutcome:
        if 200 <= status < 400:
            return RequestOutcome.BREACHED
        return RequestOutcome.REFUSED if status in statuses else RequestOutcome.FAILED

    return judge
