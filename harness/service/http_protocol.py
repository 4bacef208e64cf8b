"""
HTTP/1.1 of uvicorn with limits for clients that send slowly, or nothing. Times in seconds, sizes in bytes.

uvicorn itself has a time-out only for idle connections after a response.
"""

import json
from asyncio import BaseTransport, TimerHandle
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SEPARATORS = 4
"""Colon, space and the end of a line."""


class HeadTooLarge(Exception):
    """The head of a request is too large: the parser stops."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """
    One connection.

    Attributes:
        HEAD_TIMEOUT: From the start of the connection, or of a later request, to the end of the head.
        BODY_TIMEOUT: From the end of the head to the end of the body.
        HEAD_LIMIT: Request line and headers.
        CONNECTIONS: More are refused with 503.
    """

    HEAD_TIMEOUT = 10.0
    BODY_TIMEOUT = 60.0
    HEAD_LIMIT = 64 * 1024
    CONNECTIONS = 800

    _timer: TimerHandle | None = None
    _head_bytes = 0
    _parsed_bytes = 0
    _in_head = True

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self.CONNECTIONS:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The server has too many connections.")
        else:
            self._start_timer(self.HEAD_TIMEOUT)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._timer is None and (self.cycle is None or self.cycle.response_complete):
                self._start_timer(self.HEAD_TIMEOUT)
        if not self.transport.is_closing():
            super().data_received(data)
        if self._in_head and self._head_bytes > self.HEAD_LIMIT:
            self._refuse_head()

    def on_url(self, url: bytes) -> None:
        self._count_in_head(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_in_head(name, value)
        super().on_header(name, value)

    def _count_in_head(self, *parts: bytes) -> None:
        """Refuse a head that is too large, though all of it has arrived at once."""
        self._parsed_bytes += sum(map(len, parts)) + SEPARATORS
        if self._parsed_bytes > self.HEAD_LIMIT:
            self._refuse_head()
            raise HeadTooLarge

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def on_headers_complete(self) -> None:
        self._in_head, self._parsed_bytes = False, 0
        self._start_timer(self.BODY_TIMEOUT)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._stop_timer()
        super().on_message_complete()

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._time_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        self._timer = None
        if self._in_head and not self._head_bytes:
            self.transport.close()  # A connection without a request expects no response.
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.")

    def _refuse_head(self) -> None:
        message = f"The head of the request is larger than {self.HEAD_LIMIT} bytes."
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Close the connection, with a response unless one has begun."""
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self._in_head or not self.cycle.response_started:
            self.transport.write(_response(status, message))
        self.transport.close()


def _response(status: HTTPStatus, message: str) -> bytes:
    body = json.dumps({"code": status.value, "message": message, "details": None})
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        *(["retry-after: 1"] if status is HTTPStatus.SERVICE_UNAVAILABLE else []),
    ]
    return "\r\n".join([*head, "", body]).encode()
