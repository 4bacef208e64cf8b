"""The second attempt of a use case after a deadlock."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from harness.service.core.errors import Deadlock

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


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
