"""
The control endpoints of the local AWS, for the tools of the stack.

``/healthz``: the server is up. ``/_harness/metrics?since=N``: every raw datum from row N on.
``/_harness/histories?since=T``: the executions started at or after T [s since the epoch], with the events of
their histories but without inputs and outputs. ``/_harness/began?at=T``: sets the start of the run.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from harness.stack.aws.metric_store import MetricStore


class ControlApi:
    """WSGI middleware that answers the control endpoints and passes other requests on."""

    def __init__(
        self,
        application: WSGIApplication,
        store: MetricStore,
        histories: Callable[[float], list[dict[str, Any]]],
        begin: Callable[[float], None],
    ) -> None:
        self._application = application
        self._store = store
        self._histories = histories
        self._begin = begin

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/healthz":
            return _json({"status": "ok"}, start_response)
        if path == "/_harness/metrics":
            count, rows = self._store.since(int(_query_number(environ, "since")))
            return _json({"next": count, "data": rows}, start_response)
        if path == "/_harness/histories":
            return _json({"data": self._histories(_query_number(environ, "since"))}, start_response)
        if path == "/_harness/began":
            self._begin(_query_number(environ, "at"))
            return _json({}, start_response)
        return self._application(environ, start_response)


def _query_number(environ: WSGIEnvironment, name: str) -> float:
    """Return a number of the query string, 0 if it is missing."""
    return float(parse_qs(environ.get("QUERY_STRING", "")).get(name, ["0"])[0])


def _json(answer: Any, start_response: StartResponse) -> Iterable[bytes]:
    body = json.dumps(answer, separators=(",", ":")).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
