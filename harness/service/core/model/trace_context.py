"""
The W3C trace context: the position of a span in its trace, as it travels from one process to the next.

Source:
    W3C Trace Context, §3.2: ``version-traceid-parentid-flags`` in lower-case hex.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Self

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
