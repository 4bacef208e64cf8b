"""
One connection to a server, of a greenlet that waits for it alone. Times are float seconds.

A load generator spends most of its time here, so a plain connection is the operating system's own socket and
a watcher of gevent's event loop: a third of the cost of gevent's socket, which is used for TLS.
"""

from ipaddress import ip_address
from select import POLLIN, poll
from typing import Protocol

from gevent import get_hub, socket
from gevent.monkey import get_original
from gevent.socket import wait
from gevent.ssl import SSLContext

PIECE = 64 * 1024

_READ, _WRITE = 1, 2

_System = get_original("socket", "socket")
_poll: type[poll] = get_original("select", "poll")


class Connection(Protocol):
    """Everything here raises OSError when the connection fails, TimeoutError when it takes too long."""

    def send(self, data: bytes) -> None:
        """Send all of it."""

    def receive(self) -> bytes:
        """Return the next piece that comes; nothing when the other side has closed."""

    def is_silent(self) -> bool:
        """Tell whether there is nothing to read: where nothing was asked, that is the end, or not clean."""

    def close(self) -> None: ...


def connect(address: tuple[str, int], timeout: float, tls: SSLContext | None) -> Connection:
    """
    Return a new connection.

    Args:
        address: Host and port.
        timeout: How long to wait for the connection, and later for each piece sent or received.
        tls: How the host is made to prove itself, if it must.
    """
    connected = _connected(address, timeout)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            return _Secured(connected, tls, address[0])
    except BaseException:
        connected.close()
        raise
    return _Plain(connected, timeout)


def _connected(address: tuple[str, int], timeout: float) -> socket.socket:
    try:
        # A name is looked up in a thread, each time: servers behind it may change. A number need not be.
        family = socket.AF_INET6 if ip_address(address[0]).version == 6 else socket.AF_INET
    except ValueError:
        return socket.create_connection(address, timeout=timeout)
    connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        connected.connect(address)
    except BaseException:
        connected.close()
        raise
    return connected


class _Plain:
    def __init__(self, connected: socket.socket, timeout: float) -> None:
        self._socket = _System(fileno=connected.detach())
        self._socket.setblocking(False)
        self._timeout = timeout
        loop = get_hub().loop
        self._readable = loop.io(self._socket.fileno(), _READ)
        self._writable = loop.io(self._socket.fileno(), _WRITE)
        self._unasked = _readiness(self._socket.fileno())

    def send(self, data: bytes) -> None:
        left = memoryview(data)
        while len(left := left[self._send(left) :]):
            wait(self._writable, self._timeout)

    def _send(self, data: memoryview) -> int:
        try:
            sent: int = self._socket.send(data)
        except BlockingIOError:
            return 0
        return sent

    def receive(self) -> bytes:
        while True:
            wait(self._readable, self._timeout)
            try:
                piece: bytes = self._socket.recv(PIECE)
            except BlockingIOError:
                continue  # the news was of something that has gone again
            return piece

    def is_silent(self) -> bool:
        return not self._unasked.poll(0)

    def close(self) -> None:
        self._readable.close()
        self._writable.close()
        self._socket.close()


class _Secured:
    def __init__(self, connected: socket.socket, tls: SSLContext, name: str) -> None:
        self._socket = tls.wrap_socket(connected, server_hostname=name)
        self._unasked = _readiness(self._socket.fileno())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        piece: bytes = self._socket.recv(PIECE)
        return piece

    def is_silent(self) -> bool:
        return not self._unasked.poll(0)

    def close(self) -> None:
        self._socket.close()


def _readiness(descriptor: int) -> poll:
    question = _poll()
    question.register(descriptor, POLLIN)
    return question
