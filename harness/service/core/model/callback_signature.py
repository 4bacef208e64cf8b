"""The signature of a callback: lower-case hex HMAC-SHA256 of the raw body."""

import hashlib
import hmac

from harness.service.core.errors import SignatureInvalid


def sign(secret: str, body: bytes) -> str:
    """Return the value of ``X-Toq-Signature`` for *body*."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(secret: str | None, body: bytes, signature: str | None) -> None:
    """Raise `SignatureInvalid` unless *signature* is the signature of *body*, in constant time."""
    if not secret or not secret.strip():
        raise SignatureInvalid("No callback secret is configured, so every callback is refused.")
    # Bytes: compare_digest raises TypeError for text outside ASCII, and a header may contain such text.
    if not hmac.compare_digest(sign(secret, body).encode(), (signature or "").encode()):
        raise SignatureInvalid("The callback signature is missing or wrong.")
