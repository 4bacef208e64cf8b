"""
The signature of the pipeline's callback: lower-case hex HMAC-SHA256 of the raw body.
"""

import hashlib
import hmac

from harness.service.core.errors import SignatureInvalid


def sign(secret: str, body: bytes) -> str:
    """Return the value of ``X-Toq-Signature`` for *body*."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(secret: str | None, body: bytes, signature: str | None) -> None:
    """
    Accept a body signed with our secret, in constant time.

    Raises:
        SignatureInvalid: The signature is missing or wrong, or no secret is configured:
            a service that cannot check must not believe.
    """
    if not secret or not secret.strip():
        raise SignatureInvalid("No callback secret is configured: every callback is refused.")
    # Bytes, because comparing text raises on anything outside ASCII, which a header may hold.
    if not hmac.compare_digest(sign(secret, body).encode(), (signature or "").encode()):
        raise SignatureInvalid("The callback signature is missing or wrong.")
