"""
What the stack's own tools ask the local AWS, beside what any AWS client may.

``/healthz``; ``/_harness/metrics?since=N``: every raw datum from row N on; ``/_harness/histories?since=T``:
the executions started from T [s since the epoch] on, with their histories but without their data;
``/_harness/began?at=T``: tells when the run began that is played now.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from harness.stack.aws.metric_store import MetricStore


class ControlApi:
    """WSGI middleware that answers our own questions and passes on the others."""

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
            count, rows = self._store.since(int(_asked(environ, "since")))
            return _json({"next": count, "data": rows}, start_response)
        if path == "/_harness/histories":
            return _json({"data": self._histories(_asked(environ, "since"))}, start_response)
        if path == "/_harness/began":
            self._begin(_asked(environ, "at"))
            return _json({}, start_response)
        return self._application(environ, start_response)


def _asked(environ: WSGIEnvironment, name: str) -> float:
    return float(parse_qs(environ.get("QUERY_STRING", "")).get(name, ["0"])[0])


def _json(answer: Any, start_response: StartResponse) -> Iterable[bytes]:
    body = json.dumps(answer, separators=(",", ":")).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
