"""
How far the clock of another machine is off, as far as two messages can tell. Times are epoch seconds.
"""

SKEW_LIMIT_S = 0.05
"""Arrivals of a worker whose clock is off come that much too early or too late."""


def certain_skew(asked_at: float, heard_at: float, answered_at: float, received_at: float) -> float:
    """
    Return by how much the other clock is off at the least; positive: it is ahead.

    A message may take long on a busy machine, but never less than no time: what comes before it was sent, by
    the clocks, shows that they differ. These are the bounds of NTP (RFC 5905, section 8) without its middle.

    Args:
        asked_at, received_at: When the question left and the answer came, by our clock.
        heard_at, answered_at: When the question came and the answer left, by the other.
    """
    at_least, at_most = answered_at - received_at, heard_at - asked_at
    return max(at_least, 0.0) + min(at_most, 0.0)
