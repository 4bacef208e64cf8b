"""Error isolation: one item that fails must not prevent the processing of the other items."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def isolate_errors(items: Sequence[T], process: Callable[[T], int]) -> int:
    """Return the sum of *process* over all items; raise all errors as a group after the last item."""
    total = 0
    errors: list[Exception] = []
    for item in items:
        try:
            total += process(item)
        except Exception as error:  # noqa: BLE001 -- collected, and raised below
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} failed, {total} done", errors)
    return total
