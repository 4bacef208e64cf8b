"""
How a loop that keeps promises treats many things in one go.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def one_by_one(things: Sequence[T], act: Callable[[T], int]) -> int:
    """
    Act on every thing, even if acting on some of them fails, and return the sum of what it returned.

    One message that trips over a defect must not take its innocent neighbours to the dead letters
    with it; the defect must be seen all the same.

    Raises:
        ExceptionGroup: Everything that was raised, after all things had their turn.
    """
    done = 0
    errors: list[Exception] = []
    for thing in things:
        try:
            done += act(thing)
        except Exception as error:  # noqa: BLE001 -- collected, and raised below
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} failed, {done} done", errors)
    return done
