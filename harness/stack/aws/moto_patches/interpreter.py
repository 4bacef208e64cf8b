"""
Replaces parts of moto's state-machine interpreter: parsing, clock, threads, logs and the end of an execution.

moto parses the definition for every execution, keeps every thread object, and logs the whole program
at every caught error. A task that has timed out or was stopped still writes to the history there, and
changes how the execution ended. Times in seconds.
"""

import json
import logging
import os
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, wait
from functools import lru_cache, partialmethod
from types import SimpleNamespace
from typing import Any

import boto3
from moto.stepfunctions.parser import quotas, utils
from moto.stepfunctions.parser.api import ExecutionTimedOutEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError, TimeoutSeconds
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import wait_function
from moto.stepfunctions.parser.asl.eval import environment
from moto.stepfunctions.parser.asl.eval.callback import callback
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client, json_path

from harness.stack.aws.moto_patches.copies import deep_copy
from harness.stack.aws.moto_patches.source import expect, replace

LOG = logging.getLogger(__name__)

PARSED_DEFINITIONS = 256
PARSED_PATHS = 1024
LAST_EVENTS = {
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionTimedOut,
}
_as_inner_frame_of_moto = environment.Environment.as_inner_frame_of.__func__
_set_stop_of_moto = environment.Environment.set_stop
_set_error_of_moto = environment.Environment.set_error
_add_event_of_moto = EventManager.add_event


def install(time_scale: float) -> None:
    """
    Replace the parts.

    Waits, retry intervals, time-outs and heartbeats pass *time_scale* times faster; the history still has
    the figures of the definition.
    """
    _scale_clock(time_scale)
    _parse_once()
    _forget_threads()
    _log_briefly()
    _sign_with_own_credentials()
    expect(quotas, "is_within_size_quota", "744cc11a3a37")
    quotas.to_json_str = _unescaped
    replace(Program, "eval", "b8bfa1cb68d3", partialmethod(_eval_program, time_scale))
    replace(
        ExecutionState,
        "_evaluate_with_timeout",
        "024c6f9bf003",
        partialmethod(_evaluate_with_timeout, time_scale),
    )
    replace(environment.Environment, "as_inner_frame_of", "2365486c51ae", _as_inner_frame_of)
    replace(environment.Environment, "set_stop", "3bddad3ad761", _set_stop)
    replace(environment.Environment, "set_error", "4caa76a68982", _set_error)
    replace(EventManager, "add_event", "18d8edb48c9a", _add_event)


def _unescaped(value: Any) -> str:
    """Return JSON as Step Functions counts it: a character has one to four bytes of UTF-8, not an escape."""
    return json.dumps(value, default=str, ensure_ascii=False)


class ScaledEvent(threading.Event):
    """An event whose waits are divided by the time scale."""

    scale = 1.0

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else timeout / self.scale)


def _scale_clock(scale: float) -> None:
    expect(retrier_decl.RetrierDecl, "_eval_body", "6a1a0c8aad10")
    expect(wait_function.WaitFunction, "_wait_interval", "2baecc23124b")
    expect(callback.HeartbeatEndpoint, "clear_and_wait", "dd42ecf09a1c")
    expect(callback.CallbackEndpoint, "wait", "07677ef59b8d")
    expect(environment.Environment, "__init__", "4e38ff666608")
    ScaledEvent.scale = scale
    callback.Event = ScaledEvent
    # These modules use `time` to sleep and to measure their sleep, and the event of `threading` for a Wait.
    retrier_decl.time = wait_function.time = SimpleNamespace(
        sleep=lambda seconds: time.sleep(seconds / scale), time=lambda: time.time() * scale
    )
    environment.threading = SimpleNamespace(Event=ScaledEvent, RLock=threading.RLock)


def _parse_once() -> None:
    # The only state of an evaluation in a parsed program is its heap key, which moto makes lazily (two
    # threads would make two). With a fixed key all executions share one program.
    replace(EvalComponent, "heap_key", "a9be3aef8b40", property(lambda self: f"{id(self):x}"))
    expect(json_path, "extract_json", "932245247973")
    expect(result_path.ResultPath, "_eval_body", "d2e91c4e1de5")
    for module in (json_path, result_path):
        module.parse = lru_cache(maxsize=PARSED_PATHS)(module.parse)
    parse = lru_cache(maxsize=PARSED_DEFINITIONS)(AmazonStateLanguageParser.parse)
    replace(AmazonStateLanguageParser, "parse", "e08871c8420a", parse)


