"""
Port: the spans of a trace. One trace leads from an HTTP request through the pipeline to its callback.

A process enters a trace with a *hop*, whose parent is a ``traceparent`` from another process. Every hop has
ids of its own, which log lines contain, even if nothing is recorded. The spans inside a hop exist only if the
hop is recorded, so they cost nothing otherwise.

Source:
    W3C Trace Context, §3.2: ``version-traceid-parentid-flags`` in lower-case hex.
"""

import re
import secrets
from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span of a trace; *sampled*: its spans are recorded."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    @classmethod
    def begin(cls, *, sampled: bool) -> Self:
        """Return the first span of a new trace."""
        return cls(secrets.token_hex(16), secrets.token_hex(8), sampled)

    def child(self) -> "TraceContext":
        """Return a new span in the same trace."""
        return TraceContext(self.trace_id, secrets.token_hex(8), self.sampled)

    @classmethod
    def parse(cls, traceparent: str | None) -> Self | None:
        """Read a ``traceparent``; None if it is missing or not valid: it must not break the trace."""
        match = _TRACEPARENT.fullmatch((traceparent or "").strip())
        if match is None:
            return None
        version, trace_id, span_id, flags, more = match.groups()
        malformed = version == "ff" or (version == "00" and more)
        if malformed or not int(trace_id, 16) or not int(span_id, 16):
            return None
        return cls(trace_id, span_id, sampled=bool(int(flags, 16) & 1))


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
