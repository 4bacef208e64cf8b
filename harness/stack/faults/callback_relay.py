"""
The way of the callbacks to the API, while a scenario has faults of callbacks: the local AWS passes them on.

The functions post to the relay instead of the API. Bytes and signature are passed on as they are.
"""

import threading
import time
from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx

from harness.lab.workload.faults.callback_faults import (
    CallbackFault,
    DuplicateCallback,
    EmptyCallback,
    LateCallback,
    LostCallback,
    ReorderedCallback,
    TamperedCallback,
)
from harness.lab.workload.faults.struck_requests import StruckRequests
from harness.lab.workload.scenario import Scenario
from harness.stack.modelled.run_clock import RunClock

PATH = "/_harness/callback"
SIGNATURE = "X-Toq-Signature"
TIMEOUT_S = 30.0
HEADERS = {"HTTP_X_TOQ_SIGNATURE": SIGNATURE, "HTTP_TRACEPARENT": "traceparent"}


class CallbackRelay:
    """
    WSGI middleware that receives callbacks at `PATH`, and passes other requests on.

    Args:
        url: The callback endpoint of the API.

    Attributes:
        waiting: Callbacks that wait for another one.
    """

    def __init__(
        self, application: WSGIApplication, url: str, scenario: Scenario, clock: RunClock, time_scale: float
    ) -> None:
        self._application = application
        self._url = url
        self._time_scale = time_scale
        self._struck = StruckRequests(scenario, lambda: clock.now() * time_scale)
        self._http = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
        self._passed = 0
        self.waiting = 0
        self._passing = threading.Condition()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return self._application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {name: environ[variable] for variable, name in HEADERS.items() if variable in environ}
        status, answer = self._pass_on(body, headers | {"Content-Type": "application/json"})
        reason = HTTPStatus(status).phrase
        size = str(len(answer))
        start_response(f"{status} {reason}", [("Content-Type", "application/json"), ("Content-Length", size)])
        return [answer]

    def _pass_on(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        for fault, draw in self._struck.strike(CallbackFault):
            match fault:
                case LostCallback():
                    return HTTPStatus.GATEWAY_TIMEOUT, b""
                case LateCallback():
                    pause = fault.delay.sample(draw) / self._time_scale
                    later = (pause, body, headers)
                    threading.Thread(target=self._send_later, args=later, daemon=True).start()
                    return HTTPStatus.GATEWAY_TIMEOUT, b""
                case DuplicateCallback():
                    self._send(body, headers)
                case EmptyCallback():
                    body = b""
                case ReorderedCallback():
                    self._wait_for_another(fault.longest / self._time_scale)
                case TamperedCallback():
                    headers = headers | {SIGNATURE: headers.get(SIGNATURE, "")[::-1]}
        return self._send(body, headers)

    def _send_later(self, pause: float, body: bytes, headers: dict[str, str]) -> None:
        time.sleep(max(0.0, pause))
        self._send(body, headers)

    def _wait_for_another(self, longest: float) -> None:
        """Wait until another callback has reached the API, at most *longest* [s]."""
        with self._passing:
            before = self._passed
            self.waiting += 1
            self._passing.wait_for(lambda: self._passed > before, longest)
            self.waiting -= 1

    def _send(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        try:
            answer = self._http.post(self._url, content=body, headers=headers)
        except httpx.HTTPError:
            return HTTPStatus.BAD_GATEWAY, b""
        finally:
            with self._passing:
                self._passed += 1
                self._passing.notify_all()
        return answer.status_code, answer.content
