"""
Requests are sent exactly as given, and responses are read whole.
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


class RecordingServer(ThreadingHTTPServer):
    """Records its requests: method, path, headers, body; and the ports of the clients."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RecordingHandler)
        self.clients: list[int] = []
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class RecordingHandler(BaseHTTPRequestHandler):
    server: RecordingServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        self.server.clients.append(self.client_address[1])
        # Closes the connection, so that the client finds it closed at the next request.
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
def sink() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def wait_until_closed(pool: ConnectionPool, url: str) -> None:
    """Return when the client's end of the connection shows that it was closed."""
    (kept,) = pool._hosts[url]._idle
    assert kept._unread.poll(10_000)


def connections(url: str) -> ConnectionPool:
    return ConnectionPool(url, timeout=5.0)


def test_a_path_is_sent_to_the_base_url_and_a_url_to_its_own_host(sink):
    """
    The base URL may have a path of its own; a presigned URL is sent with its query unchanged.
    """
    pool = connections(f"{sink.url}/v1/")

    answers = [
        pool.exchange("GET", url, {}, None) for url in ("/a?b=1", f"{sink.url}/c?X-Sig=%2Fd", sink.url)
    ]

    assert [path for _, path, _, _ in sink.seen] == ["/v1/a?b=1", "/c?X-Sig=%2Fd", "/"]
    assert {(answer.status, answer.content, answer.headers.get("etag")) for answer in answers} == {
        (200, b"ok", '"abc"')
    }


def test_a_connection_is_kept_until_the_server_closes_it(sink):
    """
    The third request finds the connection of the second one closed, and opens another.
    """
    pool = connections(sink.url)

    for path in ("/a", "/closing", "/b", "/c"):
        pool.exchange("GET", path, {}, None)
        if path == "/closing":
            wait_until_closed(pool, sink.url)

    first, second, third, fourth = sink.clients
    assert first == second != third == fourth


def test_a_redirect_is_not_followed(sink):
    """
    Otherwise the token could reach another host.
    """
    answer = connections(sink.url).exchange("GET", "/elsewhere", {"Authorization": "Bearer t"}, None)

    assert answer.status == 302
    assert [path for _, path, _, _ in sink.seen] == ["/elsewhere"]


def test_a_file_is_sent_whole_and_no_other_header_is_added(sink):
    """
    A presigned upload has exactly the headers that were signed, and those that HTTP needs.
    """
    with TemporaryFile() as file:
        file.write(b"x" * 100_000)
        file.seek(0)
        connections(sink.url).exchange("PUT", f"{sink.url}/key", {"Content-Type": "image/jpeg"}, file)
    ((_, _, headers, body),) = sink.seen

    assert body == b"x" * 100_000
    assert set(headers) == {"host", "user-agent", "content-type", "content-length"}


@pytest.mark.parametrize("path", ["/key?X-Sig=secret", "/key with blanks?X-Sig=secret"])
def test_the_error_does_not_contain_the_url(path):
    """
    A presigned URL is a secret, and the error is recorded.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(NoResponse) as error:
        connections("http://127.0.0.1").exchange("GET", f"http://127.0.0.1:{port}{path}", {}, None)

    assert "secret" not in str(error.value)


class ScriptedServer:
    """
    A server with given responses: for each connection a sequence, with one response for each request.

    At the end of the sequence it closes the connection. At None it closes it without a response.
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
        for responses in self._connections:
            connection, _ = self._server.accept()
            with connection, connection.makefile("rb") as requests:
                for response in responses:
                    self._read_request(requests)
                    if response is None:
                        break
                    connection.sendall(response)

    def _read_request(self, requests) -> None:
        head = b"".join(iter(requests.readline, b"\r\n"))
        size = [int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")]
        self.heads.append(head)
        if self._reads_bodies:
            self.bodies.append(requests.read(*size) if size else b"")


@pytest.fixture
def scripted():
    servers = []

    def make(*connections, **how) -> ScriptedServer:
        servers.append(ScriptedServer(*connections, **how))
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
    ids=["in chunks", "after an interim response", "of an old server", "until the connection closes"],
)
def test_a_response_is_read_whole_in_every_form(scripted, answer):
    """
    A response without a length ends when the connection is closed.
    """
    server = scripted([answer])

    response = connections(server.url).exchange("GET", "/", {}, None)

    assert (response.status, response.content) == (200, b"ok")
    assert "x-a" not in response.headers


