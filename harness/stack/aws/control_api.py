"""
The control endpoints of the local AWS, for the tools of the stack.

``/healthz``: the server is up. ``/_harness/metrics?since=N``: every raw datum from row N on.
``/_harness/histories?since=T``: the executions started at or after T [s since the epoch], with the events of
their histories but without inputs and outputs. ``/_harness/began?at=T``: sets the start of the run.
``/_harness/spans?since=N``: the spans from number N on; ``POST /v1/traces`` receives them (OTLP/HTTP).
"""

import json
import math
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from harness.stack.aws.metric_store import MetricStore
from harness.stack.aws.span_store import SpanStore

TRACES_PATH = "/v1/traces"


class BadQuery(ValueError):
    """A parameter of a control request is not valid; the message says which and why."""


class ControlApi:
    """WSGI middleware that answers the control endpoints and passes other requests on."""

    def __init__(
        self,
        application: WSGIApplication,
        store: MetricStore,
        spans: SpanStore,
        histories: Callable[[float], list[dict[str, Any]]],
        begin: Callable[[float], None],
    ) -> None:
        self._application = application
        self._store = store
        self._spans = spans
        self._histories = histories
        self._begin = begin

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == TRACES_PATH:
            return self._receive_spans(environ, start_response)
        if path.startswith("/moto-api"):
            message = "The local AWS has no API of moto: see /_harness/metrics and /_harness/histories."
            return _json({"message": message}, start_response, "404 Not Found")
        try:
            answer = self._answer(path, environ)
        except BadQuery as refused:
            return _json({"message": str(refused)}, start_response, "400 Bad Request")
        return self._application(environ, start_response) if answer is None else _json(answer, start_response)

    def _answer(self, path: str, environ: WSGIEnvironment) -> dict[str, Any] | None:
        """Return the answer of a control endpoint, None for another path."""
        match path:
            case "/healthz":
                return {"status": "ok"}
            case "/_harness/metrics":
                count, rows = self._store.since(int(_query_number(environ, "since")))
                return {"next": count, "data": rows}
            case "/_harness/spans":
                count, spans = self._spans.since(int(_query_number(environ, "since")))
                return {"next": count, "data": spans}
            case "/_harness/histories":
                return {"data": self._histories(_query_number(environ, "since"))}
            case "/_harness/began":
                self._begin(_query_number(environ, "at"))
                return {}
        return None

    def _receive_spans(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            self._spans.receive(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        except ValueError as error:
            return _json({"message": str(error)}, start_response, "400 Bad Request")
        return _json({}, start_response)


def _query_number(environ: WSGIEnvironment, name: str) -> float:
    """Return a number of the query string, 0 if it is missing; raise `BadQuery` if it is not one."""
    text = parse_qs(environ.get("QUERY_STRING", "")).get(name, ["0"])[0]
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise BadQuery(f"{name} must be a number from 0 on, not {text!r}")
    return number


def _json(answer: Any, start_response: StartResponse, status: str = "200 OK") -> Iterable[bytes]:
    body = json.dumps(answer, separators=(",", ":")).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
