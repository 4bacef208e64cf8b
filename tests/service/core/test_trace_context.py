"""
The W3C trace context.
"""

import pytest

from harness.service.core.ports.tracer import TraceContext

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


def test_a_child_is_another_span_of_the_trace():
    """
    The trace continues with a new span.
    """
    parent = TraceContext.parse(TRACEPARENT)

    child = parent.child()

    assert parent.traceparent == TRACEPARENT
    assert child.span_id != parent.span_id
    assert child.traceparent == f"00-{TRACE_ID}-{child.span_id}-01"


def test_an_unsampled_trace_stays_unsampled():
    """
    The decision of the caller is kept.
    """
    assert TraceContext.parse(f"{TRACEPARENT[:-2]}00").child().traceparent.endswith("-00")


def test_a_future_version_is_understood():
    """
    Later versions may append fields only.
    """
    assert TraceContext.parse(f"cc-{TRACE_ID}-b7ad6b7169203331-01-what-the-future").trace_id == TRACE_ID


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        TRACEPARENT.upper(),
        f"ff-{TRACE_ID}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"{TRACEPARENT}-more",
        "nonsense",
    ],
)
def test_anything_else_is_no_context(text):
    """
    An invalid text must not break the trace.
    """
    assert TraceContext.parse(text) is None
