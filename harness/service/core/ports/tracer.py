"""
Port: the spans of a trace. One trace leads from an HTTP request through the pipeline to its callback.

A process enters a trace with a *hop*, whose parent is a ``traceparent`` from another process. Every hop has
ids of its own, which log lines contain, even if nothing is recorded. The spans inside a hop exist only if the
hop is recorded, so they cost nothing otherwise.
"""

from abc import abstractmethod
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol


class SpanKind(StrEnum):
    """The kinds of OpenTelemetry."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    INTERNAL = "INTERNAL"


class Span(Protocol):
    """An open span."""

    @property
    @abstractmethod
    def traceparent(self) -> str:
        """The W3C ``traceparent`` that makes the next process a child of this span."""

    @abstractmethod
    def rename(self, name: str) -> None:
        """Replace the name, e.g. when the route of a request is known."""

    @abstractmethod
    def set(self, **attributes: object) -> None:
        """Add attributes; None is left out."""

    @abstractmethod
    def fail(self, error: Exception | str) -> None:
        """Set the status ERROR and record the exception, for an error that does not leave the block."""


class Tracer(Protocol):
    """An error that leaves the block of a span sets its status to ERROR, with the exception."""

    @abstractmethod
    def hop(
        self, name: str, *, parent: str | None, kind: SpanKind, **attributes: object
    ) -> AbstractContextManager[Span]:
        """Open the first span of this process below *parent*; in a new trace if that is not valid."""

    @abstractmethod
    def span(
        self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: object
    ) -> AbstractContextManager[None]:
        """Open a child of the current span; without effect if that is not recorded."""

    @abstractmethod
    def record(
        self,
        name: str,
        duration: float,
        *,
        error: BaseException | None = None,
        kind: SpanKind = SpanKind.CLIENT,
        **attributes: object,
    ) -> None:
        """Record a child of the current span that ends now, after *duration* [s], and has no children."""

    @abstractmethod
    def iteration(self, name: str) -> AbstractContextManager[None]:
        """
        Open a span of an iteration of a loop, the root of a trace of its own with links to the hops inside.

        An iteration without hops and without an error is not recorded: it did no work.
        """

    @abstractmethod
    def traceparent(self) -> str | None:
        """Return the ``traceparent`` of the current span, None outside of spans."""
