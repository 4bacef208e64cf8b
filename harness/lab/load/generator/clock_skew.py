"""
The clock difference between two machines, as far as two messages show it. Times are epoch seconds.
"""

SKEW_LIMIT_S = 0.05
"""A worker whose clock is wrong starts its arrivals early or late by the same time."""


def minimum_skew(sent_at: float, received_at: float, answered_at: float, answer_at: float) -> float:
    """
    Return the smallest difference of the other clock that explains the times; positive: it is ahead.

    A message may take any time on a busy machine, but not a negative one: if it seems to arrive before it was
    sent, the clocks differ. These are the bounds of NTP (RFC 5905, section 8), without their midpoint.

    Args:
        sent_at, answer_at: When the message was sent and its answer received, by our clock.
        received_at, answered_at: When the message was received and answered, by the other clock.
    """
    at_least, at_most = answered_at - answer_at, received_at - sent_at
    return max(at_least, 0.0) + min(at_most, 0.0)
