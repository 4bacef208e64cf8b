"""
The three formats of SHA-256 digests.
"""

import pytest

from harness.service.core.model.checksum import Sha256

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class TestSha256:
    @pytest.mark.parametrize(
        "text",
        [
            EMPTY,
            EMPTY.upper(),
            f"sha256:{EMPTY}",
            f" {EMPTY} ",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ],
    )
    def test_three_spellings_are_one_digest(self, text):
        """
        Prefixed hex, hex and base64 give the same digest.
        """
        assert Sha256.parse(text) == Sha256(EMPTY)

    def test_s3_wants_base64(self):
        """
        The header of S3 has the digest in base64.
        """
        assert Sha256(EMPTY).base64 == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

    @pytest.mark.parametrize("text", ["", "sha256:", EMPTY[:-1], EMPTY + "0", "47DE", "z" * 64, "md5:abc"])
    def test_anything_else_is_refused(self, text):
        """
        Another format or length is not a SHA-256 digest.
        """
        with pytest.raises(ValueError, match="SHA-256"):
            Sha256.parse(text)
