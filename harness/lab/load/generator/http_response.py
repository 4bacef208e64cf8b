"""
What came back for one request, read from the connection as it comes in.
"""

from collections.abc import Mapping
from typing import NamedTuple

from geventhttpclient._parser import HTTPParseError, HTTPResponseParser


class HttpResponse(NamedTuple):
    """What came back; names of headers in small letters, values of repeated ones joined by commas."""

    status: int
    content: bytes
    headers: Mapping[str, str]


class ResponseReader(HTTPResponseParser):
    """
    One answer, being read.

    The parser calls what begins with ``_on_``, with pieces as small as they came.

    Attributes:
        is_whole: Whether everything has been read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_whole = False
        self._fields: list[list[str]] = []
        self._is_value = True
        self._content: list[bytes] = []

    def take(self) -> HttpResponse:
        """Return what was read."""
        headers: dict[str, str] = {}
        for name, value in self._fields:
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        return HttpResponse(self.get_code(), b"".join(self._content), headers)

    def _on_message_begin(self) -> None:
        if self.is_whole:
            raise HTTPParseError("more than one answer to one request")

    def _on_status(self, text: str) -> None:
        """Do without the reason phrase."""

    def _on_header_field(self, text: str) -> None:
        if self._is_value:
            self._is_value = False
            self._fields.append([text, ""])
        else:
            self._fields[-1][0] += text

    def _on_header_value(self, text: str) -> None:
        self._is_value = True
        self._fields[-1][1] += text

    def _on_headers_complete(self) -> bool:
        self._is_value = True
        return False

    def _on_body(self, piece: bytearray) -> None:
        self._content.append(bytes(piece))

    def _on_message_complete(self) -> None:
        if self.get_code() < 200:  # a word in between: the answer follows
            self._fields.clear()
        else:
            self.is_whole = True
