"""
What use cases do about errors: one item that fails must not prevent the processing of the other items, and a
transaction that a deadlock rolled back is tried once more.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from harness.service.core.errors import Deadlock

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

_ITEM_ENDED: ContextVar[Callable[[], None]] = ContextVar("item_ended", default=lambda: None)


@contextmanager
def each_item_reported(report: Callable[[], None]) -> Iterator[None]:
    """Call *report* in this block after each item of `isolate_errors`, also after a failed one."""
    token = _ITEM_ENDED.set(report)
    try:
        yield
    finally:
        _ITEM_ENDED.reset(token)


def isolate_errors(
    items: Sequence[T], process: Callable[[T], int], *, stop_at: tuple[type[Exception], ...] = ()
) -> int:
    """
    Return the sum of *process* over all items; raise all errors as a group after the last item.

    An error in *stop_at* concerns the remaining items too: it is raised at once.
    """
    total = 0
    errors: list[Exception] = []
    for item in items:
        try:
            total += process(item)
        except stop_at:
            raise
        except Exception as error:  # noqa: BLE001 -- collected, and raised below
            errors.append(error)
        _ITEM_ENDED.get()()
    if errors:
        raise ExceptionGroup(f"{len(errors)} failed, {total} done", errors)
    return total


def retry_after_deadlock(call: Callable[P, T]) -> Callable[P, T]:
    """
    Repeat *call* once if the database rolled its transaction back to resolve a deadlock.

    *call* writes in one transaction only, and has no other effect before its commit.
    """

    @wraps(call)
    def repeated(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return call(*arguments, **options)
        except Deadlock as error:
            log.warning("service.media.deadlock", extra={"error": str(error)})
        return call(*arguments, **options)

    return repeated
