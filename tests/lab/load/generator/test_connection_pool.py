"""
What goes over the wire is what was asked, and nothing else.
"""

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.lab.load.generator.connection_pool import ConnectionPool, NoResponse


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


def wait_until_closed(lines: ConnectionPool, url: str) -> None:
    """Return when the news of the closed connection has come: there is something to read."""
    (kept,) = lines._hosts[url]._idle
    assert kept._unread.poll(10_000)


def connections(url: str) -> ConnectionPool:
    return ConnectionPool(url, timeout=5.0)


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
            wait_until_closed(lines, sink.url)

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

    with pytest.raises(NoResponse) as told:
        connections("http://127.0.0.1").exchange("GET", f"http://127.0.0.1:{port}{path}", {}, None)

    assert "secret" not in str(told.value)


class Scripted:
    """
    A server that answers as it is told, byte by byte: one entry a connection, in it one entry a request.

    A connection whose entries are used up is closed; so is one at an entry of None, without an answer.
    """

    def __init__(self, *connections: Sequence[bytes | None], reads_bodies: bool = True) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._connections = connections
        self._reads_bodies = reads_bodies
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        self._thread.join(timeout=10)
        self._server.close()

    def _serve(self) -> None:
        for answers in self._connections:
            connection, _ = self._server.accept()
            with connection, connection.makefile("rb") as asked:
                for answer in answers:
                    self._hear(asked)
                    if answer is None:
                        break
                    connection.sendall(answer)

    def _hear(self, asked) -> None:
        head = b"".join(iter(asked.readline, b"\r\n"))
        size = [int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")]
        self.heads.append(head)
        if self._reads_bodies:
            self.bodies.append(asked.read(*size) if size else b"")


@pytest.fixture
def scripted():
    servers = []

    def make(*connections, **how) -> Scripted:
        servers.append(Scripted(*connections, **how))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n" + WHOLE,
        b"HTTP/1.0 200\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
    ],
    ids=["in chunks", "after a word in between", "of an old server", "until the connection closes"],
)
def test_an_answer_is_read_whole_however_it_is_sent(scripted, answer):
    """
    Of an answer without a length the end is the connection's.
    """
    server = scripted([answer])

    answered = connections(server.url).exchange("GET", "/", {}, None)

    assert (answered.status, answered.content) == (200, b"ok")
    assert "x-a" not in answered.headers


def test_headers_are_found_in_any_case_and_repeated_ones_are_joined(scripted):
    """
    As RFC 9110, section 5.3, has it.
    """
    server = scripted([b'HTTP/1.1 204 No Content\r\nETag: "a"\r\nVARY: a\r\nVary: b\r\nX-Empty:\r\n\r\n'])

    answered = connections(server.url).exchange("GET", "/", {}, None)

    assert answered.headers == {"etag": '"a"', "vary": "a, b", "x-empty": ""}


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"HTTP/1.1 200", b"SSH-2.0-x\r\n", WHOLE + WHOLE],
    ids=["cut short", "cut in its head", "none of HTTP", "two for one"],
)
def test_what_is_no_whole_answer_is_none(scripted, answer):
    """
    Half a file is not a file.
    """
    server = scripted([answer])

    with pytest.raises(NoResponse):
        connections(server.url).exchange("GET", "/", {}, None)


def test_what_may_be_done_twice_is_asked_again_on_a_connection_that_was_closing(scripted):
    """
    The other side closed it at the moment it was asked: an upload starts over, from its beginning.
    """
    server = scripted([WHOLE, None], [WHOLE])
    lines = connections(server.url)
    with TemporaryFile() as file:
        file.write(b"content")
        file.seek(0)
        lines.exchange("GET", "/", {}, None)
        answered = lines.exchange("PUT", "/", {}, file)

    assert answered.status == 200
    assert server.bodies == [b"", b"content", b"content"]


def test_what_may_be_done_once_is_not_asked_again(scripted):
    """
    Nobody knows whether the service did it: the answer is lost.
    """
    server = scripted([WHOLE, None], [WHOLE])
    lines = connections(server.url)
    lines.exchange("POST", "/", {}, b"{}")

    with pytest.raises(NoResponse):
        lines.exchange("POST", "/", {}, b"{}")

    assert len(server.heads) == 2
    lines.exchange("POST", "/", {}, b"{}")  # a new connection, and the script's end


def test_a_refusal_is_heard_although_the_body_was_not_wanted(scripted):
    """
    A store that refuses a large upload closes without reading it; its answer says why.
    """
    server = scripted([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"], reads_bodies=False)

    answered = connections(server.url).exchange("PUT", "/", {}, bytes(8 * 1024 * 1024))

    assert (answered.status, answered.content) == (403, b"no")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("/a b", {}),
        ("/a\r\nX: y", {}),
        ("/", {"X": "a\r\nAuthorization: stolen"}),
        ("/", {"X\r\nY": "a"}),
        ("/", {"X": "\u20ac"}),
        ("ftp://127.0.0.1/", {}),
        ("http:///", {}),
        ("http://127.0.0.1:notaport/", {}),
    ],
)
def test_what_cannot_be_sent_is_not_sent(sink, url, headers):
    """
    Headers come from tickets of a service nobody here wrote: a line too many would be a request of its own.
    """
    with pytest.raises(NoResponse, match="its URL or one of its headers is not valid"):
        connections(sink.url).exchange("GET", url, headers, None)

    assert sink.seen == []


def test_a_header_that_was_signed_stands_for_ours(sink):
    """
    Whatever its case; and none is sent twice.
    """
    connections(sink.url).exchange("PUT", "/", {"host": "signed.example", "content-length": "2"}, b"ab")
    ((_, _, headers, body),) = sink.seen

    assert (headers["host"], headers["content-length"], body) == ("signed.example", "2", b"ab")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that vouches for itself; return it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths = folder / "certificate.pem", folder / "key.pem"
    for path, content in zip(paths, (made.public_bytes(pem), secret), strict=True):
        path.write_bytes(content)
    return paths


def test_over_tls_only_a_host_that_can_prove_itself_is_asked(sink, tmp_path, monkeypatch):
    """
    A certificate nobody vouches for is refused before a header is sent; one the machine trusts is not.
    """
    mine, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mine, key)
    sink.socket = context.wrap_socket(sink.socket, server_side=True)
    url = sink.url.replace("http:", "https:")

    with pytest.raises(NoResponse, match="CERTIFICATE_VERIFY_FAILED"):
        connections(url).exchange("GET", "/", {"Authorization": "Bearer t"}, None)
    monkeypatch.setenv("SSL_CERT_FILE", str(mine))
    with TemporaryFile() as file:
        file.write(b"x" * 300_000)
        file.seek(0)
        answered = connections(url).exchange("PUT", "/", {}, file)

    assert answered.content == b"ok"
    assert [(command, len(body)) for command, _, _, body in sink.seen] == [("PUT", 300_000)]
