"""
The HTTP requests of one arrival: sent, timed from the moment each was due, and recorded.

The bearer token goes to the API only. A presigned URL belongs to another host: a request for it has exactly
the headers that the service returned. Redirects are not followed, so no header reaches another host. Errors
are recorded without URLs: a presigned URL is a secret.
Times are float seconds since the run began, sizes bytes.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gevent

from harness.lab.load.clients.answers import AnswerInvalid
from harness.lab.load.clients.download_check import ContentCheck
from harness.lab.load.clients.response_check import RequestOutcome, StatusCheck
from harness.lab.load.clients.trace_sampling import TraceSampling
from harness.lab.load.generator.connection import Body
from harness.lab.load.generator.connection_pool import ANSWER_LIMIT, ConnectionPool, NoResponse
from harness.lab.load.generator.http_response import HttpResponse
from harness.lab.load.generator.recorder import WorkerRecorder
from harness.lab.load.preflight.preflight import API_PREFIX
from harness.lab.load.progress import Tally
from harness.lab.results.rows import E2E, FAILED, RequestRow, SpanRow

_URL = re.compile(r"https?://\S+")

CLIENT = "client"
"""Service of the spans of the load generator."""
_ROOT_SPAN = 1

REASON_CHARACTERS = 200
"""Longest reason of a refusal that is recorded [count]."""

_NO_RESPONSE = HttpResponse(0, b"", {}, 0)


AnswerReader = Callable[[bytes], Any]
"""Returns what a body holds; raises `AnswerInvalid` if it differs from the contract."""


@dataclass(frozen=True)
class RequestContext:
    """
    What the requests of one worker share.

    Attributes:
        worker: Index of the worker.
        clock: Returns the seconds since the run began.
        fire_request: Fires Locust's ``request`` event, which feeds its own page.
    """

    worker: int
    clock: Callable[[], float]
    connections: ConnectionPool
    recorder: WorkerRecorder
    tally: Tally
    fire_request: Callable[..., None]
    traces: TraceSampling


class Reply(NamedTuple):
    """
    The result of one request.

    Attributes:
        status: HTTP status; 0 when no response came.
        error: Why it is not OK: why no response came, the reason that the service gave, or how its answer
            differs from the contract.
        answer: What the request's reader made of the body; None if it is not OK or has no reader.
    """

    status: int
    headers: Mapping[str, str]
    outcome: RequestOutcome
    error: str | None
    answer: Any
    finished_at: float

    @property
    def is_ok(self) -> bool:
        return self.outcome is RequestOutcome.OK


class ApiSession:
    """
    The requests of one arrival, in order.

    Attributes:
        batch_id: The batch that the requests are about, once it exists.
        due_at: When the next request was due. For the first one this is the intended time of the arrival;
            None for later ones, which are due when they start.
    """

    def __init__(self, context: RequestContext, arrival: int, intended_at: float) -> None:
        self._context = context
        self._clock = context.clock
        self._trace_id = secrets.token_hex(16)
        self._row = partial(RequestRow, worker=context.worker, arrival=arrival, trace_id=self._trace_id)
        self._spans = _ROOT_SPAN
        self._began_at = intended_at
        self._is_sampled: bool | None = None
        self.due_at: float | None = intended_at
        self.batch_id: str | None = None

    def post(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        token: str | None,
        check: StatusCheck,
        read: AnswerReader | None = None,
        *,
        name: str | None = None,
    ) -> Reply:
        """
        Send a request to the API.

        Args:
            endpoint: Path below the API's prefix, e.g. ``/uploads``.
            token: Bearer token; None sends none.
            read: Reads the body, unless the status is 204.
            name: Name of the request in the tables; by default its endpoint.
        """
        span = self._spans + 1
        headers = {
            "Content-Type": "application/json",
            "traceparent": f"00-{self._trace_id}-{_span_id(span)}-{int(self._samples()):02x}",
            "X-Request-ID": f"{self._trace_id}-{span}",
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        payload = json.dumps(body, separators=(",", ":")).encode()
        name = name or endpoint.lstrip("/")
        return self._exchange(
            "POST", API_PREFIX + endpoint, name, headers, check, payload, len(payload), read=read
        )

    def put(
        self, url: str, headers: Mapping[str, str], body: Body, size: int, check: StatusCheck, name: str
    ) -> Reply:
        """Upload to a presigned URL with exactly the headers that were signed."""
        return self._exchange("PUT", url, name, headers, check, body, size)

    def get(
        self, url: str, check: StatusCheck, name: str, content: ContentCheck | None = None, limit: int = 0
    ) -> Reply:
        """Download from a presigned URL; *content* checks what was downloaded, *limit* bytes at most."""
        if content is None:
            return self._exchange("GET", url, name, {}, check, limit=None)
        return self._exchange("GET", url, name, {}, check, read=partial(_must_pass, content), limit=limit)

    def end(self, flow: str) -> None:
        """Record the root span of the arrival, if its trace is sampled."""
        if self._is_sampled:
            times = (self._began_at, self._clock())
            self._record_span(_ROOT_SPAN, None, f"arrival {flow}", *times, is_failed=False)

    def observe(
        self, name: str, outcome: RequestOutcome, since: float, until: float, size: int, error: str | None
    ) -> None:
        """Record something that took several requests, from when it was due until it ended."""
        self._record(
            self._row(
                type=E2E,
                name=name,
                status=None,
                outcome=outcome.value,
                intended_at=since,
                started_at=since,
                finished_at=until,
                bytes_out=size,
                batch_id=self.batch_id,
                error=error,
            )
        )

    def _exchange(
        self,
        method: str,
        url: str,
        name: str,
        headers: Mapping[str, str],
        check_status: StatusCheck,
        body: Body | None = None,
        size: int = 0,
        *,
        read: AnswerReader | None = None,
        limit: int | None = ANSWER_LIMIT,
    ) -> Reply:
        """Send a request, check the response, and record both; a request that is killed is censored."""
        # The store must not see a coding that it may sign or refuse; JSON is small.
        headers = {**headers, "Accept-Encoding": "identity"}
        self._spans += 1
        span = self._spans
        started_at = self._clock()
        intended_at = started_at if self.due_at is None else self.due_at
        self.due_at = finished_at = None
        response, outcome, error, answer = _NO_RESPONSE, RequestOutcome.CENSORED, None, None
        try:
            try:
                response = self._context.connections.exchange(method, url, headers, body, limit=limit)
            except NoResponse as failure:
                error = _without_urls(str(failure))
            finished_at = self._clock()
            outcome = check_status(response.status)
            # Other greenlets whose responses have come are timed before anything is recorded: after a stall
            # there are many.
            gevent.sleep(0)
            if outcome is not RequestOutcome.OK:
                error = error or _reason(response.content)
            elif read is not None and response.status != 204:
                try:
                    answer = read(response.content)
                except AnswerInvalid as invalid:
                    outcome, error = RequestOutcome.FAILED, _without_urls(str(invalid))
        finally:
            finished_at = self._clock() if finished_at is None else finished_at
            if self._samples():
                is_failed = outcome.value in FAILED
                self._record_span(
                    span, _ROOT_SPAN, f"{method} {name}", started_at, finished_at, is_failed=is_failed
                )
            self._record(
                self._row(
                    type=method,
                    name=name,
                    status=response.status or None,
                    outcome=outcome.value,
                    intended_at=intended_at,
                    started_at=started_at,
                    finished_at=finished_at,
                    bytes_out=size,
                    bytes_in=response.size,
                    batch_id=self.batch_id,
                    error=error,
                )
            )
        return Reply(response.status, response.headers, outcome, error, answer, finished_at)

    def _samples(self) -> bool:
        """Return whether the trace is recorded; this is decided at the first request."""
        if self._is_sampled is None:
            self._is_sampled = self._context.traces.sample(self._clock())
        return self._is_sampled

    def _record_span(
        self,
        span: int,
        parent: int | None,
        name: str,
        started_at: float,
        finished_at: float,
        *,
        is_failed: bool,
    ) -> None:
        row = SpanRow(
            trace_id=self._trace_id,
            span_id=_span_id(span),
            parent_id=None if parent is None else _span_id(parent),
            name=name,
            service=CLIENT,
            started_at=started_at,
            finished_at=finished_at,
            status="ERROR" if is_failed else "UNSET",
            batch_id=self.batch_id,
        )
        self._context.recorder.add(row)

    def _record(self, row: RequestRow) -> None:
        """Count the row, show it in Locust's own statistics with the time since it was due, and keep it."""
        is_request = row.type != E2E
        if is_request:
            counts = self._context.tally.counts
            counts["requests"] += 1
            counts[row.outcome] += 1
        if not is_request or row.outcome != RequestOutcome.CENSORED.value:
            is_failure = row.outcome not in (RequestOutcome.OK, RequestOutcome.REFUSED)
            failure = RuntimeError(f"{row.outcome}: {row.status or ''} {row.error}") if is_failure else None
            self._context.fire_request(
                request_type=row.type,
                name=row.name,
                response_time=(row.finished_at - row.intended_at) * 1000,
                response_length=row.bytes_in if is_request else row.bytes_out,
                exception=failure,
                context={},
                response=None,
            )
        self._context.tally.request_ended(row)
        self._context.recorder.add(row)


def _span_id(number: int) -> str:
    return f"{number:016x}"


def _without_urls(text: str) -> str:
    """Return *text* without URLs, and so without signatures."""
    return _URL.sub("<url>", text)


def _reason(content: bytes) -> str:
    try:
        reason = str(json.loads(content)["details"]["reason"])[:REASON_CHARACTERS]
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = content[:REASON_CHARACTERS].decode("utf-8", "replace")
    # JSON may hold half of a character, which the tables cannot.
    return _without_urls(reason.encode("utf-8", "replace").decode())


def _must_pass(check: ContentCheck, content: bytes) -> None:
    if wrong := check(content):
        raise AnswerInvalid(wrong)
