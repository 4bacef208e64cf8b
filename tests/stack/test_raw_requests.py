"""
Bytes that are no proper request, sent to the API of a running stack: each is refused, and the API goes on.
"""

import re
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

pytestmark = pytest.mark.stack
PATH = "/api/v2/listings/media/uploads"
HOST = "Host: media\r\n"
GET = "GET /healthz HTTP/1.1\r\n"
POST = f"POST {PATH} HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"
SECOND = f"GET /readyz HTTP/1.1\r\n{HOST}\r\n"
"""A request that is hidden in the body of another one."""
CHUNKED = "Transfer-Encoding: chunked\r\n"
WAIT_S = 30.0
SLOW_CONNECTIONS = 40

SMUGGLED = {
    "CL.TE": f"{POST}Content-Length: {len(SECOND) + 5}\r\n{CHUNKED}\r\n0\r\n\r\n{SECOND}",
    "TE.CL": f"{POST}{CHUNKED}Content-Length: 4\r\n\r\n{len(SECOND):x}\r\n{SECOND}\r\n0\r\n\r\n",
    "two lengths": f"{POST}Content-Length: 0\r\nContent-Length: {len(SECOND)}\r\n\r\n{SECOND}",
    "two lengths in one": f"{POST}Content-Length: 0, {len(SECOND)}\r\n\r\n{SECOND}",
    "negative length": f"{POST}Content-Length: -1\r\n\r\n{SECOND}",
    "length with a sign": f"{POST}Content-Length: +0\r\n\r\n{SECOND}",
    "length in hexadecimal": f"{POST}Content-Length: 0x0\r\n\r\n{SECOND}",
    "endless length": f"{POST}Content-Length: {'9' * 40}\r\n\r\n{SECOND}",
    "another coding last": f"{POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{SECOND}",
    "unknown coding": f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SECOND}",
    "space before the colon": f"{POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{SECOND}",
    "folded header": f"{POST}Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{SECOND}",
    "NUL in the coding": f"{POST}Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n{SECOND}",
    "header without a name": f"{POST}: x\r\nContent-Length: 0\r\n\r\n{SECOND}",
    "no chunk size": f"{POST}{CHUNKED}\r\n\r\n{SECOND}",
    "negative chunk size": f"{POST}{CHUNKED}\r\n-1\r\n{SECOND}",
    "chunk size that is no number": f"{POST}{CHUNKED}\r\nzz\r\n{SECOND}",
    "chunk size with a prefix": f"{POST}{CHUNKED}\r\n0x5\r\n{SECOND}",
    "chunk size beyond 64 bits": f"{POST}{CHUNKED}\r\n{'f' * 17}\r\n{SECOND}",
    "chunk longer than its size": f"{POST}{CHUNKED}\r\n1\r\n{{}}}}}}\r\n0\r\n\r\n{SECOND}",
}
"""Requests whose end two readers may see at different places; at most one answer may come."""

INVALID = {
    "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown version": f"GET /healthz HTTP/9.9\r\n{HOST}\r\n",
    "version without a number": f"GET /healthz HTTP/x\r\n{HOST}\r\n",
    "no path": f"GET  HTTP/1.1\r\n{HOST}\r\n",
    "NUL in the path": f"GET /healthz\0 HTTP/1.1\r\n{HOST}\r\n",
    "NUL in a name": f"{GET}{HOST}X\0Y: 1\r\n\r\n",
    "NUL in a value": f"{GET}{HOST}X: a\0b\r\n\r\n",
    "NUL alone": "\0" * 100 + "\r\n\r\n",
    "line feed in a value": f"{GET}{HOST}X: a\rb\r\n\r\n",
    "large head": f"{GET}{HOST}X: {'a' * 70_000}\r\n\r\n",
    "long path": f"GET /{'a' * 70_000} HTTP/1.1\r\n{HOST}\r\n",
    "many headers": f"{GET}{HOST}" + "".join(f"X-{n}: 1\r\n" for n in range(8000)) + "\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 200,
    "another protocol": "HELO media\r\nMAIL FROM:<a@b>\r\n\r\n",
}
"""Requests that no client sends; none may be answered 2xx or 5xx."""

