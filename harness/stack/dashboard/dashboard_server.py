"""
Web server of the stack's live page, on the loopback interface.

``/events`` is a stream of server-sent events, one JSON object (`Snapshot`) a second. The stack is only
observed while a client reads that stream. The page loads nothing from other servers.
"""

import asyncio
import json
import logging
import math
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from http import HTTPStatus
from importlib.resources import files

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.stack.dashboard.snapshot import Snapshot

LOG = logging.getLogger(__name__)

Observe = Callable[[], Snapshot]

PERIOD_S = 1.0
HTML, CSS, SCRIPT = (f"text/{kind}; charset=utf-8" for kind in ("html", "css", "javascript"))
DASHBOARD, REPORT = files("harness.stack.dashboard"), files("harness.lab.report")
PAGES = {
    "/": (DASHBOARD / "page.html", HTML),
    "/dashboard.css": (DASHBOARD / "dashboard.css", CSS),
    "/dashboard.js": (DASHBOARD / "dashboard.js", SCRIPT),
    # The charts are drawn as those of a report.
    "/colours.css": (REPORT / "colours.css", CSS),
    "/interactive_charts.css": (REPORT / "interactive_charts.css", CSS),
    "/interactive_charts.js": (REPORT / "interactive_charts.js", SCRIPT),
    "/uPlot.css": (REPORT / "uplot" / "uPlot.min.css", CSS),
    "/uPlot.js": (REPORT / "uplot" / "uPlot.iife.min.js", SCRIPT),
}
LOCAL_NAMES = ("127.0.0.1", "localhost")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@contextmanager
def dashboard(observe: Observe) -> Iterator[str]:
    """Serve the page on a free port and yield its URL; *observe* is never called twice at the same time."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = DashboardServer(SnapshotStream(observe))
    thread = threading.Thread(target=server.run, args=([listener],), name="dashboard", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class SnapshotStream:
    """
    Snapshots of the stack as server-sent events. All readers get the same snapshot, a new one every second.

    All methods run in the event loop of the server; *observe* runs in a thread.
    """

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._lock = asyncio.Lock()
        self._event = ""
        self._taken_at = -math.inf
        self._ended = asyncio.Event()

    async def read(self) -> AsyncIterator[str]:
        """Yield an event every second until the stream has ended."""
        while not self._ended.is_set():
            try:
                event = await self._current_event()
            except Exception:
                LOG.exception("The live page ends: the stack could not be observed.")
                self.end()
                return
            yield event
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), PERIOD_S)

    def end(self) -> None:
        """End the stream of every reader."""
        self._ended.set()

    async def _current_event(self) -> str:
        async with self._lock:
            if time.monotonic() - self._taken_at >= PERIOD_S:
                snapshot = await run_in_threadpool(self._observe)
                text = json.dumps(asdict(snapshot), separators=(",", ":"), allow_nan=False)
                self._event, self._taken_at = f"data: {text}\n\n", time.monotonic()
            return self._event


class DashboardServer(uvicorn.Server):
    """A web server that ends its event streams before it waits for open connections."""

    def __init__(self, stream: SnapshotStream) -> None:
        super().__init__(uvicorn.Config(_application(stream), log_config=None, access_log=False))
        self._stream = stream

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stream.end()
        await super().shutdown(sockets)


def _application(stream: SnapshotStream) -> Starlette:
    async def events(_request: Request) -> Response:
        return StreamingResponse(stream.read(), headers={"Content-Type": "text/event-stream"})

    return Starlette(
        routes=[Route("/events", events), *(Route(path, _page) for path in PAGES)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_protect)],
        exception_handlers={HTTPStatus.NOT_FOUND: _not_found},
    )


async def _page(request: Request) -> Response:
    file, content_type = PAGES[request.url.path]
    return Response(file.read_bytes(), headers={"Content-Type": content_type})


async def _not_found(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("There is / and /events.\n", HTTPStatus.NOT_FOUND)


async def _protect(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    # A page of another site must not read the stack through a name that it resolves to this address.
    if request.url.hostname in LOCAL_NAMES:
        response = await call_next(request)
    else:
        response = PlainTextResponse("Use the address 127.0.0.1.\n", HTTPStatus.FORBIDDEN)
    response.headers.update(HEADERS)
    return response
