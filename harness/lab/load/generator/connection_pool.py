"""
The HTTP client of one worker: kept connections, requests sent exactly as given, responses read whole.

It follows no redirects, keeps no cookies and adds only the headers that HTTP needs, so a header reaches the
host it was meant for and no other. It exists because it costs little: an arrival takes about half the
processor time that it takes with Locust's FastHttpUser. Times are float seconds.
"""

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from gevent.ssl import SSLContext, create_default_context
from httptools import HttpParserError

from harness.lab.load.generator.connection import Body, ConnectionClosed, HttpConnection, connect
from harness.lab.load.generator.http_response import HttpResponse

USER_AGENT = "media-processing-harness"
PORTS = {"http": 80, "https": 443}

ANSWER_LIMIT = 8 * 1024 * 1024
"""Longest body of an answer, where nothing else is known [bytes]."""

_TARGET = re.compile(r"[\x21-\x7e]+")
_FIELD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*")


class NoResponse(Exception):
    """No valid response came. The message gives the reason without the URL: a presigned URL is a secret."""


class ConnectionPool:
    """
    Connections to any number of hosts, kept open: for each host as many as were in use at once.

    Args:
        base_url: Base of the URLs that are given as a path; its own path is put before them.
        timeout: How long to wait for a connection, and for each piece of a response.
    """

    def __init__(self, base_url: str, *, timeout: float) -> None:
        base = urlsplit(base_url)
        self._base = f"{base.scheme}://{base.netloc}"
        self._prefix = base.path.rstrip("/")
        self._timeout = timeout
        self._hosts: dict[str, _Host] = {}

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None,
        *,
        limit: int | None = ANSWER_LIMIT,
    ) -> HttpResponse:
        """
        Send one request and return the response.

        Args:
            url: An absolute URL, or a path below the base URL.
            limit: Longest body that is accepted [bytes]; None accepts any body and does not keep it.

        Raises:
            NoResponse: No valid response came.
        """
        origin, target = (self._base, self._prefix + url) if url.startswith("/") else _split(url)
        try:
            if (host := self._hosts.get(origin)) is None:
                host = self._hosts[origin] = _Host(origin, self._timeout)
            return host.exchange(_head(method, target, host.name, headers, body), method, body, limit)
        except (OSError, HttpParserError) as error:
            raise NoResponse(f"{type(error).__name__}: {error}") from None
        except ValueError:
            raise NoResponse("the request was not sent: its URL or one of its headers is not valid") from None


class _Host:
    """The connections to one host; the one used last is used first."""

    def __init__(self, origin: str, timeout: float) -> None:
        address = urlsplit(origin)
        if address.scheme not in PORTS or not address.hostname:
            raise ValueError(f"Not the URL of a web server: {origin}")
        standard = PORTS[address.scheme]
        self._address = (address.hostname, address.port or standard)
        self._timeout = timeout
        self._tls: SSLContext | None = create_default_context() if address.scheme == "https" else None
        self._idle: list[HttpConnection] = []
        literal = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
        self.name = literal if self._address[1] == standard else f"{literal}:{self._address[1]}"

    def exchange(self, head: bytes, method: str, body: Body | None, limit: int | None) -> HttpResponse:
        idle = self._take_idle()
        if idle is not None:
            try:
                return self._exchange_on(idle, head, body, limit)
            except ConnectionClosed:
                # It was closed while we sent. HTTP allows to repeat a request only if that changes nothing.
                if method not in ("GET", "PUT"):
                    raise
                if body is not None and not isinstance(body, bytes):
                    body.seek(0)
        return self._exchange_on(connect(self._address, self._timeout, self._tls), head, body, limit)

    def _exchange_on(
        self, connection: HttpConnection, head: bytes, body: Body | None, limit: int | None
    ) -> HttpResponse:
        try:
            response = connection.exchange(head, body, limit)
        except BaseException:
            connection.close()
            raise
        if connection.is_reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return response

    def _take_idle(self) -> HttpConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_silent():
                return connection
            connection.close()
        return None


def _head(method: str, target: str, host: str, headers: Mapping[str, str], body: Body | None) -> bytes:
    """Return a request's first line and its headers; raise ValueError if HTTP does not allow them."""
    needed = {"Host": host, "User-Agent": USER_AGENT}
    if body is not None or method in ("POST", "PUT"):
        needed["Content-Length"] = str(_size(body))
    given = {name.lower() for name in headers}
    fields = [f"{name}: {value}" for name, value in headers.items()]
    fields += [f"{name}: {value}" for name, value in needed.items() if name.lower() not in given]
    if not _TARGET.fullmatch(target) or not all(map(_FIELD.fullmatch, fields)):
        raise ValueError("the target or a header is not valid")
    return "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "", ""]).encode("latin-1")


def _size(body: Body | None) -> int:
    if body is None:
        return 0
    return len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size


def _split(url: str) -> tuple[str, str]:
    """Return the scheme and host of an absolute URL, and the rest."""
    path = url.find("/", url.find("//") + 2)
    return (url[:path], url[path:]) if path > 0 else (url, "/")
