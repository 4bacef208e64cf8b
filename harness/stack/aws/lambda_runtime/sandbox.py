"""
Sandboxes: processes that run one handler each, are reused, and are killed at a time-out or out of memory.

A fork server with the large libraries imported starts a sandbox in about 30 ms; its init phase (imports and
clients of AWS) takes some tenths of a second more. A spare sandbox of each function in use is therefore
started before it is needed. As in Lambda, a sandbox gets the environment of its function before it imports
the handler. Its memory is the resident memory of the process, measured at its highest; libraries count, files
in ``/tmp`` do not. Times in seconds.
"""

import importlib
import io
import multiprocessing
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from harness.stack.aws.lambda_runtime.function_runtime import (
    OUT_OF_MEMORY,
    UNKNOWN,
    DeployedFunction,
    InvocationContext,
    InvocationResult,
    Runner,
    call,
    context_of,
    exited,
    failure,
    timed_out,
)

PRELOADED = ["boto3", "numpy", "PIL.Image", "PIL.ImageOps", "pillow_heif", "httpx", "structlog", "av"]
COLD_START_S = 60.0
MEMORY_CHECK_INTERVAL_S = 0.05


class Sandboxes(Runner):
    """
    Runs each handler in processes of its own, at most *processes* for one function.

    Further invocations wait, outside their time-out.
    """

    def __init__(self, processes: int) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._processes = processes
        # The fork server imports the libraries now instead of during the first invocation.
        threading.Thread(target=forkserver.ensure_running, daemon=True).start()
        self._idle: dict[str, list[_Sandbox]] = {}
        self._slots: dict[str, threading.Semaphore] = {}
        self._alive: set[_Sandbox] = set()
        self._lock = threading.Lock()

    def run(
        self, function: DeployedFunction, event: str, request_id: str, timeout: float
    ) -> InvocationResult:
        with self._lock:
            slots = self._slots.setdefault(function.name, threading.Semaphore(self._processes))
        with slots:
            sandbox = self._take(function)
            self._start_spare(function)
            result = sandbox.call(event, request_id, timeout)
            self._give_back(sandbox)
        return result

    def close(self) -> None:
        with self._lock:
            for sandbox in self._alive:
                sandbox.end()

    def _take(self, function: DeployedFunction) -> "_Sandbox":
        with self._lock:
            idle = self._idle.setdefault(function.name, [])
            while idle:
                sandbox = idle.pop()
                if sandbox.function == function and sandbox.alive:
                    return sandbox
                sandbox.end()  # the function was reconfigured, or the process ended while idle
                self._alive.discard(sandbox)
        return self._started(function)

    def _start_spare(self, function: DeployedFunction) -> None:
        """Start a sandbox for the next invocation, which may come before this one has ended."""
        with self._lock:
            sandboxes = sum(sandbox.function.name == function.name for sandbox in self._alive)
            if self._idle[function.name] or sandboxes >= self._processes:
                return
        spare = self._started(function)
        with self._lock:
            self._idle[function.name].append(spare)

    def _started(self, function: DeployedFunction) -> "_Sandbox":
        sandbox = _Sandbox(self._context, function)
        with self._lock:
            self._alive.add(sandbox)
        return sandbox

    def _give_back(self, sandbox: "_Sandbox") -> None:
        with self._lock:
            if sandbox.alive:
                self._idle[sandbox.function.name].append(sandbox)
            else:
                self._alive.discard(sandbox)


class _Sandbox:
    """One process and the connection to it."""

    def __init__(self, context: Any, function: DeployedFunction) -> None:
        self.function = function
        self._name = uuid.uuid4().hex
        self._connection, their_end = context.Pipe()
        environment = dict(os.environ) | dict(function.environment) | _lambda_variables(function)
        self._process: BaseProcess = context.Process(
            target=_serve, args=(their_end, function.handler, environment), daemon=True, name=function.name
        )
        self._process.start()
        their_end.close()
        self._warm = False

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def call(self, event: str, request_id: str, timeout: float) -> InvocationResult:
        """Run one invocation; after a time-out, a crash or too much memory the process is gone."""
        if not self._warm and not self._connection.poll(COLD_START_S):
            self.end()
            return failure(UNKNOWN, "the sandbox did not start", request_id)
        try:
            if not self._warm:
                self._connection.recv()
                self._warm = True
            self._connection.send((event, context_of(self.function, request_id, timeout)))
            error = self._wait(request_id, timeout)
            if error is not None:
                return error
            payload, failed, log = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(1)
            cause = _cause(self._process.exitcode)
            self.end()
            return exited(cause, request_id)
        return InvocationResult(payload, failed, log, self._name, _peak_memory_mb(self._process.pid))

    def _wait(self, request_id: str, timeout: float) -> InvocationResult | None:
        """Wait for the result of the handler; return an error, with the process killed, if it has none."""
        deadline = time.monotonic() + timeout
        answered = False
        while not answered:
            left = deadline - time.monotonic()
            answered = self._connection.poll(max(0.0, min(left, MEMORY_CHECK_INTERVAL_S)))
            # The highest memory so far: no peak between two checks is missed.
            memory = _peak_memory_mb(self._process.pid)
            if memory > self.function.memory_mb:
                self.end()
                return replace(exited("signal: killed", request_id, OUT_OF_MEMORY), memory_mb=memory)
            if not answered and left <= 0:
                self.end()
                return timed_out(self.function, request_id)
        return None

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _lambda_variables(function: DeployedFunction) -> dict[str, str]:
    """Return the variables that Lambda sets in every environment, as far as handlers read them."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
    }


def _peak_memory_mb(pid: int | None) -> int:
    """Return the highest resident memory of a process [MB]; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return int(peak.split()[1]) // 1024 if peak else 0


def _cause(exit_code: int | None) -> str:
    """Return the end of a process in Lambda's words."""
    if exit_code is not None and exit_code < 0:
        return f"signal: {(signal.strsignal(-exit_code) or str(-exit_code)).lower()}"
    return f"exit status {exit_code}"


class _Tee(io.TextIOBase):
    """A stream that passes text on and keeps it for the log of the invocation."""

    def __init__(self, onward: io.TextIOBase) -> None:
        self._onward = onward
        self._kept: list[str] = []

    def write(self, text: str) -> int:
        self._kept.append(text)
        self._onward.write(text)
        self._onward.flush()
        return len(text)

    def flush(self) -> None:
        self._onward.flush()

    def take(self) -> list[str]:
        """Return the lines written since the last call."""
        lines = "".join(self._kept).splitlines()
        self._kept.clear()
        return lines


def _serve(connection: Connection, handler: str, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    tee = _Tee(sys.stderr)  # type: ignore[arg-type]  # a text stream of another class
    sys.stdout = sys.stderr = tee
    run: Callable[[str, InvocationContext], InvocationResult]
    try:
        module, _, name = handler.rpartition(".")
        run = partial(call, getattr(importlib.import_module(module), name))
    except Exception as error:  # noqa: BLE001 — it becomes the result of every invocation
        problem = f"Unable to import {handler}: {type(error).__name__}: {error}"

        def run(event: str, context: InvocationContext) -> InvocationResult:  # noqa: ARG001 - as for `call`
            return failure("Runtime.ImportModuleError", problem, context.aws_request_id)

    connection.send("warm")
    while True:
        try:
            event, context = connection.recv()
        except EOFError:
            return
        result = run(event, context)
        connection.send((result.payload, result.failed, [*tee.take(), *result.log]))