def _forget_threads() -> None:
    # moto appends every thread to a list of its own, and imports that list into many modules.
    always_empty = deque[Any](maxlen=0)
    known = utils.TMP_THREADS
    for module in list(sys.modules.values()):
        if getattr(module, "TMP_THREADS", None) is known:
            module.TMP_THREADS = always_empty  # type: ignore[attr-defined]  # moto's own global


def _log_briefly() -> None:
    # Expected failures are in the history; an unexpected failure gets one line without the whole program.
    def unexpected(self: Any, exception: Exception) -> None:
        LOG.warning("%s: %s: %s", type(self).__name__, type(exception).__name__, exception)

    replace(EvalComponent, "_log_failure_event_exception", "149f4524b21b", lambda *_, **__: None)
    replace(EvalComponent, "_log_exception", "14681a28e6dd", unexpected)
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def _sign_with_own_credentials() -> None:
    # Tasks that call another service use a client of this server with fixed credentials, which it refuses.
    expect(boto_client, "boto_client_for", "1f44dc2ac8aa")
    own = {
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    boto_client.boto3 = SimpleNamespace(client=lambda **given: boto3.client(**given | own))


def _eval_program(self: Program, time_scale: float, env: Any) -> None:
    env.next_state_name = self.start_at.start_at_name
    if self.timeout_seconds is None:
        EvalComponent.eval(self, env)
        return
    worker = threading.Thread(target=EvalComponent.eval, args=(self, env), daemon=True)
    worker.start()
    worker.join(self.timeout_seconds.timeout_seconds / time_scale)
    if worker.is_alive():
        env.set_timed_out()
        env.event_manager.add_event(
            context=env.event_history_context,
            event_type=HistoryEventType.ExecutionTimedOut,
            event_details=EventDetails(executionTimedOutEventDetails=ExecutionTimedOutEventDetails()),
        )


def _evaluate_with_timeout(self: ExecutionState, time_scale: float, env: Any) -> None:
    self.timeout.eval(env=env)
    timeout = env.stack.pop()
    frame = env.open_frame()
    frame.states.reset(input_value=env.states.get_input())
    frame.stack = deep_copy(env.stack)
    evaluation: Future[Any] = Future()

    def evaluate() -> None:
        try:
            self._eval_execution(frame)
            evaluation.set_result(frame.stack.pop())
        except Exception as failure:  # noqa: BLE001 — `Future.result` raises it
            evaluation.set_exception(failure)

    if timeout == TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS:
        evaluate()
    else:
        threading.Thread(target=evaluate, daemon=True).start()
        wait([evaluation], timeout / time_scale)
    finished = evaluation.done()
    if not finished:
        frame.event_history_context.abandoned = True
    frame.set_ended()
    env.close_frame(frame)
    if not env.is_running():
        return  # it was stopped meanwhile, so the result of the task is ignored
    if not finished:
        raise EvalTimeoutError
    _take_output(self, env, evaluation.result())


def _take_output(state: ExecutionState, env: Any, output: Any) -> None:
    env.stack.append(output)
    if not state._is_language_query_jsonpath():
        env.states.set_result(output)
    if state.assign_decl:
        state.assign_decl.eval(env=env)
    if state.result_selector:
        state.result_selector.eval(env=env)
    if state.result_path:
        state.result_path.eval(env)
    else:
        env.states.reset(input_value=env.stack.pop())


def _as_inner_frame_of(cls: Any, env: Any, variable_store: Any, event_history_frame_cache: Any = None) -> Any:
    frame = _as_inner_frame_of_moto(cls, env, variable_store, event_history_frame_cache)
    # The parameters of a task inside a Map may use $$.Map.Item, which moto does not copy to the frame.
    context = env.states.context_object.context_object_data
    if "Map" in context:
        frame.states.context_object.context_object_data["Map"] = context["Map"]
    return frame


def _set_stop(self: Any, stop_date: Any, cause: str | None, error: str | None) -> None:
    if self.is_frame():
        self.event_history_context.abandoned = True
    _set_stop_of_moto(self, stop_date, cause, error)


def _set_error(self: Any, error: Any) -> None:
    # A late failure must not turn ABORTED or TIMED_OUT into FAILED.
    if isinstance(self._program_state, ProgramRunning):
        _set_error_of_moto(self, error)


def _add_event(
    self: Any,
    context: Any,
    event_type: Any,
    event_details: Any = None,
    timestamp: Any = None,
    update_source_event_id: bool = True,
) -> int:
    if getattr(self, "sealed", False) or getattr(context, "abandoned", False):
        return int(context.last_published_event_id)
    if event_type in LAST_EVENTS:
        self.sealed = True
    return int(
        _add_event_of_moto(self, context, event_type, event_details, timestamp, update_source_event_id)
    )
