"""Request bodies: limited in size, and strictly JSON."""

from typing import Any

from fastapi import Request
from pydantic_core import from_json
from starlette.datastructures import Headers

from harness.service.core.errors import FieldError, ManifestInvalid

BODY_LIMIT = 1024 * 1024
"""Largest body [bytes]. Sixty files need a tenth of it; a payload of Step Functions has at most 256 KiB."""


class BodyTooLarge(Exception):
    """The body is larger than `BODY_LIMIT`."""


class BoundedRequest(Request):
    """A request with a limited body of strict JSON (RFC 8259): no NaN, no lone surrogates, limited depth."""

    async def body(self) -> bytes:
        """Return the body, or raise `BodyTooLarge`, also for a Content-Length above `BODY_LIMIT`."""
        if not hasattr(self, "_body"):
            self._body = await self._read()
        return self._body

    async def json(self) -> Any:  # any JSON value
        """Return the parsed body, or raise `ManifestInvalid`."""
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                # Values differ from request to request: a cache of them would only keep them.
                self._json = from_json(body, allow_inf_nan=False, cache_strings="keys")
            except ValueError as error:
                raise _invalid(f"is not JSON: {error}") from None
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
    """Raise `ManifestInvalid` unless the content type is ``application/json``."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise _invalid(f"must have the content type application/json, not {content_type or 'none'}")


def _invalid(message: str) -> ManifestInvalid:
    return ManifestInvalid("The request body cannot be read.", [FieldError("body", message)])
