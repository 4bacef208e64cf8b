"""
What a state does about errors: Retry and Catch. Times are seconds.
"""

import math
from dataclasses import dataclass

from harness.states_language.json_node import JsonNode

_LONGEST = 99_999_999
_LONGEST_DELAY = 31_622_400
_UNCAUGHT = frozenset({"States.Runtime", "States.DataLimitExceeded"})
_DOUBLINGS = 32

CENTURY = 36_525 * 86_400
"""No pause, wait or time-out is longer [s]; AWS ends executions long before."""


@dataclass(frozen=True, slots=True)
class Retrier:
    """When and how often to try a state again."""

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    full_jitter: bool = False

    def matches(self, error: str) -> bool:
        """
        Tell whether this retrier answers *error*.

        ``States.ALL`` is any error but the two that end an execution at once; ``States.TaskFailed``
        is any of those but ``States.Timeout``.
        """
        return _matches(self.error_equals, error)

    def delay(self, retry: int) -> float:
        """
        Return the seconds before the *retry*-th retry (from 1).

        With ``full_jitter`` this is the longest delay: the real one is uniform between 0 and it. It is
        never more than ``max_delay_seconds``, nor than a `CENTURY`.
        """
        longest = self.max_delay_seconds or CENTURY
        # 2**32 seconds are more than a century, and the power itself may be more than a float holds.
        if (retry - 1) * math.log2(self.backoff_rate) >= _DOUBLINGS:
            return longest
        return min(self.interval_seconds * self.backoff_rate ** (retry - 1), longest)


@dataclass(frozen=True, slots=True)
class Catcher:
    """Where to go when retrying did not help; ``result_path`` None drops the error's description."""

    error_equals: tuple[str, ...]
    next: str
    result_path: str | None = "$"

    def matches(self, error: str) -> bool:
        """Tell whether this catcher answers *error*, by the rules of `Retrier.matches`."""
        return _matches(self.error_equals, error)


def _matches(error_equals: tuple[str, ...], error: str) -> bool:
    if error in error_equals:
        return True
    if error in _UNCAUGHT:
        return False
    return "States.ALL" in error_equals or ("States.TaskFailed" in error_equals and error != "States.Timeout")


def read_retry(state: JsonNode, unsupported: dict[str, str]) -> tuple[Retrier, ...]:
    """
    Read ``Retry`` of a state, in order; empty without one.

    Raises:
        ValueError: It breaks a rule of the language; the message begins with the JSON path.
    """
    entries = _entries(state, "Retry")
    return tuple(_read_retrier(entry, unsupported) for entry in entries)


def read_catch(state: JsonNode, unsupported: dict[str, str]) -> tuple[Catcher, ...]:
    """
    Read ``Catch`` of a state, in order; empty without one.

    Raises:
        ValueError: It breaks a rule of the language; the message begins with the JSON path.
    """
    entries = _entries(state, "Catch")
    return tuple(_read_catcher(entry, unsupported) for entry in entries)


def _entries(state: JsonNode, key: str) -> list[JsonNode]:
    """Return the retriers or catchers; ``States.ALL`` stands alone and last among them."""
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
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
        "Comment",
    }
    node.allow(allowed, unsupported)
    fields = node.fields()
    default = Retrier(_error_equals(node))
    interval = fields["IntervalSeconds"].integer(1, _LONGEST) if "IntervalSeconds" in fields else 1
    return Retrier(
        error_equals=default.error_equals,
        interval_seconds=interval,
        max_attempts=fields["MaxAttempts"].integer(0, _LONGEST) if "MaxAttempts" in fields else 3,
        backoff_rate=fields["BackoffRate"].number(1.0) if "BackoffRate" in fields else 2.0,
        max_delay_seconds=(
            fields["MaxDelaySeconds"].integer(1, _LONGEST_DELAY) if "MaxDelaySeconds" in fields else None
        ),
        full_jitter=_jitters(fields["JitterStrategy"]) if "JitterStrategy" in fields else False,
    )


def _jitters(node: JsonNode) -> bool:
    if node.text() not in ("FULL", "NONE"):
        raise node.wrong(f"must be FULL or NONE, not {node.text()!r}")
    return node.text() == "FULL"


def _read_catcher(node: JsonNode, unsupported: dict[str, str]) -> Catcher:
    node.allow({"ErrorEquals", "Next", "ResultPath", "Comment"}, unsupported)
    path = node.get("ResultPath")
    result_path = "$" if path is None else None if path.value is None else path.reference_path()
    return Catcher(_error_equals(node), node.require("Next").text(), result_path)


def _error_equals(node: JsonNode) -> tuple[str, ...]:
    return tuple(name.text() for name in node.require("ErrorEquals").items())
