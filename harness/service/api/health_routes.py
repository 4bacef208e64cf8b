"""The health and metrics endpoints of the API: ``/healthz``, ``/readyz`` and ``/metrics``."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from harness.service.adapters.prometheus.exposition import metrics_response
from harness.service.api.authenticated_call import CurrentService
from harness.service.api.error_documentation import errors
from harness.service.api.error_responses import error_response
from harness.service.core.errors import Unavailable

routes = APIRouter(tags=["probes"])


@routes.get("/healthz", responses=errors(without_details=(500,)))
async def healthz() -> Response:
    """Return 200 if the process works."""
    return JSONResponse({"status": "alive"})


@routes.get("/readyz", responses=errors(Unavailable, without_details=(500,)))
def readyz(service: CurrentService) -> Response:
    """Return 200 if the database and AWS answer; otherwise 503 with the failed checks."""
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


@routes.get("/metrics", responses=errors(without_details=(500,)))
def metrics(service: CurrentService) -> Response:
    """Return all metrics in the text format of Prometheus."""
    return metrics_response(service.registry)
