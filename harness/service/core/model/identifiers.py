"""Types of the ids, so that the type checker tells them apart, and their limits."""

from typing import NewType

ListingId = NewType("ListingId", int)
UserId = NewType("UserId", int)
BatchId = NewType("BatchId", str)
"""UUID as text; clients and object keys contain it."""
JobId = NewType("JobId", int)

MAX_ID = 2**63 - 1
"""The largest numeric id: the database stores signed 64-bit integers."""
LARGEST_INTEGER = 2**53 - 1
"""The largest integer that is exact in every JSON document (RFC 8259, section 6)."""


def parse_id(text: str) -> int | None:
    """Return the id in *text*, its ASCII digits; None if it is something else or larger than `MAX_ID`."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))):
        return None
    return number if (number := int(text)) <= MAX_ID else None
