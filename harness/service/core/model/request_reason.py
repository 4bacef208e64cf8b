"""The reason that a user gives for a retry or a deletion."""

from harness.service.core.errors import FieldError, Invalid

REASON_LENGTH = 500


def checked_reason(text: str) -> str:
    """Return the reason without surrounding spaces; raise `Invalid` if it is missing or too long."""
    reason = text.strip()
    if not 1 <= len(reason) <= REASON_LENGTH:
        error = FieldError("reason", f"must be 1 to {REASON_LENGTH} characters")
        raise Invalid("The reason is missing or too long.", [error])
    return reason
