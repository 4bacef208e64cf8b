"""Retry and Catch: how a state reacts to errors. Times are seconds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.states_language.json_node import JsonNode, nullable

SECONDS_MAX = 99_999_999

CENTURY = 36_525 * 86_400
"""Upper limit of every pause, wait and time-out [s]; AWS ends an execution long before."""


def handles(error_equals: tuple[str, ...], error: str) -> bool:
    """
    Return whether a retrier or catcher of some errors handles an error.

    ``States.Runtime`` cannot be handled. ``States.ALL`` handles every other error except
    ``States.DataLimitExceeded``; ``States.TaskFailed`` the same, except ``States.Timeout``.
    ``States.Timeout`` also handles a missed heartbeat.
    """
    if error == "States.Runtime":
        return False
    if error in error_equals:
        return True
    if error == "States.HeartbeatTimeout" and "States.Timeout" in error_equals:
        return True
    if error == "States.DataLimitExceeded":
        return False
    return "States.ALL" in error_equals or ("States.TaskFailed" in error_equals and error != "States.Timeout")


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of ``Retry``: when and how often to attempt a state again."""

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    full_jitter: bool = False

    def delay(self, retry: int) -> float:
        """
        Return the seconds before the *retry*-th retry (from 1).

        With ``full_jitter`` this is the longest delay: the real one is uniform between 0 and it. It is never
        longer than ``max_delay_seconds`` or a `CENTURY`.
        """
        longest = self.max_delay_seconds or CENTURY
        # 2**32 seconds are more than a century, and the power itself may be more than a float holds.
        if (retry - 1) * math.log2(self.backoff_rate) >= 32:
            return longest
        return min(self.interval_seconds * self.backoff_rate ** (retry - 1), longest)


@dataclass(frozen=True, slots=True)
class Catcher:
    """One entry of ``Catch``: where to go after the retries; ``result_path`` None drops the error output."""

    error_equals: tuple[str, ...]
    next: str
    result_path: str | None = "$"


def read_retry(entries: JsonNode) -> tuple[Retrier, ...]:
    """Read ``Retry`` of a state."""
    return tuple(map(_read_retrier, _check_errors(entries)))


def read_catch(entries: JsonNode) -> tuple[Catcher, ...]:
    """Read ``Catch`` of a state."""
    return tuple(map(_read_catcher, _check_errors(entries)))


def _check_errors(listed: JsonNode) -> Sequence[JsonNode]:
    """Return the retriers or catchers; ``States.ALL`` must stand alone, in the last one."""
    entries = listed.items() if listed.value != [] else []
    for entry in entries:
        names = _error_names(field := entry.require("ErrorEquals"))
        if "States.ALL" in names and (len(names) > 1 or entry is not entries[-1]):
            raise field.wrong("States.ALL must stand alone, in the last entry")
    return entries


def _error_names(node: JsonNode) -> tuple[str, ...]:
    return tuple(name.text() for name in node.items())


def _is_full(node: JsonNode) -> bool:
    if node.text() not in ("FULL", "NONE"):
        raise node.wrong(f"must be FULL or NONE, not {node.text()!r}")
    return node.text() == "FULL"


def _read_retrier(node: JsonNode) -> Retrier:
    node.allow({*_RETRIER, "Comment"})
    values = node.read(_RETRIER)
    return Retrier(full_jitter=values.pop("jitter_strategy", False), **values)


def _read_catcher(node: JsonNode) -> Catcher:
    node.allow({*_CATCHER, "Comment"})
    node.require("Next")
    return Catcher(**node.read(_CATCHER))


_RETRIER: Mapping[str, Callable[[JsonNode], Any]] = {
    "ErrorEquals": _error_names,
    "IntervalSeconds": lambda node: node.integer(1, SECONDS_MAX),
    "MaxAttempts": lambda node: node.integer(0, SECONDS_MAX),
    "BackoffRate": lambda node: node.number(1.0),
    "MaxDelaySeconds": lambda node: node.integer(1, 31_622_400),
    "JitterStrategy": _is_full,
}
_CATCHER: Mapping[str, Callable[[JsonNode], Any]] = {
    "ErrorEquals": _error_names,
    "Next": JsonNode.text,
    "ResultPath": nullable(JsonNode.reference_path),
}
