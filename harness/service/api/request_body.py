"""Request bodies: limited in size, and strictly JSON."""

from typing import Any

from fastapi import Request
from pydantic_core import from_json
from starlette.datastructures import Headers

from harness.service.core.errors import FieldError, ManifestInvalid

BODY_LIMIT = 1024 * 1024
"""
Largest accepted body [bytes]. A request with sixty files has less than a tenth of it, and a payload of Step
Functions at most 256 KiB.
"""


class BodyTooLarge(Exception):
    """The body is larger than `BODY_LIMIT`."""


class BoundedRequest(Request):
    """
    A request whose body is read up to `BODY_LIMIT`, and whose JSON must conform to RFC 8259: no NaN, no
    lone surrogates, and a limited depth.
    """

    async def body(self) -> bytes:
        """
        Return the body.

        Raises:
            BodyTooLarge: The body, or its Content-Length, is larger than `BODY_LIMIT`.
        """
        if not hasattr(self, "_body"):
            self._body = await self._read()
        return self._body

    async def json(self) -> Any:  # any JSON value
        """
        Return the parsed body.

        Raises:
            ManifestInvalid: The body is not JSON.
        """
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json

    async def _read(self) -> bytes:
        length = self.headers.get("content-length", "")
        if length.isdigit() and int(length[:20]) > BODY_LIMIT:
            raise BodyTooLarge
        body = bytearray()
        async for chunk in self.stream():
            body += chunk
            if len(body) > BODY_LIMIT:
                raise BodyTooLarge
        return bytes(body)


def must_be_json(headers: Headers) -> None:
    """
    Check the content type.

    Raises:
        ManifestInvalid: It is missing or not ``application/json``.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise _invalid(f"must have the content type application/json, not {content_type or 'none'}")


def read_json(body: bytes) -> Any:  # any JSON value
    """
    Parse a body.

    Raises:
        ManifestInvalid: The body is not JSON.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _invalid(f"is not JSON: {error}") from None


def _invalid(message: str) -> ManifestInvalid:
    return ManifestInvalid("The request body cannot be read.", [FieldError("body", message)])
