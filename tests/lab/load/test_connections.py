"""
What goes over the wire is what was asked, and nothing else.
"""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryFile

import pytest

from harness.lab.load.connections import Connections, Unanswered


class Sink(ThreadingHTTPServer):
    """Keeps what it was sent: method, path, headers, body; and from which ports."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeping)
        self.clients: list[int] = []
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Keeping(BaseHTTPRequestHandler):
    server: Sink
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        self.server.clients.append(self.client_address[1])
        # A client that keeps its connection is to find it closed the next time, now and then.
        self.close_connection = self.path.endswith("/closing")
        names = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, names, self.rfile.read(size)))
        is_elsewhere = self.path.startswith("/elsewhere")
        self.send_response(302 if is_elsewhere else 200)
        if is_elsewhere:
            self.send_header("Location", f"{self.server.url}/followed")
        self.send_header("ETag", '"abc"')
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def wait_for_a_closed_connection() -> None:
    """Give the other thread the moment it takes: the news must be here before the next request."""
    time.sleep(0.05)


def connections(url: str) -> Connections:
    return Connections(url, at_once=2, timeout=5.0)


def test_a_path_leads_to_the_base_and_an_address_where_it_says(sink):
    """
    A base may have a path of its own; a presigned address is taken as it is, query and all.
    """
    lines = connections(f"{sink.url}/v1/")

    answers = [
        lines.exchange("GET", url, {}, None) for url in ("/a?b=1", f"{sink.url}/c?X-Sig=%2Fd", sink.url)
    ]

    assert [path for _, path, _, _ in sink.seen] == ["/v1/a?b=1", "/c?X-Sig=%2Fd", "/"]
    assert {(answer.status, answer.content, answer.headers.get("etag")) for answer in answers} == {
        (200, b"ok", '"abc"')
    }


def test_a_connection_is_kept_until_the_other_side_closes_it(sink):
    """
    The third request finds that the second one's was closed, and opens another.
    """
    lines = connections(sink.url)

    for path in ("/a", "/closing", "/b", "/c"):
        lines.exchange("GET", path, {}, None)
        if path == "/closing":
            wait_for_a_closed_connection()

    first, second, third, fourth = sink.clients
    assert first == second != third == fourth


def test_a_redirect_is_an_answer_and_is_not_followed(sink):
    """
    It would carry the token to a host nobody named.
    """
    answer = connections(sink.url).exchange("GET", "/elsewhere", {"Authorization": "Bearer t"}, None)

    assert answer.status == 302
    assert [path for _, path, _, _ in sink.seen] == ["/elsewhere"]


def test_a_file_is_sent_whole_and_no_header_is_made_up(sink):
    """
    A presigned upload carries exactly the headers that were signed, beyond what HTTP itself needs.
    """
    with TemporaryFile() as file:
        file.write(b"x" * 100_000)
        file.seek(0)
        connections(sink.url).exchange("PUT", f"{sink.url}/key", {"Content-Type": "image/jpeg"}, file)
    ((_, _, headers, body),) = sink.seen

    assert body == b"x" * 100_000
    assert set(headers) == {"host", "user-agent", "content-type", "content-length"}


@pytest.mark.parametrize("path", ["/key?X-Sig=secret", "/key with blanks?X-Sig=secret"])
def test_no_answer_is_told_without_the_address(path):
    """
    A presigned address is a secret, and what is told is recorded.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(Unanswered) as told:
        connections("http://127.0.0.1").exchange("GET", f"http://127.0.0.1:{port}{path}", {}, None)

    assert "secret" not in str(told.value)
