"""The bearer token of a request, and its user."""

from dataclasses import dataclass

import jwt

from harness.service.core.model.identifiers import UserId, parse_id


class Unauthenticated(Exception):
    """The bearer token is missing or not valid."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    The rules of valid tokens: signing key, issuer and audience.

    A token contains only the user (``sub``, the user id). The privileges are in the database, so that the
    removal of a privilege has effect at once.
    """

    key: str
    issuer: str
    audience: str

    def user_of(self, authorization: str | None) -> UserId:
        """Return the user of ``Authorization: Bearer <token>``, or raise `Unauthenticated`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("The request has no bearer token.")
        try:
            claims = jwt.decode(
                token.strip(),
                self.key,
                algorithms=["HS256"],
                issuer=self.issuer,
                audience=self.audience,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.") from None
        except jwt.InvalidTokenError:
            raise Unauthenticated("The token is not valid.") from None
        user_id = parse_id(claims["sub"])
        if not user_id:
            raise Unauthenticated("The subject of the token is not a user id.")
        return UserId(user_id)
