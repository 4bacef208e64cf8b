"""The FastAPI application of the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI

from harness.service.adapters.prometheus.http_instruments import HttpInstruments
from harness.service.api import callback_route, docs_page, error_responses, health_routes, media_routes
from harness.service.api.bearer_token import Tokens
from harness.service.api.telemetry import Telemetry
from harness.service.app import Service, build
from harness.service.settings import Settings

DESCRIPTION = """
Photographers and owners upload photos, videos and project files of a listing in **batches**: create a batch,
PUT each file to its URL, complete the batch, query its status until it is READY, then query the downloads.

The body of every error is `{"code", "message", "details": {"reason", …} | null}`. An `Idempotency-Key` is not
needed: the status of the batch determines which requests are allowed.
"""
TAGS = [
    {"name": "media batches", "description": "Uploads and downloads of a listing."},
    {"name": "pipeline", "description": "The callback of the pipeline, by signature."},
    {"name": "probes", "description": "Health and metrics."},
]


def create_app(settings: Settings) -> FastAPI:
    """Return the API over MySQL and AWS."""
    return serve(build(settings, process="listing-media-api"), settings)


def serve(service: Service, settings: Settings) -> FastAPI:
    """Return the API over *service*."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # As many threads as connections: more threads would only wait for a connection.
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.max_threads
        app.state.probe_threads = health_routes.probe_threads()
        yield
        service.close()

    app = FastAPI(
        title="Listing media",
        version="2",
        description=DESCRIPTION,
        contact={"name": "The media harness maintainers"},
        servers=[{"url": "/", "description": "The server of this document."}],
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        # Names of functions in generated clients.
        generate_unique_id_function=lambda route: route.name,
        # `Telemetry` opens the spans; those of FastAPI would duplicate them.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.service = service
    app.state.tokens = Tokens(settings.jwt_key.get_secret_value(), settings.jwt_issuer, settings.jwt_audience)
    app.state.callback_secret = settings.callback_secret.get_secret_value()
    app.include_router(media_routes.routes)
    app.include_router(callback_route.routes)
    app.include_router(health_routes.routes)
    docs_page.install(app)
    error_responses.install(app)
    app.add_middleware(Telemetry, instruments=HttpInstruments(service.registry), tracer=service.tracer)
    _complete_document(app)
    return app


def _complete_document(app: FastAPI) -> None:
    """
    Correct the OpenAPI document of FastAPI.

    It has the status 422, where this API answers 400, and drops the ``null`` of ``details`` in examples.
    """
    complete = app.openapi

    def openapi() -> dict[str, Any]:  # as FastAPI declares it
        document = complete()
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
                for response in operation["responses"].values():
                    examples = response.get("content", {}).get("application/json", {}).get("examples", {})
                    for example in examples.values():
                        example["value"].setdefault("details", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to change the document
