"""
The connections of one worker: what is asked goes out as it is, and what comes back is read whole.

No cookies, no redirects, nothing added but what HTTP itself needs: a header reaches the host it was meant
for and no other, and a request costs little of the generator's time, which is why no client in general use
stands here. Times are float seconds.
"""

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from gevent.ssl import SSLContext, create_default_context
from geventhttpclient._parser import HTTPParseError

from harness.lab.load.clients.payloads import Body
from harness.lab.load.generator.connection import PIECE, HttpConnection, connect
from harness.lab.load.generator.http_response import HttpResponse, ResponseReader

USER_AGENT = "media-processing-harness"
PORTS = {"http": 80, "https": 443}

_TARGET = re.compile(r"[\x21-\x7e]+")
_FIELD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*")


class Unanswered(Exception):
    """No answer came; says why, without the address: a presigned one is a secret."""


class ConnectionClosed(OSError):
    """The other side closed the connection and did not answer."""


class ConnectionPool:
    """
    Connections to every host that is named, kept open: as many as are in use at once.

    Args:
        base_url: Where paths lead; a path of its own is put before them.
        timeout: How long to wait for a connection, and for each piece of an answer.
    """

    def __init__(self, base_url: str, *, timeout: float) -> None:
        base = urlsplit(base_url)
        self._base = f"{base.scheme}://{base.netloc}"
        self._prefix = base.path.rstrip("/")
        self._timeout = timeout
        self._hosts: dict[str, _Host] = {}

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> HttpResponse:
        """
        Ask once.

        Args:
            url: Absolute, or a path at the base.

        Raises:
            Unanswered: No answer came.
        """
        origin, target = (self._base, self._prefix + url) if url.startswith("/") else _parts(url)
        try:
            host = self._hosts.get(origin) or self._open(origin)
            return host.exchange(_head(method, target, host.name, headers, body), method, body)
        except (OSError, HTTPParseError) as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from None
        except ValueError:
            raise Unanswered("the address or a header is none that can be sent") from None

    def _open(self, origin: str) -> "_Host":
        host = self._hosts[origin] = _Host(origin, self._timeout)
        return host


class _Host:
    """The connections to one host; the one used last is used first."""

    def __init__(self, origin: str, timeout: float) -> None:
        address = urlsplit(origin)
        if address.scheme not in PORTS or not address.hostname:
            raise ValueError("no address of a web server")
        standard = PORTS[address.scheme]
        self._address = (address.hostname, address.port or standard)
        self._timeout = timeout
        self._tls: SSLContext | None = create_default_context() if address.scheme == "https" else None
        self._free: list[HttpConnection] = []
        literal = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
        self.name = literal if self._address[1] == standard else f"{literal}:{self._address[1]}"

    def exchange(self, head: bytes, method: str, body: Body | None) -> HttpResponse:
        """Ask on a connection that is free, or on a new one."""
        kept = self._kept()
        if kept is not None:
            try:
                return self._ask(kept, head, body)
            except ConnectionClosed:
                # It was closed while we asked. What may be done twice is asked again; HTTP allows no more.
                if method not in ("GET", "PUT"):
                    raise
                if body is not None and not isinstance(body, bytes):
                    body.seek(0)
        return self._ask(connect(self._address, self._timeout, self._tls), head, body)

    def _ask(self, connection: HttpConnection, head: bytes, body: Body | None) -> HttpResponse:
        try:
            _send(connection, head, body)
            reading = ResponseReader()
            _read(connection, reading)
        except BaseException:
            connection.close()
            raise
        if reading.should_keep_alive():
            self._free.append(connection)
        else:
            connection.close()
        return reading.take()

    def _kept(self) -> HttpConnection | None:
        while self._free:
            connection = self._free.pop()
            if connection.is_silent():
                return connection
            connection.close()
        return None


def _head(method: str, target: str, host: str, headers: Mapping[str, str], body: Body | None) -> bytes:
    """
    Return a request's first line and its headers.

    Raises:
        ValueError: Something in them cannot be sent.
    """
    given = {name.lower() for name in headers}
    needed = ((name, value) for name, value in _needed(method, host, body) if name.lower() not in given)
    fields = [f"{name}: {value}" for name, value in (*headers.items(), *needed)]
    if not _TARGET.fullmatch(target) or not all(map(_FIELD.fullmatch, fields)):
        raise ValueError("a target or a header that cannot be sent")
    return "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "", ""]).encode("latin-1")


def _needed(method: str, host: str, body: Body | None) -> Iterator[tuple[str, str]]:
    yield "Host", host
    yield "User-Agent", USER_AGENT
    if body is not None or method in ("POST", "PUT"):
        yield "Content-Length", str(_length(body))


def _length(body: Body | None) -> int:
    if body is None:
        return 0
    return len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size


def _send(connection: HttpConnection, head: bytes, body: Body | None) -> None:
    try:
        if body is None or isinstance(body, bytes):
            connection.send(head + body if body else head)
        else:
            connection.send(head)
            while piece := body.read(PIECE):
                connection.send(piece)
    except (BrokenPipeError, ConnectionResetError):
        # Whoever refuses a large body may answer and close without reading it: the answer tells why.
        pass


def _read(connection: HttpConnection, reading: ResponseReader) -> None:
    heard = False
    while not reading.is_whole:
        try:
            piece = connection.receive()
        except ConnectionResetError:
            if heard:
                raise
            piece = b""
        if not piece and not heard:
            raise ConnectionClosed("the connection was closed without an answer")
        heard = True
        reading.feed(piece)  # nothing tells it that this was the end
        if not piece and not reading.is_whole:
            raise ConnectionError("the connection was closed in the middle of the answer")


def _parts(url: str) -> tuple[str, str]:
    """Return scheme and host of an absolute address, and the rest."""
    path = url.find("/", url.find("//") + 2)
    return (url[:path], url[path:]) if path > 0 else (url, "/")
