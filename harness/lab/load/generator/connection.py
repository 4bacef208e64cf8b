"""
One connection to a server, of a greenlet that waits for it alone. Times are float seconds.

A load generator spends most of its time here, so a plain connection is the operating system's own socket and
a watcher of gevent's event loop: a third of the cost of gevent's socket, which is used for TLS.
"""

from abc import ABC, abstractmethod
from ipaddress import ip_address
from select import POLLIN, poll

from gevent import get_hub, socket
from gevent.monkey import get_original
from gevent.socket import wait
from gevent.ssl import SSLContext

PIECE = 64 * 1024

_READ, _WRITE = 1, 2

_System = get_original("socket", "socket")
_poll: type[poll] = get_original("select", "poll")


class HttpConnection(ABC):
    """Everything here raises OSError when the connection fails, TimeoutError when it takes too long."""

    def __init__(self, descriptor: int) -> None:
        self._unasked = _poll()
        self._unasked.register(descriptor, POLLIN)

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send all of it."""

    @abstractmethod
    def receive(self) -> bytes:
        """Return the next piece that comes; nothing when the other side has closed."""

    @abstractmethod
    def close(self) -> None: ...

    def is_silent(self) -> bool:
        """Tell whether there is nothing to read: where nothing was asked, that is the end, or not clean."""
        return not self._unasked.poll(0)


def connect(address: tuple[str, int], timeout: float, tls: SSLContext | None) -> HttpConnection:
    """
    Return a new connection.

    Args:
        address: Host and port.
        timeout: How long to wait for the connection, and later for each piece sent or received.
        tls: How the host is made to prove itself, if it must.
    """
    # A name is looked up in a thread, each time: the servers behind it may change. A number need not be.
    if (family := _family(address[0])) is None:
        connected = socket.create_connection(address, timeout=timeout)
    else:
        connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family is not None:
            connected.settimeout(timeout)
            connected.connect(address)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Plain(connected, timeout) if tls is None else _Secured(connected, tls, address[0])
    except BaseException:
        connected.close()
        raise


def _family(host: str) -> socket.AddressFamily | None:
    """Return the family of a numerical address; None for a name."""
    try:
        return socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        return None


class _Plain(HttpConnection):
    def __init__(self, connected: socket.socket, timeout: float) -> None:
        self._socket = _System(fileno=connected.detach())
        super().__init__(self._socket.fileno())
        self._socket.setblocking(False)
        self._timeout = timeout
        loop = get_hub().loop
        self._readable = loop.io(self._socket.fileno(), _READ)
        self._writable = loop.io(self._socket.fileno(), _WRITE)

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

    def close(self) -> None:
        self._readable.close()
        self._writable.close()
        self._socket.close()


class _Secured(HttpConnection):
    def __init__(self, connected: socket.socket, tls: SSLContext, name: str) -> None:
        self._socket = tls.wrap_socket(connected, server_hostname=name)
        super().__init__(self._socket.fileno())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        piece: bytes = self._socket.recv(PIECE)
        return piece

    def close(self) -> None:
        self._socket.close()
