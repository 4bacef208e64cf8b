"""Errors that the simulated platform makes by itself, so that a calibration leaves them out."""

REFUSALS = ("TooManyRequests", "Throttl", "Capacity.Exceeded")
"""Parts of the names of errors with which an attempt is refused before its work begins."""

TIME_OUTS = ("States.Timeout", "States.HeartbeatTimeout")


def is_emergent(error: str) -> bool:
    """Return whether an error is a refusal or a time-out."""
    return any(part in error for part in (*REFUSALS, *TIME_OUTS))
