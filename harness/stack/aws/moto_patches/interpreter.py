"""
The state-machine interpreter: parsed once, on a scaled clock, with fewer threads and honest ends.

moto's interpreter parses the definition for every execution, keeps every thread object for ever,
prints the whole program on every caught error, and lets a task that has timed out or was stopped go
on writing history and change how the execution ended. Times in seconds.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser import utils
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
from moto.stepfunctions.parser.asl.utils import json_path

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


def install(time_scale: float) -> None:
    """
    Replace what the interpreter does badly.

    Args:
        time_scale: Waits, retry intervals, time-outs and heartbeats pass this many times faster;
            the history still shows the nominal figures of the definition.
    """
    _scale_clock(time_scale)
    _parse_once()
    _forget_threads()
    _log_briefly()
    replace(Program, "eval", _evaluating_program(time_scale), written_against="b8bfa1cb68d3")
    replace(
        ExecutionState, "_evaluate_with_timeout", _evaluating_task(time_scale), written_against="024c6f9bf003"
    )
    replace(environment.Environment, "as_inner_frame_of", _framing(), written_against="2365486c51ae")
    replace(environment.Environment, "set_stop", _stopping(), written_against="3bddad3ad761")
    replace(environment.Environment, "set_error", _failing(), written_against="4caa76a68982")
    replace(EventManager, "add_event", _recording(), written_against="18d8edb48c9a")


class ScaledEvent(threading.Event):
    """An event whose waits are shortened by the scale."""

    scale = 1.0

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else timeout / self.scale)


class _ScaledTime:
    """Stands in for the ``time`` module where moto sleeps, and where it measures its own sleep."""

    def __init__(self, scale: float) -> None:
        self._scale = scale

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._scale)

    def time(self) -> float:
        return time.time() * self._scale


class _ScaledThreading:
    """Stands in for the ``threading`` module in the environment, whose event a Wait state waits on."""

    Event = ScaledEvent
    RLock = threading.RLock


def _scale_clock(scale: float) -> None:
    expect(retrier_decl.RetrierDecl, "_eval_body", "6a1a0c8aad10")
    expect(wait_function.WaitFunction, "_wait_interval", "2baecc23124b")
    expect(callback.HeartbeatEndpoint, "clear_and_wait", "dd42ecf09a1c")
    expect(callback.CallbackEndpoint, "wait", "07677ef59b8d")
    expect(environment.Environment, "__init__", "4e38ff666608")
    ScaledEvent.scale = scale
    retrier_decl.time = _ScaledTime(scale)
    wait_function.time = _ScaledTime(scale)
    callback.Event = ScaledEvent
    environment.threading = _ScaledThreading


def _parse_once() -> None:
    # A parsed program keeps nothing of an evaluation but its heap key, which is made lazily (two
    # threads would make two): with a fixed key one program serves all executions.
    replace(EvalComponent, "heap_key", property(lambda self: f"{id(self):x}"), written_against="a9be3aef8b40")
    expect(json_path, "extract_json", "932245247973")
    expect(result_path.ResultPath, "_eval_body", "d2e91c4e1de5")
    for module in (json_path, result_path):
        module.parse = lru_cache(maxsize=PARSED_PATHS)(module.parse)
    original = AmazonStateLanguageParser.parse
    replace(
        AmazonStateLanguageParser,
        "parse",
        lru_cache(maxsize=PARSED_DEFINITIONS)(original),
        written_against="e08871c8420a",
    )


class _Nowhere(list[Any]):
    """A list that keeps nothing."""

    def append(self, _: Any) -> None:
        pass


def _forget_threads() -> None:
    nowhere = _Nowhere()
    known = utils.TMP_THREADS
    for module in list(sys.modules.values()):
        if getattr(module, "TMP_THREADS", None) is known:
            module.TMP_THREADS = nowhere  # type: ignore[attr-defined]  # moto's own global


def _log_briefly() -> None:
    # Expected failures are in the history; unexpected ones deserve a line, not the whole program.
    def unexpected(self: Any, exception: Exception) -> None:
        LOG.warning("%s: %s: %s", type(self).__name__, type(exception).__name__, exception)

    def expected(self: Any, failure_event_exception: Any) -> None:
        pass

    replace(
        EvalComponent,
        "_log_failure_event_exception",
        expected,
        written_against="149f4524b21b",
    )
    replace(EvalComponent, "_log_exception", unexpected, written_against="14681a28e6dd")
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def _evaluating_program(time_scale: float) -> Callable[..., None]:
    def eval_program(self: Program, env: Any) -> None:
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

    return eval_program


def _evaluating_task(time_scale: float) -> Callable[..., None]:
    def evaluate_with_timeout(self: ExecutionState, env: Any) -> None:
        self.timeout.eval(env=env)
        timeout = env.stack.pop()
        frame = env.open_frame()
        frame.states.reset(input_value=env.states.get_input())
        frame.stack = deep_copy(env.stack)
        attempt = _Attempt(self, frame)
        if timeout == TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS:
            attempt.run()
        else:
            threading.Thread(target=attempt.run, daemon=True).start()
            attempt.over.wait(timeout / time_scale)
        finished = attempt.over.is_set()
        if not finished:
            frame.event_history_context.abandoned = True
        frame.set_ended()
        env.close_frame(frame)
        if not env.is_running():
            return  # it was stopped meanwhile: whatever the task says no longer counts
        if not finished:
            raise EvalTimeoutError
        if attempt.failure is not None:
            raise attempt.failure
        _take_output(self, env, attempt.output)

    return evaluate_with_timeout


class _Attempt:
    """One evaluation of a task state."""

    def __init__(self, state: ExecutionState, frame: Any) -> None:
        self._state = state
        self._frame = frame
        self.over = threading.Event()
        self.output: Any = None
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self._state._eval_execution(self._frame)
            self.output = self._frame.stack.pop()
        except Exception as failure:  # noqa: BLE001 — it is raised in the thread that waits
            self.failure = failure
        self.over.set()


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


def _framing() -> Callable[..., Any]:
    original = environment.Environment.as_inner_frame_of.__func__

    def as_inner_frame_of(
        cls: Any, env: Any, variable_store: Any, event_history_frame_cache: Any = None
    ) -> Any:
        frame = original(cls, env, variable_store, event_history_frame_cache)
        # A task inside a Map may ask for $$.Map.Item in its own parameters; moto forgets it there.
        context = env.states.context_object.context_object_data
        if "Map" in context:
            frame.states.context_object.context_object_data["Map"] = context["Map"]
        return frame

    return as_inner_frame_of


def _stopping() -> Callable[..., None]:
    original = environment.Environment.set_stop

    def set_stop(self: Any, stop_date: Any, cause: str | None, error: str | None) -> None:
        if self.is_frame():
            self.event_history_context.abandoned = True
        original(self, stop_date, cause, error)

    return set_stop


def _failing() -> Callable[..., None]:
    original = environment.Environment.set_error

    def set_error(self: Any, error: Any) -> None:
        # A late failure must not turn ABORTED or TIMED_OUT into FAILED.
        if isinstance(self._program_state, ProgramRunning):
            original(self, error)

    return set_error


def _recording() -> Callable[..., int]:
    original = EventManager.add_event

    def add_event(
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
        return int(original(self, context, event_type, event_details, timestamp, update_source_event_id))

    return add_event
