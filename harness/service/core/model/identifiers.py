"""
Names for the things the service talks about, so that they cannot be mixed up.
"""

from typing import NewType

ListingId = NewType("ListingId", int)
UserId = NewType("UserId", int)
BatchId = NewType("BatchId", str)
"""UUID in text form: what clients see and object keys carry."""
JobId = NewType("JobId", int)
