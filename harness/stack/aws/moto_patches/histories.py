"""
Replaces moto's execution histories by paged, cached and compressed ones.

moto answers a history as a whole, whatever page the request asks for. The service requests a history without
data at every status poll. So an event without data becomes text once, and the request is answered without a
web framework. The history of an execution that has ended is compressed: it repeats the whole state at every
event, about 200 kB for a batch of twelve files.
"""

import io
import json
import pickle
import threading
import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.stepfunctions.exceptions import ValidationException
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse

from harness.stack.aws.moto_patches.source import replace

PAGE = 100
LONGEST_PAGE = 1000
TARGET = "AWSStepFunctions.GetExecutionHistory"
MEDIA_TYPE = "application/x-amz-json-1.0"
DATA = {"input", "output", "parameters"}
SLIM_DETAILS = ("name", "index", "error", "cause", "resource", "resourceType")
CAUSE_CHARACTERS_MAX = 300

Event = dict[str, Any]

_changing = threading.Lock()
"""Held while a history is compressed or becomes text."""


def install() -> None:
    replace(StepFunctionResponse, "get_execution_history", "2f3bee9a7d4c", _get_execution_history)


def events_of(execution: Any) -> list[Event]:
    """Return all events of an execution, oldest first; callers must not change them."""
    with _changing:
        return _events_of(execution)


def slim_events_of(execution: Any) -> list[Event]:
    """Return the events of an execution as the tools of the stack need them: without most details."""
    slim: bytes | None = getattr(execution, "slim_history", None)
    if slim is None:
        return [_slim(event) for event in events_of(execution)]
    events: list[Event] = json.loads(zlib.decompress(slim))
    return events


def pack(execution: Any) -> None:
    """Compress what stays of an execution that has ended, give it a ``slim_history``, and drop its state."""
    with _changing:
        events = _events_of(execution)
        if "texts_without_data" in execution.__dict__:  # a client polls it and will request the last events
            _add_texts(execution, events)
            _pack_texts(execution)
        execution.slim_history = zlib.compress(json.dumps([_slim(event) for event in events]).encode(), 1)
        execution.packed_history = zlib.compress(pickle.dumps(events), 1)
        execution.exec_worker.env.event_manager._history_event_list.clear()
        execution.output_text = output_text(execution)
        execution.exec_worker = execution.input_data = execution.output = None


def output_text(execution: Any) -> str:
    """Return the output of an execution as JSON."""
    output = execution.output  # read first: `pack` sets the text before it drops the output
    packed: str | None = getattr(execution, "output_text", None)
    return packed or json.dumps(output, separators=(",", ":"), default=str)


class HistoryCache:
    """WSGI middleware that answers requests for histories without data and passes other requests on."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") != TARGET:
            return self._application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer = _answer_from_cache(body, environ.get("HTTP_AUTHORIZATION", ""))
        if answer is None:
            return self._application(environ | {"wsgi.input": io.BytesIO(body)}, start_response)
        start_response("200 OK", [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(answer)))])
        return [answer]


def _answer_from_cache(body: bytes, authorization: str) -> bytes | None:
    """Return the answer to a request for all events without data, None if moto must answer the request."""
    try:
        request = json.loads(body)
        _, _, _, region, account, _, _, _ = request["executionArn"].split(":")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if request.keys() - {"executionArn", "includeExecutionData", "maxResults"}:
        return None
    if request.get("includeExecutionData") is not False or f"/{region}/states/" not in authorization:
        return None
    execution = _find(request["executionArn"], region, account)
    if execution is None:
        return None
    texts = _texts_without_data(execution)
    if len(texts) > (request.get("maxResults") or PAGE):
        return None
    return f'{{"events":[{",".join(texts)}]}}'.encode()


def _find(arn: str, region: str, account: str) -> Any:
    machines = list(stepfunctions_parser_backends[account][region].state_machines)
    return next((one.executions.by_arn[arn] for one in machines if arn in one.executions.by_arn), None)


def _texts_without_data(execution: Any) -> list[str]:
    """Return the events of an execution as JSON without data; each event becomes text once."""
    with _changing:
        packed: bytes | None = getattr(execution, "packed_texts", None)
        if packed is not None:
            return zlib.decompress(packed).decode().split("\n")
        texts: list[str] = execution.__dict__.setdefault("texts_without_data", [])
        _add_texts(execution, _events_of(execution))
        if hasattr(execution, "packed_history"):
            _pack_texts(execution)
        return list(texts)


def _add_texts(execution: Any, events: list[Event]) -> None:
    new = events[len(execution.texts_without_data) :]
    execution.texts_without_data += [json.dumps(_with_epoch_time(_without_data(event))) for event in new]


def _pack_texts(execution: Any) -> None:
    texts = execution.__dict__.pop("texts_without_data")
    execution.packed_texts = zlib.compress("\n".join(texts).encode(), 1)


def _events_of(execution: Any) -> list[Event]:
    packed = getattr(execution, "packed_history", None)
    if packed is not None:
        events: list[Event] = pickle.loads(zlib.decompress(packed))  # noqa: S301 — written by `pack`
        return events
    env = execution.exec_worker.env
    return list(env.event_manager._history_event_list) if env else []


def _get_execution_history(self: Any) -> tuple[int, dict[str, str], str]:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    events = events_of(execution)
    if self._get_param("reverseOrder"):
        events.reverse()
    if self._get_param("includeExecutionData") is False:
        events = [_without_data(event) for event in events]
    size = int(self._get_param("maxResults") or PAGE)
    if not 1 <= size <= LONGEST_PAGE:
        raise ValidationException(f"maxResults must be between 1 and {LONGEST_PAGE}, not {size}")
    token = self._get_param("nextToken") or "0"
    if not token.isdecimal():
        raise ValidationException(f"Invalid Token: '{token}'")
    first = int(token)
    answer: dict[str, Any] = {"events": [_with_epoch_time(event) for event in events[first : first + size]]}
    if first + size < len(events):
        answer["nextToken"] = str(first + size)
    # Not an ActionResult: under status polls moto's serializer took three quarters of the process.
    return 200, {"Content-Type": MEDIA_TYPE}, json.dumps(answer)


def _with_epoch_time(event: Event) -> Event:
    return event | {"timestamp": datetime.fromisoformat(event["timestamp"]).timestamp()}


def _without_data(event: Event) -> Event:
    return {
        name: {key: item for key, item in value.items() if key not in DATA}
        if isinstance(value, dict)
        else value
        for name, value in event.items()
    }


def _slim(event: Event) -> Event:
    return {name: _slim_details(value) if isinstance(value, dict) else value for name, value in event.items()}


def _slim_details(details: dict[str, Any]) -> dict[str, Any]:
    kept = {name: details[name] for name in SLIM_DETAILS if name in details}
    if isinstance(kept.get("cause"), str):
        kept["cause"] = kept["cause"][:CAUSE_CHARACTERS_MAX]
    if kept.get("resourceType") == "mediaconvert" and "output" in details:
        # No other event has the time when the job left its queue.
        timing = json.loads(details["output"]).get("Job", {}).get("Timing")
        kept["output"] = json.dumps({"Job": {"Timing": timing}})
    return kept
