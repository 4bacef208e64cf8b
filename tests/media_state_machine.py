"""
The state machine of the blueprint, played by the interpreter with given results of its Tasks.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.blueprint.template import load_template
from harness.states_language.asl_interpreter import Interpreter
from harness.states_language.execution import Execution
from harness.states_language.host import Host
from harness.states_language.parser import parse_state_machine
from harness.states_language.program import Program, compile_machine

Answer = Callable[[str, Any], Any]
"""Returns the result of a Task by the name of its state and its payload."""


@dataclass
class TaskFailed(Exception):
    """The error with which a Task ends."""

    error: str
    cause: str


class PlayedTasks(Host):
    """A host on which Tasks take no time; it keeps their payloads and results, each with its state."""

    def __init__(self, answer: Answer) -> None:
        self.now = 0
        self.answer = answer
        self.payloads: list[tuple[str, Any]] = []
        self.results: list[tuple[str, Any]] = []
        self._later: deque[Callable[[], object]] = deque()

    def call_in(self, delay, position, node, callback):
        if delay == 0:
            self._later.append(callback)

    def work(self, attempt):
        name = attempt.node.name
        self.payloads.append((name, attempt.payload))
        try:
            result = self.answer(name, attempt.payload)
        except TaskFailed as failure:
            attempt.fail(failure.error, failure.cause)
            return
        self.results.append((name, result))
        attempt.succeed(result)

    def play(self, given: Mapping[str, Any]) -> Execution:
        execution = Execution("batch", dict(given))
        Interpreter(self, _program(), execution).start()
        while self._later:
            self._later.popleft()()
        return execution


@cache
def _program() -> Program:
    return compile_machine(parse_state_machine(load_template().state_machine.definition))


def transcoding_jobs(given: Mapping[str, Any], validated: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the MediaConvert jobs that the state machine makes of a validated batch, one for each video."""
    ids = {"jobId": 7, "batchId": "b", "listingId": 42, "traceparent": "", "assets": []}
    results = {
        "ValidateRawAssets": {"startedAt": "", **validated},
        "GenerateThumbnails": {"outputs": []},
    }

    def answer(state: str, payload: Any) -> Any:
        if state == "TranscodeVideo":
            return {"Job": {"Id": "1", "Status": "COMPLETE"}}
        return {"Payload": results.get(state, {})}

    tasks = PlayedTasks(answer)
    tasks.play({**ids, **given})
    return [payload for state, payload in tasks.payloads if state == "TranscodeVideo"]


def transcoding_job(video: Mapping[str, Any]) -> dict[str, Any]:
    """Return the MediaConvert job that the state machine makes of one validated video."""
    validated = {"images": [], "videos": [video], "documents": [], "hasVideos": True}
    (job,) = transcoding_jobs({}, validated)
    return job
