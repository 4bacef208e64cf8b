"""The HTTP server of the worker: ``/metrics`` for Prometheus, ``/healthz`` for the process manager."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.service.adapters.prometheus.exposition import metrics_response
from harness.service.http_protocol import LimitedHttpProtocol
from harness.service.worker.loop import Health

GRACE_S = 5
"""How long a request in progress may take when the server stops [s]."""


@contextmanager
def probe_server(
    host: str, port: int, registry: CollectorRegistry, health: Callable[[], Mapping[str, Health]]
) -> Iterator[str]:
    """
    Serve the probes in a thread while the block runs; yield their base URL. Port 0 selects a free port.

    *health* returns the health of each loop; if one is stalled, ``/healthz`` answers 503.
    """
    config = uvicorn.Config(
        probe_app(registry, health),
        http=LimitedHttpProtocol,
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config)
    with config.bind_socket() as listener:
        # Clients can connect from now on, although the thread may accept the connections later.
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="probes")
        thread.start()
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def probe_app(registry: CollectorRegistry, health: Callable[[], Mapping[str, Health]]) -> Starlette:
    """Return the application with the routes ``/metrics`` and ``/healthz``."""

    # Not coroutines: a collector may query the database.
    def metrics(_request: Request) -> Response:
        return metrics_response(registry)

    def healthz(_request: Request) -> Response:
        loops = health()
        stalled = Health.STALLED in loops.values()
        status = HTTPStatus.SERVICE_UNAVAILABLE if stalled else HTTPStatus.OK
        return JSONResponse({"status": "stalled" if stalled else "alive", "loops": loops}, status)

    routes = [Route("/metrics", metrics), Route("/healthz", healthz)]
    return Starlette(routes=routes, exception_handlers={404: _not_found})


def _not_found(_request: Request, _error: Exception) -> Response:
    body = {"code": 404, "message": "This server has only /metrics and /healthz.", "details": None}
    return JSONResponse(body, HTTPStatus.NOT_FOUND)
