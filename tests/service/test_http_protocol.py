"""
Connections on which no complete request arrives are closed.
"""

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from harness.service.http_protocol import LimitedHttpProtocol

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


class Impatient(LimitedHttpProtocol):
    HEAD_TIMEOUT = 0.2
    BODY_TIMEOUT = 0.2
    HEAD_LIMIT = 2000
    CONNECTIONS = 3


async def app(scope, receive, send):
    """Answer when the body is complete."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(
        app, http=Impatient, host="127.0.0.1", port=0, lifespan="off", log_config=None, timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    with config.bind_socket() as listener:
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join()


def connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=30)


def read_to_end(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def test_a_silent_connection_is_closed_without_a_response(address):
    """
    It has sent no request, so no response is expected.
    """
    with connect(address) as connection:
        assert read_to_end(connection) == b""


@pytest.mark.parametrize(
    "sent", [HEAD[:20], b"\r\n", HEAD + b"he"], ids=["half head", "newline", "half body"]
)
def test_half_a_request_is_answered_408(address, sent):
    """
    The client learns why the connection is closed.
    """
    with connect(address) as connection:
        connection.sendall(sent)
        answer = read_to_end(connection)

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert answer.endswith(
        b'{"code": 408, "message": "The request did not arrive in time.", "details": null}'
    )


def test_the_second_request_of_a_connection_has_the_same_time(address):
    """
    A client cannot keep a connection by sending one complete request first.
    """
    with connect(address) as connection:
        connection.sendall(HEAD + b"hello")
        first = connection.recv(65536)
        connection.sendall(HEAD[:20])
        second = read_to_end(connection)

    assert first.startswith(b"HTTP/1.1 200 OK")
    assert second.startswith(b"HTTP/1.1 408")


def test_a_head_has_a_limit(address):
    """
    A head without end would fill the memory.
    """
    with connect(address) as connection:
        connection.sendall(HEAD[:-2] + b"X-Long: " + b"a" * 3000)

        assert read_to_end(connection).startswith(b"HTTP/1.1 431 Request Header Fields Too Large")


def test_a_head_that_arrives_at_once_has_the_same_limit(address):
    """
    It is complete before its size is known; the request is not answered otherwise.
    """
    with connect(address) as connection:
        connection.sendall(HEAD[:-2] + b"X-Long: " + b"a" * 3000 + b"\r\n\r\nhello")
        answer = read_to_end(connection)

    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large")
    assert answer.count(b"HTTP/1.1") == 1


def test_connections_over_the_limit_are_refused(address):
    """
    The server has sockets left for the connections that it has accepted.
    """
    connections = [connect(address) for _ in range(3)]
    with connect(address) as extra:
        answer = read_to_end(extra)

    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"retry-after: 1" in answer
    for connection in connections:
        connection.close()
