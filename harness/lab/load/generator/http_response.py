"""The response to one HTTP request, parsed as it comes in."""

from collections.abc import Mapping
from typing import NamedTuple

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

PIECE_BYTES = 64 * 1024
"""At most this much is read or sent at once [bytes]."""

HEAD_LIMIT = 64 * 1024
"""Longest first line and headers that are accepted, interim responses included [bytes]."""


class HttpResponse(NamedTuple):
    """
    A complete response: header names in lower case, values of repeated headers joined by commas.

    Attributes:
        content: The body; empty if it was not to be kept.
        size: Length of the body [bytes].
    """

    status: int
    content: bytes
    headers: Mapping[str, str]
    size: int


class ResponseReader:
    """
    The responses that come over one connection, one after the other.

    The parser calls the methods whose names begin with ``on_``. It refers to its reader, so a reader lives as
    long as its connection: one for each request would leave a reference cycle behind for each request.

    Attributes:
        is_complete: Whether the whole response to the current request has been read.
        keeps_alive: Whether the server leaves the connection open after this response.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.begin(None)

    def begin(self, limit: int | None) -> None:
        """
        Expect the response to the next request.

        Args:
            limit: Longest body that is accepted [bytes]; None accepts any body and does not keep it.
        """
        self._limit = limit
        self._head_bytes = 0
        self._begin_response()

    def _begin_response(self) -> None:
        self.is_complete = self.keeps_alive = self._has_all_headers = False
        self._headers: dict[str, str] = {}
        self._content: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Parse the next bytes; raise HttpParserError if they are not one HTTP response, or too long."""
        if not self._has_all_headers:
            # A part of the body may be among them, so pieces must be smaller than the limit.
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT + PIECE_BYTES:
                raise HttpParserError(f"the headers are longer than {HEAD_LIMIT} bytes")
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            raise HttpParserError("the server switches to another protocol") from None
        except HttpParserCallbackError as error:
            # The parser keeps what one of our methods raised.
            raise HttpParserError(str(error.__context__ or error)) from None

    def close(self) -> None:
        """Note that the server closed the connection: a response without a length ends there."""
        is_chunked = "chunked" in self._headers.get("transfer-encoding", "").lower()
        has_end = is_chunked or "content-length" in self._headers
        if has_end or not self._has_all_headers:
            raise ConnectionError("the connection was closed in the middle of the response")
        self.is_complete = True

    def response(self) -> HttpResponse:
        return HttpResponse(
            self._parser.get_status_code(), b"".join(self._content), self._headers, self._size
        )

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise HttpParserError("more than one response to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.lower().decode("latin-1"), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._has_all_headers = True

    def on_body(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._limit is None:
            return
        if self._size > self._limit:
            raise HttpParserError(f"the body is longer than {self._limit} bytes")
        self._content.append(piece)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # interim, such as 100 Continue: the final response follows
            self._begin_response()
        else:
            self.is_complete = True
            # Only here: the parser forgets the headers that decide it before it returns.
            self.keeps_alive = self._parser.should_keep_alive()
