"""
AWS signatures, version 4.

Source:
    AWS, "Create a signed AWS API request".
"""

import hashlib
import hmac
from functools import lru_cache

DATE_FORMAT = "%Y%m%dT%H%M%SZ"


def signature(secret: str, date: str, region: str, service: str, canonical_request: str) -> str:
    """Return the signature of a request, hexadecimal; *date* is in `DATE_FORMAT`."""
    day = date[:8]
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope(day, region, service)}\n{digest}"
    return hmac.new(_signing_key(secret, day, region, service), text.encode(), hashlib.sha256).hexdigest()


def scope(day: str, region: str, service: str) -> str:
    """Return the credential scope of the requests of one day to one service."""
    return f"{day}/{region}/{service}/aws4_request"


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
