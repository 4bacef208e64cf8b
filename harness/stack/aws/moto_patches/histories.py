"""
Histories of executions: answered a page at a time, cheap to ask for again, and small when they are over.

moto answers a history whole, whatever page was asked for, and a service that tells its clients which
step a batch is at asks for one with every poll. Asked for without data, an event is therefore turned
into text once, and the request is answered without a web framework in between. A finished history is
kept compressed: it repeats the whole state at every event, some 200 kB for a batch of twelve files.
"""

import io
import json
import pickle
import threading
import zlib
from collections.abc import Callable, Iterable
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

Event = dict[str, Any]
Slim = Callable[[Event], Event]
"""Returns what of an event stays at hand when the execution has ended."""

_changing = threading.Lock()
"""Held while a history moves from the interpreter's list to its compressed form, or becomes text."""


def install() -> None:
    """Answer histories ourselves."""
    replace(StepFunctionResponse, "get_execution_history", _answer_page, written_against="2f3bee9a7d4c")


def events_of(execution: Any) -> list[Event]:
    """Return the whole history of an execution, oldest event first; not to be changed."""
    with _changing:
        return _events_of(execution)


def pack(execution: Any, slim: Slim) -> None:
    """Compress the history of an execution that has ended, and give it a ``slim_history``."""
    with _changing:
        events = _events_of(execution)
        if "texts_without_data" in execution.__dict__:  # somebody is watching, and will ask for the end
            _add_texts(execution, events)
        execution.slim_history = [slim(event) for event in events]
        execution.events_in_all = len(events)
        execution.packed_history = zlib.compress(pickle.dumps(events), 1)
        execution.exec_worker.env.event_manager._history_event_list.clear()


class QuickHistories:
    """WSGI middleware that answers for histories without data, and passes on everything else."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") != TARGET:
            return self._application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer = _quick(body, environ.get("HTTP_AUTHORIZATION", ""))
        if answer is None:
            return self._application(environ | {"wsgi.input": io.BytesIO(body)}, start_response)
        headers = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(answer)))]
        start_response("200 OK", headers)
        return [answer]


def _quick(body: bytes, authorization: str) -> bytes | None:
    """Return the answer to a question for all the events of an execution, None if moto shall answer."""
    try:
        asked = json.loads(body)
        _, _, _, region, account, _, machine, _ = asked["executionArn"].split(":")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if asked.keys() - {"executionArn", "includeExecutionData", "maxResults"}:
        return None
    if asked.get("includeExecutionData") is not False or f"/{region}/states/" not in authorization:
        return None
    execution = _find(asked["executionArn"], machine, region, account)
    if execution is None:
        return None
    texts = _texts_without_data(execution)
    if len(texts) > (asked.get("maxResults") or PAGE):
        return None
    return f'{{"events":[{",".join(texts)}]}}'.encode()


def _find(arn: str, machine: str, region: str, account: str) -> Any:
    for one in list(stepfunctions_parser_backends[account][region].state_machines):
        if one.name == machine:
            return one.executions.by_arn.get(arn)
    return None


def _texts_without_data(execution: Any) -> list[str]:
    """Return the events of an execution as JSON without data; those known before are not made again."""
    with _changing:
        texts: list[str] = execution.__dict__.setdefault("texts_without_data", [])
        if len(texts) < getattr(execution, "events_in_all", float("inf")):
            _add_texts(execution, _events_of(execution))
        return list(texts)


def _add_texts(execution: Any, events: list[Event]) -> None:
    new = events[len(execution.texts_without_data) :]
    execution.texts_without_data += [json.dumps(_on_the_wire(_without_data(event))) for event in new]


def _events_of(execution: Any) -> list[Event]:
    packed = getattr(execution, "packed_history", None)
    if packed is not None:
        events: list[Event] = pickle.loads(zlib.decompress(packed))  # noqa: S301 — packed above
        return events
    env = execution.exec_worker.env
    return list(env.event_manager._history_event_list) if env else []


def _answer_page(self: Any) -> tuple[int, dict[str, str], str]:
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
    answer: dict[str, Any] = {"events": [_on_the_wire(event) for event in events[first : first + size]]}
    if first + size < len(events):
        answer["nextToken"] = str(first + size)
    # Not an ActionResult: moto's serializer took three quarters of the whole process under status polls.
    return 200, {"Content-Type": MEDIA_TYPE}, json.dumps(answer)


def _on_the_wire(event: Event) -> Event:
    return event | {"timestamp": datetime.fromisoformat(event["timestamp"]).timestamp()}


def _without_data(event: Event) -> Event:
    return {
        name: {key: item for key, item in value.items() if key not in DATA}
        if isinstance(value, dict)
        else value
        for name, value in event.items()
    }
