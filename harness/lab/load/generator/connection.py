"""
One HTTP/1.1 connection to a server; one greenlet at a time uses it. Times are float seconds.

A load generator spends most of its time here, so a plain connection is the operating system's own socket and
a watcher of gevent's event loop: a third of the cost of gevent's socket, which is used for TLS.
"""

import socket as standard_socket
from abc import ABC, abstractmethod
from ipaddress import ip_address
from select import POLLIN, poll
from typing import BinaryIO

from gevent import get_hub, socket
from gevent.monkey import get_original
from gevent.socket import wait
from gevent.ssl import SSLContext

from harness.lab.load.generator.http_response import PIECE_BYTES, HttpResponse, ResponseReader

Body = bytes | BinaryIO
"""The body of a request; a file is sent whole."""

_READ, _WRITE = 1, 2

_SystemSocket: type[standard_socket.socket] = get_original("socket", "socket")
_poll: type[poll] = get_original("select", "poll")


class ConnectionClosed(OSError):
    """The server closed the connection without a response."""


class HttpConnection(ABC):
    """A connection. Its methods raise OSError when it fails, TimeoutError when the server takes too long."""

    def __init__(self, descriptor: int) -> None:
        self._unread = _poll()
        self._unread.register(descriptor, POLLIN)
        self._reader = ResponseReader()

    def exchange(self, head: bytes, body: Body | None, limit: int | None) -> HttpResponse:
        """
        Send one request and return the response.

        Args:
            limit: Longest body that is accepted [bytes]; None accepts any body and does not keep it.

        Raises:
            ConnectionClosed: The server closed the connection before the response began.
            HttpParserError: The response is not valid HTTP, or longer than accepted.
        """
        self._reader.begin(limit)
        self._send_request(head, body)
        self._receive_response()
        return self._reader.response()

    @property
    def is_reusable(self) -> bool:
        """Whether the server left the connection open after the last response."""
        return self._reader.keeps_alive

    def is_silent(self) -> bool:
        """Return whether there is nothing to read: between requests, anything to read means it was closed."""
        return not self._unread.poll(0)

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _send(self, data: bytes) -> None: ...

    @abstractmethod
    def _receive(self) -> bytes:
        """Return the bytes that come next; none when the server has closed the connection."""

    def _send_request(self, head: bytes, body: Body | None) -> None:
        try:
            if body is None or isinstance(body, bytes):
                self._send(head + body if body else head)
            else:
                self._send(head)
                while piece := body.read(PIECE_BYTES):
                    self._send(piece)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a large body may respond and close without reading it; we read why.
            pass

    def _receive_response(self) -> None:
        reader = self._reader
        has_begun = False
        while not reader.is_complete:
            try:
                piece = self._receive()
            except ConnectionResetError:
                if has_begun:
                    raise
                piece = b""
            if piece:
                reader.feed(piece)
            elif has_begun:
                reader.close()
            else:
                raise ConnectionClosed("the connection was closed without a response")
            has_begun = True


def connect(address: tuple[str, int], timeout: float, tls: SSLContext | None) -> HttpConnection:
    """
    Return a new connection.

    Args:
        address: Host and port.
        timeout: How long to wait for the connection, and later for each piece sent or received.
        tls: Verifies the host's certificate; None for a connection without TLS.
    """
    # A name is looked up in a thread, each time: the servers behind it may change. An address need not be.
    if (family := _family(address[0])) is None:
        connected = socket.create_connection(address, timeout=timeout)
    else:
        connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family is not None:
            connected.settimeout(timeout)
            connected.connect(address)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            return _PlainConnection(connected, timeout)
        return _TlsConnection(tls.wrap_socket(connected, server_hostname=address[0]))
    except BaseException:
        connected.close()
        raise


def _family(host: str) -> socket.AddressFamily | None:
    """Return the family of a numerical address; None for a name."""
    try:
        return socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        return None


class _PlainConnection(HttpConnection):
    def __init__(self, connected: socket.socket, timeout: float) -> None:
        self._socket = _SystemSocket(fileno=connected.detach())
        super().__init__(self._socket.fileno())
        self._socket.setblocking(False)
        self._timeout = timeout
        loop = get_hub().loop
        self._readable = loop.io(self._socket.fileno(), _READ)
        self._writable = loop.io(self._socket.fileno(), _WRITE)

    def close(self) -> None:
        self._readable.close()
        self._writable.close()
        self._socket.close()

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                wait(self._writable, self._timeout)

    def _receive(self) -> bytes:
        while True:
            wait(self._readable, self._timeout)
            try:
                return self._socket.recv(PIECE_BYTES)
            except BlockingIOError:
                continue  # the socket was readable, but is no longer


class _TlsConnection(HttpConnection):
    def __init__(self, secured: standard_socket.socket) -> None:
        self._socket = secured
        super().__init__(secured.fileno())

    def close(self) -> None:
        self._socket.close()

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _receive(self) -> bytes:
        return self._socket.recv(PIECE_BYTES)
