"""
One arrival's HTTP requests: sent, timed from the moment each was due, recorded.

The bearer token goes to the API only. What a presigned URL leads to is another host: it gets exactly
the headers the service returned and nothing else. Redirects are not followed, so that no header
travels to a host nobody named. Errors are recorded without URLs: a presigned URL is a secret.
Times are float seconds since the run began, sizes bytes.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gevent
from gevent import GreenletExit

from harness.lab.load.clients.download_check import Check
from harness.lab.load.clients.response_check import Judge, RequestOutcome
from harness.lab.load.generator.connection import Body
from harness.lab.load.generator.connection_pool import ConnectionPool, NoResponse
from harness.lab.load.generator.recorder import WorkerRecorder
from harness.lab.results.rows import RequestRow

END_TO_END = "E2E"
"""Type of a row that is no request but something that took several."""

API_PREFIX = "/api/v2/listings/media"

_URL = re.compile(r"https?://\S+")

_NO_HEADERS: Mapping[str, Any] = {}

Announce = Callable[..., None]
"""Takes what Locust's own page shows of a request; the ``request`` event's arguments."""

Clock = Callable[[], float]
"""Seconds since the run began."""


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What came back.

    Attributes:
        status: HTTP status; 0 when no answer came.
        error: Why no answer came, or the reason the service gave for refusing.
    """

    status: int
    content: bytes
    error: str | None
    finished_at: float
    headers: Mapping[str, Any]

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class ApiSession:
    """
    The requests of one arrival, in order.

    Attributes:
        batch_id: The batch the requests are about, once there is one.
        due_at: When the next request was due: the arrival's intended moment for the first one, its own
            start for those that follow another.
    """

    def __init__(
        self,
        connections: ConnectionPool,
        announce: Announce,
        recorder: WorkerRecorder,
        counts: Counter[str],
        clock: Clock,
        *,
        worker: int,
        arrival: int,
        trace_id: str,
        intended_at: float,
    ) -> None:
        self._connections = connections
        self._announce = announce
        self._recorder = recorder
        self._counts = counts
        self._clock = clock
        self._worker = worker
        self._arrival = arrival
        self._trace_id = trace_id
        self._spans = 0
        self.due_at: float | None = intended_at
        self.batch_id: str | None = None

    def api(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        token: str | None,
        judge: Judge,
        *,
        name: str | None = None,
    ) -> Reply:
        """
        Ask the service.

        Args:
            endpoint: Path below the API's prefix, e.g. ``/uploads``.
            token: Bearer token; None sends none.
            name: What the tables call the request, if not by its endpoint.
        """
        headers = {"Content-Type": "application/json", **self._trace_headers()}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        payload = json.dumps(body, separators=(",", ":")).encode()
        return self._exchange(
            "POST", API_PREFIX + endpoint, name or endpoint.lstrip("/"), payload, len(payload), headers, judge
        )

    def put(
        self, url: str, headers: Mapping[str, str], body: Body, size: int, judge: Judge, name: str
    ) -> Reply:
        """Upload to a presigned URL with exactly the headers that were signed."""
        return self._exchange("PUT", url, name, body, size, dict(headers), judge)

    def get(self, url: str, judge: Judge, name: str, check: Check | None = None) -> Reply:
        """
        Download from a presigned URL.

        Args:
            check: Looks at what came back and says what is wrong with it, if anything is.
        """
        return self._exchange("GET", url, name, None, 0, {}, judge, check)

    def observe(
        self, name: str, outcome: RequestOutcome, since: float, until: float, size: int, error: str | None
    ) -> None:
        """Record something that took several requests, from when it was due until it ended."""
        self._record(END_TO_END, name, 0, outcome, since, since, until, size, 0, error)

    def _trace_headers(self) -> dict[str, str]:
        self._spans += 1
        return {
            "traceparent": f"00-{self._trace_id}-{self._spans:016x}-01",
            "X-Request-ID": f"{self._trace_id}-{self._spans}",
        }

    def _exchange(
        self,
        method: str,
        url: str,
        name: str,
        body: Body | None,
        size: int,
        headers: dict[str, str],
        judge: Judge,
        check: Check | None = None,
    ) -> Reply:
        started_at = self._clock()
        intended_at = started_at if self.due_at is None else self.due_at
        self.due_at = None
        # The store must not see a coding it may sign or refuse; JSON is small.
        headers["Accept-Encoding"] = "identity"
        try:
            status, content, answered, error = self._ask(method, url, headers, body)
        except GreenletExit:
            self._record(
                method,
                name,
                0,
                RequestOutcome.CENSORED,
                intended_at,
                started_at,
                self._clock(),
                size,
                0,
                None,
            )
            raise
        finished_at = self._clock()
        outcome = judge(status)
        try:
            # Whoever else was answered at this moment is timed before anybody is recorded: after a stall
            # there are many.
            gevent.sleep(0)
            if outcome is RequestOutcome.OK:
                if check is not None and (error := check(content)):
                    outcome = RequestOutcome.FAILED
            elif error is None:
                error = _reason(content)
        finally:
            self._record(
                method, name, status, outcome, intended_at, started_at, finished_at, size, len(content), error
            )
        return Reply(status, content, error, finished_at, answered)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None
    ) -> tuple[int, bytes, Mapping[str, Any], str | None]:
        """Return status, content and headers; 0 and why, if no answer came."""
        try:
            answer = self._connections.exchange(method, url, headers, body)
        except NoResponse as unanswered:
            return 0, b"", _NO_HEADERS, scrubbed(str(unanswered))
        return answer.status, answer.content, answer.headers, None

    def _record(
        self,
        method: str,
        name: str,
        status: int,
        outcome: RequestOutcome,
        intended_at: float,
        started_at: float,
        finished_at: float,
        bytes_out: int,
        bytes_in: int,
        error: str | None,
    ) -> None:
        if method != END_TO_END:
            self._counts["requests"] += 1
            self._counts[outcome.value] += 1
        if outcome is not RequestOutcome.CENSORED or method == END_TO_END:
            size = bytes_out if method == END_TO_END else bytes_in
            self._tell_locust(method, name, outcome, finished_at - intended_at, size, status, error)
        self._recorder.add(
            RequestRow(
                self._worker,
                self._arrival,
                method,
                name,
                status or None,
                outcome.value,
                intended_at,
                started_at,
                finished_at,
                bytes_out,
                bytes_in,
                self.batch_id,
                self._trace_id,
                error,
            )
        )

    def _tell_locust(
        self,
        method: str,
        name: str,
        outcome: RequestOutcome,
        response_time: float,
        size: int,
        status: int,
        error: str | None,
    ) -> None:
        """Show Locust's own page the time from the intended moment too."""
        is_fine = outcome in (RequestOutcome.OK, RequestOutcome.REFUSED)
        self._announce(
            request_type=method,
            name=name,
            response_time=response_time * 1000,
            response_length=size,
            exception=None if is_fine else RuntimeError(f"{outcome}: {status or ''} {error}"),
            context={},
            response=None,
        )


def scrubbed(text: str) -> str:
    """Return *text* without URLs, and so without signatures."""
    return _URL.sub("<url>", text)


def _reason(content: bytes) -> str:
    """Return why the service refused, as it says it."""
    try:
        details = json.loads(content)["details"]
        return str(details["reason"])
    except (ValueError, KeyError, TypeError):
        return scrubbed(content[:200].decode("utf-8", "replace"))
