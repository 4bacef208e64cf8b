"""
The signature of callbacks.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.core.errors import SignatureInvalid
from harness.service.core.model.callback_signature import sign, verify


class TestSignature:
    def test_known_answer(self):
        """
        Lower-case hex HMAC-SHA256 of the raw body, as `openssl dgst -sha256 -hmac` prints it.
        """
        signature = sign("key", b"The quick brown fox jumps over the lazy dog")

        assert signature == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"

    @given(st.text(min_size=1).filter(str.strip), st.binary())
    def test_own_signature_is_accepted(self, secret, body):
        """
        A body that is signed with the secret is accepted.
        """
        verify(secret, body, sign(secret, body))

    @pytest.mark.parametrize("signature", [None, "", "0" * 64, "secret", "ü" * 64])
    def test_missing_or_wrong_signature_is_refused(self, signature):
        """
        Any other signature is refused, with any characters.
        """
        with pytest.raises(SignatureInvalid):
            verify("secret", b"body", signature)

    @pytest.mark.parametrize("change", [str.upper, lambda s: f"sha256={s}", lambda s: s + " "])
    def test_other_spellings_are_refused(self, change):
        """
        Only lower-case hex without a prefix is accepted.
        """
        with pytest.raises(SignatureInvalid):
            verify("secret", b"body", change(sign("secret", b"body")))

    @pytest.mark.parametrize("secret", [None, "", "   "])
    def test_without_a_secret_everything_is_refused(self, secret):
        """
        Without a configured secret no callback is accepted, not even one that is signed with the empty
        secret.
        """
        with pytest.raises(SignatureInvalid):
            verify(secret, b"body", sign(secret or "", b"body"))
