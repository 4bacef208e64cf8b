"""
The local Lambda service: concurrency limits, time-outs, results and metrics of invocations.

A `Runner` runs handlers in processes of their own (`Sandboxes`) or in threads (`Threads`, for
modelled handlers, which sleep). Times in seconds.
"""

import json
import os
import threading
import time
import traceback
import uuid
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

Handler = Callable[[dict[str, Any], Any], Any]
Record = Callable[[str, str, Mapping[str, str], float], None]
"""Stores a datum: namespace, metric, dimensions, value."""
Fault = Callable[[str, str], str | None]
"""Returns the error that an invocation (function name, event) shall fail with, or None."""

TIMED_OUT = "Sandbox.Timedout"
EXITED = "Runtime.ExitError"
OUT_OF_MEMORY = "Runtime.OutOfMemory"
UNKNOWN = "Lambda.Unknown"


class Throttled(RuntimeError):
    """The function has as many invocations as its reserved concurrency allows."""


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """The configuration of a function; ``timeout`` in model seconds."""

    name: str
    arn: str
    version: str
    handler: str
    environment: Mapping[str, str]
    timeout: float
    memory_mb: int
    reserved_concurrency: int | None


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """
    The result or the error of an invocation as JSON, and its log lines.

    Attributes:
        sandbox: Name of the sandbox.
        memory_mb: The most memory that the sandbox had [MB]; None if it is not measured.
    """

    payload: str
    failed: bool
    log: list[str]
    sandbox: str = "here"
    memory_mb: int | None = None


@dataclass(frozen=True, slots=True)
class InvocationContext:
    """The context object of a handler, with Lambda's names."""

    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left before the time-out [ms]."""
        return max(0, int(1000 * (self.deadline - time.time())))


class Runner(Protocol):
    """A way to run handlers."""

    @abstractmethod
    def run(
        self, function: DeployedFunction, event: str, request_id: str, timeout: float
    ) -> InvocationResult:
        """Run a handler until it ends, at most *timeout* seconds."""

    @abstractmethod
    def close(self) -> None:
        """Stop the handlers that still run."""


class FunctionRuntime:
    """Runs functions within their reserved concurrency; their time-outs pass *time_scale* times faster."""

    def __init__(
        self, runner: Runner, record: Record, *, time_scale: float = 1.0, fault: Fault | None = None
    ) -> None:
        self._runner = runner
        self._record = record
        self._time_scale = time_scale
        self._fault = fault
        self._running: dict[str, int] = {}
        self._counting = threading.Lock()

    def invoke(self, function: DeployedFunction, event: str) -> InvocationResult:
        """Run one function on one event (JSON); raise `Throttled` at its reserved concurrency."""
        labels = {"FunctionName": function.name}
        if not self._enter(function):
            self._record("AWS/Lambda", "Throttles", labels, 1.0)
            raise Throttled(function.name)
        request_id = str(uuid.uuid4())
        started = time.perf_counter()
        try:
            result = self._run(function, event, request_id)
        finally:
            self._leave(function)
        took = time.perf_counter() - started
        self._record("AWS/Lambda", "Invocations", labels, 1.0)
        self._record("AWS/Lambda", "Errors", labels, float(result.failed))
        self._record("AWS/Lambda", "Throttles", labels, 0.0)
        self._record("AWS/Lambda", "Duration", labels, 1000 * took)
        return replace(result, log=_framed(function, request_id, result, took))

    def close(self) -> None:
        self._runner.close()

    def _run(self, function: DeployedFunction, event: str, request_id: str) -> InvocationResult:
        injected = self._fault(function.name, event) if self._fault else None
        if injected is not None:
            return failure(injected, "injected by the scenario's faults", request_id)
        return self._runner.run(function, event, request_id, function.timeout / self._time_scale)

    def _enter(self, function: DeployedFunction) -> bool:
        with self._counting:
            running = self._running.get(function.name, 0)
            if function.reserved_concurrency is not None and running >= function.reserved_concurrency:
                return False
            self._running[function.name] = running + 1
        return True

    def _leave(self, function: DeployedFunction) -> None:
        with self._counting:
            self._running[function.name] -= 1


class Threads(Runner):
    """
    Runs handlers in threads of this process, for handlers that wait rather than compute.

    A thread cannot be killed: after the time-out it runs on, and its result is ignored.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def run(
        self, function: DeployedFunction, event: str, request_id: str, timeout: float
    ) -> InvocationResult:
        os.environ.update(function.environment)  # one process, hence one environment for all
        handler = self._handlers.get(function.name)
        if handler is None:
            return failure(
                "Runtime.ImportModuleError", f"there is no modelled handler for {function.name}", request_id
            )
        context = context_of(function, request_id, timeout)
        results: list[InvocationResult] = []
        thread = threading.Thread(target=lambda: results.append(call(handler, event, context)), daemon=True)
        thread.start()
        thread.join(timeout)
        return results[0] if results else timed_out(function, request_id)

    def close(self) -> None:
        pass


def context_of(function: DeployedFunction, request_id: str, timeout: float) -> InvocationContext:
    return InvocationContext(
        function_name=function.name,
        function_version=function.version,
        invoked_function_arn=function.arn,
        memory_limit_in_mb=function.memory_mb,
        aws_request_id=request_id,
        deadline=time.time() + timeout,
    )


def call(handler: Handler, event: str, context: InvocationContext) -> InvocationResult:
    """Call a handler as Lambda's Python runtime does; an exception becomes an error result."""
    try:
        payload = json.dumps(handler(json.loads(event), context), ensure_ascii=False)
    except Exception as error:  # noqa: BLE001 — every error of a handler is a result
        stack = traceback.format_tb(error.__traceback__)
        return failure(type(error).__name__, str(error), context.aws_request_id, stack)
    return InvocationResult(payload, failed=False, log=[])


def failure(
    error_type: str, message: str, request_id: str, stack: list[str] | None = None
) -> InvocationResult:
    payload: dict[str, Any] = {"errorMessage": message, "errorType": error_type, "requestId": request_id}
    if stack is not None:
        payload["stackTrace"] = stack
    return InvocationResult(json.dumps(payload), failed=True, log=[f"[ERROR] {error_type}: {message}"])


def timed_out(function: DeployedFunction, request_id: str) -> InvocationResult:
    message = f"RequestId: {request_id} Error: Task timed out after {function.timeout:.2f} seconds"
    return failure(TIMED_OUT, message, request_id)


def exited(cause: str, request_id: str, error_type: str = EXITED) -> InvocationResult:
    """Return the result of an invocation whose process ended; *cause* as in Lambda: ``exit status 9``."""
    message = f"RequestId: {request_id} Error: Runtime exited with error: {cause}"
    return failure(error_type, message, request_id)


def _framed(function: DeployedFunction, request_id: str, result: InvocationResult, took: float) -> list[str]:
    """Return the log lines between the START, END and REPORT lines that Lambda writes."""
    report = (
        f"REPORT RequestId: {request_id} Duration: {1000 * took:.2f} ms Memory Size: {function.memory_mb} MB"
    )
    if result.memory_mb is not None:
        report += f" Max Memory Used: {result.memory_mb} MB"
    return [
        f"START RequestId: {request_id} Version: {function.version}",
        *result.log,
        f"END RequestId: {request_id}",
        report,
    ]
