"""
The W3C trace context of a request. One trace includes the client, the pipeline and its callback.

Source:
    W3C Trace Context, §3.2: ``version-traceid-parentid-flags`` in lower-case hex.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The span of a request in its trace."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    @classmethod
    def begin(cls) -> "TraceContext":
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def join(cls, headers: Sequence[str]) -> "TraceContext":
        """Return a new span, in a new trace unless *headers* is one valid header."""
        match = _TRACEPARENT.fullmatch(headers[0].strip()) if len(headers) == 1 else None
        if match is None:
            return cls.begin()
        version, trace_id, parent_id, flags, more = match.groups()
        malformed = version == "ff" or (version == "00" and more)
        if malformed or not int(trace_id, 16) or not int(parent_id, 16):
            return cls.begin()
        return cls(trace_id, secrets.token_hex(8), sampled=bool(int(flags, 16) & 1))
