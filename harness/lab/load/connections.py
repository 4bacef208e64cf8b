"""
The connections of one worker: what is asked goes out as it is, and what comes back is read whole.

No cookies, no redirects, nothing added but what HTTP itself needs: a header reaches the host it was meant
for and no other, and a request costs little of the generator's time. Times are float seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from select import POLLIN
from typing import Any
from urllib.parse import urlsplit

from gevent.monkey import get_original
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPParseError

from harness.lab.load.payloads import Body

_poll = get_original("select", "poll")


class Unanswered(Exception):
    """No answer came; says why, without the address: a presigned one is a secret."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers in any case."""

    status: int
    content: bytes
    headers: Mapping[str, Any]


class Connections:
    """
    Connections to every host that is named, kept open.

    Args:
        base_url: Where paths lead; a path of its own is put before them.
        at_once: How many to each host may be in use at once [count].
        timeout: How long to wait for a connection, and for each piece of an answer.
    """

    def __init__(self, base_url: str, *, at_once: int, timeout: float) -> None:
        base = urlsplit(base_url)
        self._base = f"{base.scheme}://{base.netloc}"
        self._prefix = base.path.rstrip("/")
        self._at_once = at_once
        self._timeout = timeout
        self._clients: dict[str, HTTPClient] = {}

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Answer:
        """
        Ask once.

        Args:
            url: Absolute, or a path at the base.

        Raises:
            Unanswered: No answer came.
        """
        origin, target = (self._base, self._prefix + url) if url.startswith("/") else _parts(url)
        client = self._clients.get(origin) or self._open(origin)
        try:
            response = client.request(method, target, body, headers)
            return Answer(response.status_code, response.read(), response.info())
        except (OSError, HTTPParseError) as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from None
        except ValueError:
            raise Unanswered("the address or a header is none that can be sent") from None

    def _open(self, origin: str) -> HTTPClient:
        # Certificates are checked: that is the library's default.
        client = self._clients[origin] = HTTPClient.from_url(
            origin, concurrency=self._at_once, network_timeout=self._timeout, connection_timeout=self._timeout
        )
        # Its own question gives way to every other greenlet, and knows no more than 1,024 descriptors.
        client._connection_pool._is_socket_alive = _is_alive  # type: ignore[assignment]  # no setting for it
        return client


def _is_alive(connection: Any) -> bool:
    """Tell whether a kept connection is open: one with something to read was closed, or is not clean."""
    if connection is None or connection.fileno() < 0:
        return False
    question = _poll()
    question.register(connection.fileno(), POLLIN)
    return not question.poll(0)


def _parts(url: str) -> tuple[str, str]:
    """Return scheme and host of an absolute address, and the rest."""
    path = url.find("/", url.find("//") + 2)
    return (url[:path], url[path:]) if path > 0 else (url, "/")
