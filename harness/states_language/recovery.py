"""
Retry and Catch: how a state reacts to errors. Times are seconds.
"""

import math
from dataclasses import dataclass

from harness.states_language.json_node import JsonNode

_SECONDS_MAX = 99_999_999
_DELAY_MAX = 31_622_400
_DOUBLINGS_MAX = 32

CENTURY = 36_525 * 86_400
"""Upper limit of every pause, wait and time-out [s]; AWS ends an execution long before."""


def _matches(error_equals: tuple[str, ...], error: str) -> bool:
    """
    Return whether a retrier or catcher handles an error.

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

    def matches(self, error: str) -> bool:
        """Return whether this retrier handles *error*."""
        return _matches(self.error_equals, error)

    def delay(self, retry: int) -> float:
        """
        Return the seconds before the *retry*-th retry (from 1).

        With ``full_jitter`` this is the longest delay: the real one is uniform between 0 and it. It is never
        longer than ``max_delay_seconds`` or a `CENTURY`.
        """
        longest = self.max_delay_seconds or CENTURY
        # 2**32 seconds are more than a century, and the power itself may be more than a float holds.
        if (retry - 1) * math.log2(self.backoff_rate) >= _DOUBLINGS_MAX:
            return longest
        return min(self.interval_seconds * self.backoff_rate ** (retry - 1), longest)


@dataclass(frozen=True, slots=True)
class Catcher:
    """One entry of ``Catch``: where to go after the retries; ``result_path`` None drops the error output."""

    error_equals: tuple[str, ...]
    next: str
    result_path: str | None = "$"

    def matches(self, error: str) -> bool:
        """Return whether this catcher handles *error*."""
        return _matches(self.error_equals, error)


def read_retry(state: JsonNode, unsupported: dict[str, str]) -> tuple[Retrier, ...]:
    """
    Read ``Retry`` of a state, in order; empty without one.

    Raises:
        ValueError: It breaks a rule of the language; the message begins with the JSON path.
    """
    return tuple(_read_retrier(entry, unsupported) for entry in _entries(state, "Retry"))


def read_catch(state: JsonNode, unsupported: dict[str, str]) -> tuple[Catcher, ...]:
    """
    Read ``Catch`` of a state, in order; empty without one.

    Raises:
        ValueError: It breaks a rule of the language; the message begins with the JSON path.
    """
    return tuple(_read_catcher(entry, unsupported) for entry in _entries(state, "Catch"))


def _entries(state: JsonNode, key: str) -> list[JsonNode]:
    """Return the retriers or catchers; ``States.ALL`` must stand alone, in the last one."""
    if (listed := state.get(key)) is None or listed.value == []:
        return []
    entries = list(listed.items())
    for entry in entries:
        names = entry.require("ErrorEquals")
        texts = [name.text() for name in names.items()]
        if "States.ALL" in texts and (len(texts) > 1 or entry is not entries[-1]):
            raise names.wrong("States.ALL must stand alone, in the last entry")
    return entries


def _read_retrier(node: JsonNode, unsupported: dict[str, str]) -> Retrier:
    allowed = {
        "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy",
        "Comment",
    }  # fmt: skip
    node.allow(allowed, unsupported)
    fields = node.fields()
    error_equals = _error_equals(node)
    return Retrier(
        error_equals=error_equals,
        interval_seconds=fields["IntervalSeconds"].integer(1, _SECONDS_MAX)
        if "IntervalSeconds" in fields
        else 1,
        max_attempts=fields["MaxAttempts"].integer(0, _SECONDS_MAX) if "MaxAttempts" in fields else 3,
        backoff_rate=fields["BackoffRate"].number(1.0) if "BackoffRate" in fields else 2.0,
        max_delay_seconds=(
            fields["MaxDelaySeconds"].integer(1, _DELAY_MAX) if "MaxDelaySeconds" in fields else None
        ),
        full_jitter=_full_jitter(fields["JitterStrategy"]) if "JitterStrategy" in fields else False,
    )


def _full_jitter(node: JsonNode) -> bool:
    if node.text() not in ("FULL", "NONE"):
        raise node.wrong(f"must be FULL or NONE, not {node.text()!r}")
    return node.text() == "FULL"


def _read_catcher(node: JsonNode, unsupported: dict[str, str]) -> Catcher:
    node.allow({"ErrorEquals", "Next", "ResultPath", "Comment"}, unsupported)
    return Catcher(_error_equals(node), node.require("Next").text(), node.result_path())


def _error_equals(node: JsonNode) -> tuple[str, ...]:
    return tuple(name.text() for name in node.require("ErrorEquals").items())
