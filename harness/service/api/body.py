"""
Reading request bodies: bounded, and JSON to the letter.
"""

from typing import Any

from fastapi import Request
from pydantic_core import from_json
from starlette.datastructures import Headers

from harness.service.core.errors import FieldError, ManifestInvalid

BODY_LIMIT = 1024 * 1024
"""
Largest body taken [bytes]: sixty files need less than a tenth; Step Functions payloads end at 256 KiB.
"""


class BodyTooLarge(Exception):
    """The body is larger than `BODY_LIMIT`."""


class BoundedRequest(Request):
    """
    A request whose body is read no further than `BODY_LIMIT`, and whose JSON is what RFC 8259 calls
    JSON: no NaN, no lone surrogates, no nesting without end.
    """

    async def body(self) -> bytes:
        """
        Raises:
            BodyTooLarge: As announced, or as found while reading.
        """
        if not hasattr(self, "_body"):
            self._body = await self._read()
        return self._body

    async def json(self) -> Any:  # what JSON gives
        """
        Raises:
            ManifestInvalid: The body is not JSON.
        """
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json

    async def _read(self) -> bytes:
        announced = self.headers.get("content-length", "")
        if announced.isdigit() and int(announced[:20]) > BODY_LIMIT:
            raise BodyTooLarge
        body = bytearray()
        async for chunk in self.stream():
            body += chunk
            if len(body) > BODY_LIMIT:
                raise BodyTooLarge
        return bytes(body)


def must_be_json(headers: Headers) -> None:
    """
    Raises:
        ManifestInvalid: The body is announced as something else, or not at all.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _invalid(f"must be sent as application/json, not {kind or 'without a content type'}")


def read_json(body: bytes) -> Any:  # what JSON gives
    """
    Raises:
        ManifestInvalid: The body is not JSON.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _invalid(f"is not JSON: {error}") from None


def _invalid(message: str) -> ManifestInvalid:
    return ManifestInvalid("The request body cannot be read.", [FieldError("body", message)])
