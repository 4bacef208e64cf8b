"""
The worker's own port: ``/metrics`` for Prometheus, ``/healthz`` for whoever restarts it.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from harness.service.worker.loop import Health


@contextmanager
def probes(
    host: str, port: int, registry: CollectorRegistry, health: Callable[[], Mapping[str, Health]]
) -> Iterator[str]:
    """
    Serve the probes while the block runs; gives their base URL.

    Args:
        port: 0 takes a free one.
        health: How each loop is; a stalled one makes ``/healthz`` answer 503.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._send(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
                case "/healthz":
                    loops = health()
                    stalled = Health.STALLED in loops.values()
                    status = HTTPStatus.SERVICE_UNAVAILABLE if stalled else HTTPStatus.OK
                    self._send_json(status, {"status": "stalled" if stalled else "alive", "loops": loops})
                case _:
                    body = {"code": 404, "message": "There is /metrics and /healthz.", "details": None}
                    self._send_json(HTTPStatus.NOT_FOUND, body)

        def log_message(self, *args: object) -> None:
            """A probe is not news."""

        def _send_json(self, status: HTTPStatus, body: Mapping[str, object]) -> None:
            self._send(status, json.dumps(body).encode(), "application/json")

        def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer((host, port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="probes")
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
