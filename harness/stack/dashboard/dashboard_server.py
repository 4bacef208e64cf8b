"""
Serves the stack's live page on the loopback interface: one page, and a stream of what it shows.

``/events`` is a stream of server-sent events, one JSON object (`Snapshot`) a second. The stack is only
looked at while somebody watches. No part of the page comes from another place.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from urllib.parse import urlsplit

from harness.stack.dashboard.observer import Snapshot

Observe = Callable[[], Snapshot]

PERIOD_S = 1.0
PAGES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/dashboard.css": ("dashboard.css", "text/css; charset=utf-8"),
    "/dashboard.js": ("dashboard.js", "text/javascript; charset=utf-8"),
}
LOCAL_NAMES = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@contextmanager
def dashboard(observe: Observe, port: int = 0) -> Iterator[str]:
    """
    Serve the page while the block runs; gives its URL.

    Args:
        observe: Looks at the stack once; asked by one thread only.
        port: 0 takes a free one.

    Raises:
        OSError: The port is taken.
    """
    news = _News(observe)

    class Handler(_Handler):
        def stream(self) -> Iterator[str]:
            return news.read()

    server = _Server(("127.0.0.1", port), Handler)
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="dashboard"),
        threading.Thread(target=news.write, name="dashboard-observer", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        news.close()
        server.shutdown()
        server.server_close()


class _News:
    """The last snapshot, and those who wait for the next one."""

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._changed = threading.Condition()
        self._text = ""
        self._edition = 0
        self._readers = 0
        self._over = threading.Event()

    def write(self) -> None:
        """Look once a second for as long as somebody reads; returns when closed."""
        try:
            while self._wanted():
                text = json.dumps(asdict(self._observe()), separators=(",", ":"), allow_nan=False)
                with self._changed:
                    self._text = text
                    self._edition += 1
                    self._changed.notify_all()
                self._over.wait(PERIOD_S)
        finally:
            # Also after a defect, which the thread's traceback tells: a page that stands still would lie.
            self.close()

    def read(self) -> Iterator[str]:
        """Yield each snapshot from the next one on, as text."""
        with self._changed:
            self._readers += 1
            self._changed.notify_all()
            read = self._edition
        try:
            while True:
                with self._changed:
                    while self._edition == read and not self._over.is_set():
                        self._changed.wait()
                    if self._over.is_set():
                        return
                    text, read = self._text, self._edition
                yield text
        finally:
            with self._changed:
                self._readers -= 1

    def close(self) -> None:
        """Send everybody home."""
        with self._changed:
            self._over.set()
            self._changed.notify_all()

    def _wanted(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._readers > 0 or self._over.is_set())
            return not self._over.is_set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    def stream(self) -> Iterator[str]:
        raise NotImplementedError

    def do_GET(self) -> None:
        # A page elsewhere that has bent a name to this address must not read along.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in LOCAL_NAMES:
            self._send(HTTPStatus.FORBIDDEN, b"Ask for 127.0.0.1.\n", "text/plain")
        elif self.path == "/events":
            self._send_events()
        elif self.path in PAGES:
            name, kind = PAGES[self.path]
            self._send(HTTPStatus.OK, files("harness.stack.dashboard").joinpath(name).read_bytes(), kind)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"There is / and /events.\n", "text/plain")

    def log_message(self, *args: object) -> None:
        """Somebody watches: no news."""

    def _send_events(self) -> None:
        self._head(HTTPStatus.OK, "text/event-stream")
        try:
            for text in self.stream():
                self.wfile.write(f"data: {text}\n\n".encode())
        except (BrokenPipeError, ConnectionResetError):
            return  # the page was closed

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self._head(status, kind, length=len(body))
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
