"""The SHA-256 digest of a file, in the three formats that clients use."""

import base64
import binascii
import re
from dataclasses import dataclass

_HEX = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Sha256:
    """A SHA-256 digest; ``hex`` is lower case."""

    hex: str

    @classmethod
    def parse(cls, text: str) -> "Sha256":
        """Read ``sha256:<hex>``, hex or base64; raise ValueError for any other text or length."""
        bare = text.strip().removeprefix("sha256:")
        if _HEX.fullmatch(bare):
            return cls(bare.lower())
        try:
            digest = base64.b64decode(bare, validate=True)
        except (binascii.Error, ValueError):
            digest = b""
        if len(digest) != 32:
            raise ValueError("must be a SHA-256 digest as sha256:<hex>, hex or base64")
        return cls(digest.hex())

    @property
    def base64(self) -> str:
        """The format of ``x-amz-checksum-sha256`` in S3."""
        return base64.b64encode(bytes.fromhex(self.hex)).decode()
