"""
Functions within their reserved concurrency, in threads and in sandboxes.
"""

import json
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.stack.aws.lambda_runtime.function_runtime import (
    DeployedFunction,
    FunctionRuntime,
    InvocationContext,
    InvocationResult,
    Runner,
    Threads,
    Throttled,
)
from harness.stack.aws.lambda_runtime.sandbox import Sandboxes

HANDLERS = """
import os, time

class Retryable(Exception):
    pass

def work(event, context):
    print("working on", event["n"])
    return {"n": event["n"] + 1, "pid": os.getpid(), "bucket": os.environ.get("MEDIA_BUCKET")}

def fail(event, context):
    raise Retryable("the bucket is busy")

def crash(event, context):
    os._exit(9)

def hang(event, context):
    time.sleep(60)

def wait(event, context):
    time.sleep(event["seconds"])
    return os.getpid()

def hog(event, context):
    memory = b"x" * (event["mb"] * 1024 * 1024)
    return {"pid": os.getpid(), "limit": os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]}
"""


def function(handler: str = "work", **changes: object) -> DeployedFunction:
    given: dict[str, object] = {
        "name": f"listing-media-{handler}",
        "arn": f"arn:aws:lambda:us-east-1:123456789012:function:listing-media-{handler}",
        "version": "$LATEST",
        "handler": f"sandboxed_handlers.{handler}",
        "environment": {"MEDIA_BUCKET": "toq-listing-medias"},
        "timeout": 30.0,
        "memory_mb": 512,
        "reserved_concurrency": None,
    }
    return DeployedFunction(**(given | changes))  # type: ignore[arg-type]  # a test's shorthand


class Recorded(list[tuple[str, str, float]]):
    """The recorded metrics, in order."""

    def __call__(self, namespace: str, name: str, dimensions: object, value: float) -> None:
        self.append((name, str(dimensions["FunctionName"]), value))  # type: ignore[index]  # a mapping

    def total(self, name: str) -> float:
        return sum(value for metric, _, value in self if metric == name)


