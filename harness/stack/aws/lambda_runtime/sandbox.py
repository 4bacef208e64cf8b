"""
Processes in which handlers run: one handler each, warm after its first call, killed when it overruns.

A fork server that has the heavy libraries imported gives a new sandbox in some 30 ms. A sandbox gets
the environment of its function before it imports the handler, as in Lambda. Times in seconds.
"""

import importlib
import io
import multiprocessing
import os
import sys
import threading
import uuid
from collections.abc import Mapping
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from harness.stack.aws.lambda_runtime.function_runtime import (
    CRASHED,
    DeployedFunction,
    Handler,
    InvocationContext,
    InvocationResult,
    Runner,
    call,
    context_of,
    failure,
    timed_out,
)

PRELOADED = ["boto3", "numpy", "PIL.Image", "PIL.ImageOps", "pillow_heif", "httpx", "structlog", "av"]
COLD_START_S = 60.0


class Sandboxes(Runner):
    """
    Runs each handler in processes of its own.

    Args:
        most: Processes per function; further calls wait for a free one, outside their time-out.
    """

    def __init__(self, most: int) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._most = most
        # The fork server imports what it preloads now, not while the first call waits.
        threading.Thread(target=forkserver.ensure_running, daemon=True).start()
        self._idle: dict[str, list[_Sandbox]] = {}
        self._places: dict[str, threading.Semaphore] = {}
        self._alive: set[_Sandbox] = set()
        self._lock = threading.Lock()

    def run(
        self, function: DeployedFunction, event: str, request_id: str, timeout: float
    ) -> InvocationResult:
        with self._lock:
            places = self._places.setdefault(function.name, threading.Semaphore(self._most))
        with places:
            sandbox = self._take(function)
            outcome = sandbox.call(event, request_id, timeout)
            self._give_back(sandbox)
        return outcome

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
                sandbox.end()  # reconfigured, or it died while nobody used it
                self._alive.discard(sandbox)
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
    """One process and the line to it."""

    def __init__(self, context: Any, function: DeployedFunction) -> None:
        self.function = function
        self._name = uuid.uuid4().hex
        self._line, theirs = context.Pipe()
        environment = dict(os.environ) | dict(function.environment)
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, function.handler, environment), daemon=True, name=function.name
        )
        self._process.start()
        theirs.close()
        self._warm = False

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def call(self, event: str, request_id: str, timeout: float) -> InvocationResult:
        """Hand over one event and wait; a sandbox that overruns or breaks is gone afterwards."""
        if not self._warm and not self._line.poll(COLD_START_S):
            self.end()
            return failure(CRASHED, "the sandbox did not start", request_id)
        try:
            if not self._warm:
                self._line.recv()
                self._warm = True
            self._line.send((event, context_of(self.function, request_id, timeout)))
            if not self._line.poll(timeout):
                self.end()
                return timed_out(self.function, request_id)
            payload, failed, log = self._line.recv()
        except (EOFError, OSError):
            self._process.join(1)
            code = self._process.exitcode
            self.end()
            return failure(CRASHED, f"Runtime exited with status {code}", request_id)
        return InvocationResult(payload, failed, log, self._name)

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._line.close()


class _Tee(io.TextIOBase):
    """Passes text on, and keeps it for the invocation's log."""

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
        """Return the lines written since the last time."""
        lines = "".join(self._kept).splitlines()
        self._kept.clear()
        return lines


def _serve(line: Connection, handler: str, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    tee = _Tee(sys.stderr)  # type: ignore[arg-type]  # a text stream, whatever its class
    sys.stdout = sys.stderr = tee
    try:
        loaded: Handler | None = _load(handler)
        problem = ""
    except Exception as error:  # noqa: BLE001 — said in the answer to every call
        loaded, problem = None, f"Unable to import {handler}: {type(error).__name__}: {error}"
    line.send("warm")
    while True:
        try:
            event, context = line.recv()
        except EOFError:
            return
        outcome = _call(loaded, problem, event, context)
        line.send((outcome.payload, outcome.failed, [*tee.take(), *outcome.log]))


def _call(handler: Handler | None, problem: str, event: str, context: InvocationContext) -> InvocationResult:
    if handler is None:
        return failure("Runtime.ImportModuleError", problem, context.aws_request_id)
    return call(handler, event, context)


def _load(handler: str) -> Handler:
    module, _, name = handler.rpartition(".")
    loaded: Handler = getattr(importlib.import_module(module), name)
    return loaded
