"""
The HTTP server of the service.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI

from harness.service.adapters.prometheus.http_instruments import HttpInstruments
from harness.service.api import callback_route, docs_page, error_responses, health_routes, media_batches
from harness.service.api.auth import Tokens
from harness.service.api.telemetry import Telemetry
from harness.service.app import Service, build
from harness.service.settings import Settings

DESCRIPTION = """
Photographers and owners upload photos, videos and project files of a listing in **batches**: create the
batch, PUT each file to its URL, complete the batch, ask for its status until it is READY, then query the
downloads.

Every error has the body `{"code", "message", "details": {"reason", …} | null}`. There is no
`Idempotency-Key`: the batch's status says what may be done.
"""


def create_app(settings: Settings) -> FastAPI:
    """Return the API over MySQL and AWS."""
    return serve(build(settings), settings)


def serve(service: Service, settings: Settings) -> FastAPI:
    """Return the API over *service*."""
    app = FastAPI(
        title="Listing media",
        version="2",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(service, settings.max_threads),
        redirect_slashes=False,
        # The trace of a request is ours to write; FastAPI's own spans would double it.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.service = service
    app.state.tokens = Tokens(settings.jwt_key.get_secret_value(), settings.jwt_issuer, settings.jwt_audience)
    app.state.callback_secret = settings.callback_secret.get_secret_value()
    app.include_router(media_batches.routes)
    app.include_router(callback_route.routes)
    app.include_router(health_routes.routes)
    docs_page.install(app)
    error_responses.install(app)
    app.add_middleware(Telemetry, instruments=HttpInstruments(service.registry))
    _document_only_what_is_answered(app)
    return app


def _lifespan(service: Service, threads: int) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # As many as there are connections: more would only queue for one.
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        yield
        service.close()

    return lifespan


def _document_only_what_is_answered(app: FastAPI) -> None:
    """FastAPI documents a 422 for every body; ours is a 400."""
    complete = app.openapi

    def openapi() -> dict[str, Any]:  # FastAPI's own type
        document = complete()
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to change the document
