"""
What machines ask about the process itself: is it alive, can it serve, what has it measured.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response

from harness.service.api.documented import errors
from harness.service.api.error_responses import error_response
from harness.service.app import Service
from harness.service.core.errors import Unavailable

routes = APIRouter(tags=["probes"])


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


@routes.get("/healthz", responses=errors(without_details=(500,)))
async def healthz() -> Response:
    """The process is alive."""
    return JSONResponse({"status": "alive"})


@routes.get("/readyz", responses=errors(Unavailable("Down: database."), without_details=(500,)))
def readyz(service: Annotated[Service, Depends(_service)]) -> Response:
    """The database and AWS answer; what does not is named."""
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
def metrics(service: Annotated[Service, Depends(_service)]) -> Response:
    """All instruments in Prometheus's text format."""
    return Response(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)
