"""
Who is asking: the bearer token of a request.
"""

from dataclasses import dataclass

import jwt

from harness.service.core.model.identifiers import UserId

ALGORITHM = "HS256"
_LAST_ID = 2**63 - 1


class Unauthenticated(Exception):
    """No token, or one we do not believe."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    Reads tokens signed with our key, for us, by our issuer, and not expired.

    A token says only who the caller is (``sub``, the user's number); what he may do is in the database,
    so that a privilege taken away is gone at once.
    """

    key: str
    issuer: str
    audience: str

    def user_of(self, authorization: str | None) -> UserId:
        """
        Return the user named in the header ``Authorization: Bearer <token>``.

        Raises:
            Unauthenticated: There is none, or it does not hold.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("Send a bearer token.")
        try:
            claims = jwt.decode(
                token.strip(),
                self.key,
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                audience=self.audience,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.") from None
        except jwt.InvalidTokenError:
            raise Unauthenticated("The token is not valid.") from None
        return _user(claims["sub"])


def _user(subject: str) -> UserId:
    if not (subject.isascii() and subject.isdigit() and len(subject) < 20 and 0 < int(subject) <= _LAST_ID):
        raise Unauthenticated("The token names no user.")
    return UserId(int(subject))