def test_header_names_are_in_lower_case_and_repeated_headers_are_joined(scripted):
    """
    See RFC 9110, section 5.3.
    """
    server = scripted([b'HTTP/1.1 204 No Content\r\nETag: "a"\r\nVARY: a\r\nVary: b\r\nX-Empty:\r\n\r\n'])

    response = connections(server.url).exchange("GET", "/", {}, None)

    assert response.headers == {"etag": '"a"', "vary": "a, b", "x-empty": ""}


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"HTTP/1.1 200", b"SSH-2.0-x\r\n", WHOLE + WHOLE],
    ids=["cut in its body", "cut in its head", "not HTTP", "two for one request"],
)
def test_an_incomplete_or_invalid_response_is_an_error(scripted, answer):
    """
    A truncated download must not pass as a complete one.
    """
    server = scripted([answer])

    with pytest.raises(NoResponse):
        connections(server.url).exchange("GET", "/", {}, None)


def test_an_idempotent_request_is_repeated_if_the_kept_connection_was_closing(scripted):
    """
    The server closed it when the request was sent: an upload is sent again from its beginning.
    """
    server = scripted([WHOLE, None], [WHOLE])
    pool = connections(server.url)
    with TemporaryFile() as file:
        file.write(b"content")
        file.seek(0)
        pool.exchange("GET", "/", {}, None)
        response = pool.exchange("PUT", "/", {}, file)

    assert response.status == 200
    assert server.bodies == [b"", b"content", b"content"]


def test_a_post_is_not_repeated(scripted):
    """
    The service may have processed it, although the response was lost.
    """
    server = scripted([WHOLE, None], [WHOLE])
    pool = connections(server.url)
    pool.exchange("POST", "/", {}, b"{}")

    with pytest.raises(NoResponse):
        pool.exchange("POST", "/", {}, b"{}")

    assert len(server.heads) == 2
    pool.exchange("POST", "/", {}, b"{}")  # on a new connection, which ends the script


def test_a_refusal_is_read_although_the_server_did_not_read_the_body(scripted):
    """
    A store that refuses a large upload closes without reading it; its response gives the reason.
    """
    server = scripted([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"], reads_bodies=False)

    response = connections(server.url).exchange("PUT", "/", {}, bytes(8 * 1024 * 1024))

    assert (response.status, response.content) == (403, b"no")


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
def test_a_request_with_an_invalid_url_or_header_is_not_sent(sink, url, headers):
    """
    Headers come from the service: a line break in one could add a header or a whole request.
    """
    with pytest.raises(NoResponse, match="its URL or one of its headers is not valid"):
        connections(sink.url).exchange("GET", url, headers, None)

    assert sink.seen == []


def test_a_given_header_replaces_the_default_one(sink):
    """
    In any case of letters; no header is sent twice.
    """
    connections(sink.url).exchange("PUT", "/", {"host": "signed.example", "content-length": "2"}, b"ab")
    ((_, _, headers, body),) = sink.seen

    assert (headers["host"], headers["content-length"], body) == ("signed.example", "2", b"ab")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1; return its file and that of its key."""
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


def test_over_tls_a_host_needs_a_trusted_certificate(sink, tmp_path, monkeypatch):
    """
    An unknown certificate is refused before a header is sent; one that this machine trusts is accepted.
    """
    trusted, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, key)
    sink.socket = context.wrap_socket(sink.socket, server_side=True)
    url = sink.url.replace("http:", "https:")

    with pytest.raises(NoResponse, match="CERTIFICATE_VERIFY_FAILED"):
        connections(url).exchange("GET", "/", {"Authorization": "Bearer t"}, None)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with TemporaryFile() as file:
        file.write(b"x" * 300_000)
        file.seek(0)
        response = connections(url).exchange("PUT", "/", {}, file)

    assert response.content == b"ok"
    assert [(command, len(body)) for command, _, _, body in sink.seen] == [("PUT", 300_000)]