HARMLESS = {
    "HTTP/0.9": "GET /healthz\r\n\r\n",
    "absolute URI of another host": f"GET http://evil.example/healthz HTTP/1.1\r\n{HOST}\r\n",
    "absolute URI without a path": f"GET http://evil.example HTTP/1.1\r\n{HOST}\r\n",
    "another host": f"{GET}Host: evil.example\r\n\r\n",
    "two hosts": f"{GET}{HOST}Host: evil.example\r\n\r\n",
    "tunnel": f"CONNECT evil.example:443 HTTP/1.1\r\n{HOST}\r\n",
    "upgrade": f"{GET}{HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AA\r\n\r\n",
    "web socket": f"{GET}{HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "expectation": f"{POST}Content-Length: 2\r\nExpect: 200-maybe\r\n\r\n{{}}",
    "hundreds of headers": f"{GET}{HOST}" + "".join(f"X-{n}: 1\r\n" for n in range(900)) + "\r\n",
}
"""Requests that are unusual; they may be answered as others are."""


@pytest.fixture(scope="module")
def address(modelled_stack) -> tuple[str, int]:
    parts = urlsplit(modelled_stack.api_url)
    return str(parts.hostname), int(parts.port or 0)


@pytest.fixture
def alive(modelled_stack):
    """The API answers after each test, and quickly enough for a probe."""
    yield
    assert httpx.get(f"{modelled_stack.api_url}/readyz", timeout=10).status_code == 200


def statuses(address, text, *, ends=True) -> list[int]:
    """
    Send bytes; return the statuses of the answers until the API closes the connection.

    If it *ends*, the API learns that no more bytes come, and does not wait for them.
    """
    received = b""
    with socket.create_connection(address, timeout=WAIT_S) as connection:
        try:
            connection.sendall(text.encode("latin-1"))
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                received += part
        except (BrokenPipeError, ConnectionResetError):
            pass  # the API has closed the connection, perhaps after an answer
    # An answer begins right after the body of the one before.
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", received)]


def test_a_proper_request_is_answered(address):
    """
    Else the other tests prove nothing: two requests on a connection have two answers.
    """
    last = SECOND.replace(HOST, f"{HOST}Connection: close\r\n")

    assert statuses(address, f"{GET}{HOST}\r\n{last}", ends=False) == [200, 200]


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("name", SMUGGLED)
def test_no_request_is_smuggled(address, name):
    """
    The body is not read as a second request, and nothing fails.
    """
    found = statuses(address, SMUGGLED[name])

    assert len(found) <= 1
    assert all(400 <= status < 500 for status in found)


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("name", INVALID)
def test_invalid_requests_are_refused(address, name):
    """
    With 4xx, or by closing the connection.
    """
    assert all(400 <= status < 500 for status in statuses(address, INVALID[name]))


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("name", HARMLESS)
def test_unusual_requests_do_no_harm(address, name):
    """
    The API answers as for any request, and asks no other host.
    """
    found = statuses(address, HARMLESS[name])

    assert len(found) <= 1
    assert all(200 <= status < 500 for status in found)


def test_slow_clients_are_closed_and_delay_nobody(address, modelled_stack):
    """
    Heads that arrive byte by byte: the API answers others meanwhile, and closes each of them in time.
    """
    slow = [socket.create_connection(address, timeout=WAIT_S) for _ in range(SLOW_CONNECTIONS)]
    answered, deadline = [], time.monotonic() + WAIT_S
    for connection in slow:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
    left = list(slow)
    while left and time.monotonic() < deadline:
        answered.append(httpx.get(f"{modelled_stack.api_url}/healthz", timeout=5).status_code)
        left = [connection for connection in left if takes_more(connection)]
        time.sleep(0.5)  # slowly is what is tried
    for connection in slow:
        connection.close()

    assert left == []
    assert len(answered) > 5
    assert set(answered) == {200}


def takes_more(connection) -> bool:
    """Send one more byte; return whether the API still waits for the rest."""
    try:
        connection.sendall(b"x")
        connection.setblocking(False)
        return not connection.recv(1000)
    except BlockingIOError:
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False
    finally:
        connection.setblocking(True)
