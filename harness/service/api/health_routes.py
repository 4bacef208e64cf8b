"""
The health and metrics endpoints of the API: ``/healthz``, ``/readyz`` and ``/metrics``.

They have threads of their own: the requests in progress must not delay them.
"""

from http import HTTPStatus
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from harness.service.adapters.prometheus.exposition import metrics_response
from harness.service.api.authenticated_call import CurrentService
from harness.service.api.error_documentation import errors
from harness.service.api.error_responses import error_response
from harness.service.app import Service
from harness.service.core.errors import Unavailable

THREADS = 4

routes = APIRouter(tags=["probes"])


def probe_threads() -> CapacityLimiter:
    """Return the threads of the probes; the event loop must run."""
    return CapacityLimiter(THREADS)


@routes.get("/healthz", responses=errors(without_details=(500,)))
async def healthz() -> Response:
    """Return 200 if the process works."""
    return JSONResponse({"status": "alive"})


@routes.get("/readyz", responses=errors(Unavailable, without_details=(500,)))
async def readyz(request: Request, service: CurrentService) -> Response:
    """Return 200 if the database and AWS answer; otherwise 503 with the failed checks."""
    return await to_thread.run_sync(_readiness, service, limiter=request.app.state.probe_threads)


def _readiness(service: Service) -> Response:
    down = {}
    for name, check in service.checks.items():
        try:
            check()
        except Unavailable as error:
            down[name] = str(error)
    if down:
        message = f"Down: {', '.join(down)}."
        return error_response(HTTPStatus.SERVICE_UNAVAILABLE, message, Unavailable.reason, down=down)
    return JSONResponse({"status": "ready", "checks": dict.fromkeys(service.checks, "up")})


_EXPOSITION: dict[str, Any] = {
    "description": "The metrics.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


@routes.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: _EXPOSITION, **errors(without_details=(500,))},
)
async def metrics(request: Request, service: CurrentService) -> Response:
    """Return all metrics in the text format of Prometheus."""
    return await to_thread.run_sync(
        metrics_response, service.registry, limiter=request.app.state.probe_threads
    )