class ControlledRunner(Runner):
    """A runner whose invocations end when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()

    def run(
        self, function: DeployedFunction, event: str, request_id: str, timeout: float
    ) -> InvocationResult:
        self.begun.release()
        self.go_on.wait(10)
        return InvocationResult("{}", failed=False, log=[])

    def close(self) -> None:
        self.go_on.set()


class TestFunctionRuntime:
    def test_beyond_the_reserved_concurrency_calls_are_throttled(self):
        """
        With a concurrency of two the third invocation is refused; it counts as a throttle, not as an error.
        """
        runner, metrics = ControlledRunner(), Recorded()
        runtime = FunctionRuntime(runner, metrics)
        busy = function(reserved_concurrency=2)
        with ThreadPoolExecutor(2) as callers:
            running = [callers.submit(runtime.invoke, busy, "{}") for _ in range(2)]
            for _ in running:
                runner.begun.acquire(timeout=10)

            with pytest.raises(Throttled):
                runtime.invoke(busy, "{}")

            runner.go_on.set()
        assert metrics.total("Throttles") == 1
        assert metrics.total("Invocations") == 2
        assert metrics.total("Errors") == 0

    def test_an_invocation_that_ended_frees_its_concurrency(self):
        """
        Three invocations in a row fit into a concurrency of one.
        """
        runtime = FunctionRuntime(Threads({"listing-media-work": lambda event, context: event}), Recorded())
        single = function(reserved_concurrency=1)

        assert [runtime.invoke(single, f"[{n}]").payload for n in range(3)] == ["[0]", "[1]", "[2]"]

    def test_an_error_becomes_an_error_object(self):
        """
        The class name is the error name that a state machine matches.
        """

        def handler(event: object, context: InvocationContext) -> None:
            raise KeyError("assets")

        metrics = Recorded()
        result = FunctionRuntime(Threads({"listing-media-work": handler}), metrics).invoke(function(), "{}")

        assert result.failed
        assert json.loads(result.payload)["errorType"] == "KeyError"
        assert metrics.total("Errors") == 1

    def test_the_time_scale_shortens_time_outs(self):
        """
        At a time scale of 1000 a time-out of 30 s passes in 30 ms.
        """
        released = threading.Event()
        threads = Threads({"listing-media-work": lambda event, context: released.wait(10)})
        result = FunctionRuntime(threads, Recorded(), time_scale=1000.0).invoke(function(), "{}")
        released.set()

        assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
        assert "after 30.00 seconds" in result.payload

    def test_a_fault_comes_before_the_handler(self):
        """
        An injected error has the name that the scenario gives it.
        """
        runtime = FunctionRuntime(Threads({}), Recorded(), fault=lambda name, event: "Retryable")

        assert json.loads(runtime.invoke(function(), "{}").payload)["errorType"] == "Retryable"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionRuntime]:
    """Sandboxes that can import `HANDLERS`."""
    folder: Path = tmp_path_factory.mktemp("handlers")
    (folder / "sandboxed_handlers.py").write_text(HANDLERS)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(folder)
    runtime = FunctionRuntime(Sandboxes(2), Recorded())
    yield runtime
    runtime.close()
    patch.undo()


@pytest.mark.stack
class TestSandboxes:
    def test_a_handler_runs_in_another_process_with_the_functions_environment(self, runtime):
        """
        The handler has the function's variables and another process id.
        """
        answer = json.loads(runtime.invoke(function(), '{"n": 1}').payload)

        assert answer["n"] == 2
        assert answer["pid"] != os.getpid()
        assert answer["bucket"] == "toq-listing-medias"

    def test_a_warm_sandbox_is_reused(self, runtime):
        """
        Two invocations in a row run in the same process.
        """
        pids = {json.loads(runtime.invoke(function(), '{"n": 1}').payload)["pid"] for _ in range(2)}

        assert len(pids) == 1

    def test_a_spare_sandbox_starts_before_it_is_needed(self, runtime):
        """A second invocation at the same time does not wait for imports and clients."""
        waiting = function("wait")
        runtime.invoke(waiting, '{"seconds": 0}')
        started = {child.pid for child in multiprocessing.active_children() if child.name == waiting.name}

        with ThreadPoolExecutor(2) as threads:
            both = list(threads.map(lambda _: runtime.invoke(waiting, '{"seconds": 0.5}'), range(2)))

        assert {int(result.payload) for result in both} == started
        assert len(started) == 2

    def test_the_output_of_a_handler_is_in_the_log(self, runtime):
        """
        The output is between START and END.
        """
        log = runtime.invoke(function(), '{"n": 7}').log

        assert log[0].startswith("START RequestId")
        assert "working on 7" in log
        assert log[-1].startswith("REPORT RequestId")

    def test_an_error_keeps_its_name(self, runtime):
        """
        The name of the exception's class is the error type.
        """
        assert json.loads(runtime.invoke(function("fail"), "{}").payload)["errorType"] == "Retryable"

    def test_a_crash_is_an_error_and_the_next_call_gets_a_new_sandbox(self, runtime):
        """
        A crash is Runtime.ExitError in Lambda's words, and the next invocation runs again.
        """
        answers = [json.loads(runtime.invoke(function("crash"), "{}").payload) for _ in range(2)]

        assert [answer["errorType"] for answer in answers] == ["Runtime.ExitError"] * 2
        assert answers[0]["errorMessage"] == (
            f"RequestId: {answers[0]['requestId']} Error: Runtime exited with error: exit status 9"
        )

    def test_a_handler_with_too_much_memory_is_killed(self, runtime):
        """
        The error is Runtime.OutOfMemory, and the next invocation gets a new environment.
        """
        small = function("hog", memory_mb=300)
        before = json.loads(runtime.invoke(small, '{"mb": 1}').payload)

        killed = runtime.invoke(small, '{"mb": 300}')

        answer = json.loads(killed.payload)
        assert answer["errorType"] == "Runtime.OutOfMemory"
        assert answer["errorMessage"] == (
            f"RequestId: {answer['requestId']} Error: Runtime exited with error: signal: killed"
        )
        assert int(killed.log[-1].split()[-2]) > 300
        after = runtime.invoke(small, '{"mb": 1}')
        assert json.loads(after.payload)["pid"] != before["pid"]
        assert json.loads(after.payload)["limit"] == "300"
        assert 0 < int(after.log[-1].split()[-2]) <= 300

    def test_a_handler_is_killed_at_its_time_out(self, runtime):
        """
        The error is Sandbox.Timedout.
        """
        result = runtime.invoke(function("hang", timeout=0.2), "{}")

        assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"

    def test_a_handler_that_cannot_be_imported_says_so(self, runtime):
        """
        A wrong handler name is an error of every invocation.
        """
        result = runtime.invoke(function("nothing"), "{}")

        assert json.loads(result.payload)["errorType"] == "Runtime.ImportModuleError"
