"""The decorator of the adapters: every call to a vendor is timed, counted, and recorded as a span."""

import functools
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from harness.service.core.ports.tracer import Tracer

Adapter = TypeVar("Adapter")
LOCAL_OPERATIONS = frozenset({"sign_upload", "sign_download"})
"""Operations that send nothing."""


class ObserveCall(Protocol):
    """Callback for every call, with its service, its operation and its duration [s]."""

    def __call__(self, service: str, operation: str, duration: float, *, failed: bool) -> None: ...


def instrumented(adapter: Adapter, service: str, tracer: Tracer, observe: ObserveCall) -> Adapter:
    """Return *adapter* with all its operations timed, counted and traced as operations of *service*."""
    return cast(Adapter, InstrumentedAdapter(adapter, service, tracer, observe))


class InstrumentedAdapter:
    """Passes every operation on to the adapter."""

    def __init__(self, adapter: object, service: str, tracer: Tracer, observe: ObserveCall) -> None:
        self._adapter = adapter
        self._service = service
        self._tracer = tracer
        self._observe = observe

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        if not callable(found) or name in LOCAL_OPERATIONS:
            return found
        timed = self._timed(name, found)
        # The next call finds the attribute itself.
        setattr(self, name, timed)
        return timed

    def _timed(self, operation: str, call: Callable[..., Any]) -> Callable[..., Any]:
        span = f"{self._service} {operation}"

        @functools.wraps(call)
        def timed(*args: Any, **options: Any) -> Any:
            started = time.perf_counter()
            error: BaseException | None = None
            try:
                return call(*args, **options)
            except BaseException as raised:
                error = raised
                raise
            finally:
                duration = time.perf_counter() - started
                self._observe(self._service, operation, duration, failed=error is not None)
                self._tracer.record(span, duration, error=error)

        return timed
