"""
Histories of a machine with known parameters, in the form of ``get-execution-history``.

Three Tasks in a row: a Lambda function with failures, retries and cold starts; a service integration whose
servers no event shows; an activity, whose workers the history shows. The queues are played by recursions,
not by the simulator. Times in seconds.
"""

import heapq
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

EPOCH = 1_700_000_000.0
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:parse"
ACTIVITY = "arn:aws:states:eu-west-1:123456789012:activity:review"
PARAMETERS = {"FunctionName": FUNCTION, "Payload.$": "$"}
RETRY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 8, "BackoffRate": 1.0}]

DEFINITION = {
    "StartAt": "Parse",
    "States": {
        "Parse": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": PARAMETERS,
            "Retry": RETRY,
            "ResultPath": "$.parsed",
            "Next": "Store",
        },
        "Store": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Next": "Large?"},
        "Large?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.large", "BooleanEquals": True, "Next": "Review"}],
            "Default": "Done",
        },
        "Review": {"Type": "Task", "Resource": ACTIVITY, "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


@dataclass(frozen=True)
class PlantedMachine:
    """
    The parameters.

    Attributes:
        cold_rate: Probability of a cold invocation; None: environments that idle *keep_alive* are discarded.
    """

    arrival_rate: float = 2.0
    warm: tuple[float, float] = (0.2, 0.25)
    cold: tuple[float, float] = (0.9, 0.15)
    cold_rate: float | None = 0.05
    keep_alive: float = 60.0
    failure_rate: float = 0.08
    store: tuple[float, float] = (1.1, 0.4)
    store_servers: int = 3
    review: tuple[float, float] = (2.0, 0.7)
    review_servers: int = 3
    large_share: float = 0.5

    def histories(self, executions: int, seed: int) -> list[list[dict[str, Any]]]:
        """Return the events of each execution."""
        draws = np.random.default_rng([20261130, seed])
        begun = np.cumsum(draws.exponential(1 / self.arrival_rate, executions))
        parsed, ends = self._parse(draws, begun)
        store_ends = _first_come(ends, _lognormal(draws, self.store, executions), self.store_servers)[1]
        large = draws.random(executions) < self.large_share
        services = draws.gamma(self.review[0], self.review[1], int(large.sum()))
        taken, reviewed = _first_come(store_ends[large], services, self.review_servers)
        places = np.cumsum(large) - 1
        histories = []
        for number in range(executions):
            review = (taken[places[number]], reviewed[places[number]]) if large[number] else None
            history = _History(begun[number], {"order": number}, large=bool(large[number]))
            histories.append(history.of(parsed[number], ends[number], store_ends[number], review))
        return histories

    def write(self, folder: Path, executions: int, seed: int) -> None:
        """Write the histories and the definition into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, events in enumerate(self.histories(executions, seed)):
            (folder / f"e{number:05}.json").write_text(json.dumps({"events": events}))
        (folder / "machine.json").write_text(json.dumps({"definition": json.dumps(DEFINITION)}))

    def _parse(self, draws: Any, begun: Any) -> tuple[list[list[tuple[float, float, bool]]], Any]:
        """Return the attempts of each execution (begin, end, success), and when the last one ended."""
        attempts: list[list[tuple[float, float, bool]]] = [[] for _ in begun]
        waiting = [(float(at), number) for number, at in enumerate(begun)]
        heapq.heapify(waiting)
        running: list[float] = []
        idle: list[float] = []
        while waiting:
            at, number = heapq.heappop(waiting)
            while running and running[0] <= at:
                idle.append(heapq.heappop(running))
            is_warm = bool(idle) and at - idle.pop() <= self.keep_alive
            if not is_warm:
                idle.clear()
            is_cold = draws.random() < self.cold_rate if self.cold_rate is not None else not is_warm
            end = at + float(_lognormal(draws, self.cold if is_cold else self.warm, 1)[0])
            heapq.heappush(running, end)
            failed = draws.random() < self.failure_rate
            attempts[number].append((at, end, not failed))
            if failed:
                heapq.heappush(waiting, (end + 1.0, number))
        return attempts, np.array([each[-1][1] for each in attempts])


class _History:
    """The events of one execution."""

    def __init__(self, begun: float, given: dict[str, Any], *, large: bool) -> None:
        self._begun, self._large = begun, large
        self._input = json.dumps(given | {"large": large})
        self._events: list[dict[str, Any]] = []

    def of(self, parsed: Any, ended: float, stored: float, review: Any) -> list[dict[str, Any]]:
        self._add("ExecutionStarted", self._begun, input=self._input)
        self._enter("Task", "Parse", self._begun)
        scheduled = {"resourceType": "lambda", "resource": "invoke", "parameters": json.dumps(PARAMETERS)}
        for begin, end, success in parsed:
            self._add("TaskScheduled", begin, **scheduled)
            self._add("TaskStarted", begin, resourceType="lambda", resource="invoke")
            if success:
                self._add("TaskSucceeded", end, output=json.dumps({"Payload": {"ok": True}}))
            else:
                self._add("TaskFailed", end, error="Busy", cause="")
        self._exit("Task", "Parse", ended)
        self._enter("Task", "Store", ended)
        self._add("TaskScheduled", ended, resourceType="sns", resource="publish", parameters="{}")
        self._add("TaskStarted", ended, resourceType="sns", resource="publish")
        self._add("TaskSucceeded", stored, output=self._input)
        self._exit("Task", "Store", stored)
        self._enter("Choice", "Large?", stored)
        self._exit("Choice", "Large?", stored)
        last = stored
        if review is not None:
            self._enter("Task", "Review", stored)
            self._add("ActivityScheduled", stored, resource=ACTIVITY)
            self._add("ActivityStarted", review[0])
            self._add("ActivitySucceeded", review[1], output="{}")
            self._exit("Task", "Review", review[1])
            last = review[1]
        self._enter("Succeed", "Done", last)
        self._exit("Succeed", "Done", last)
        self._add("ExecutionSucceeded", last, output="{}")
        return self._events

    def _enter(self, kind: str, name: str, at: float) -> None:
        self._add(f"{kind}StateEntered", at, "stateEntered", name=name)

    def _exit(self, kind: str, name: str, at: float) -> None:
        self._add(f"{kind}StateExited", at, "stateExited", name=name)

    def _add(self, kind: str, at: float, prefix: str = "", **details: Any) -> None:
        number = len(self._events) + 1
        field = f"{prefix or kind[0].lower() + kind[1:]}EventDetails"
        self._events.append(
            {
                "id": number,
                "previousEventId": number - 1,
                "type": kind,
                "timestamp": round(EPOCH + float(at), 3),
                field: details,
            }
        )


def _lognormal(draws: Any, law: tuple[float, float], size: int) -> Any:
    return law[0] * np.exp(law[1] * draws.standard_normal(size))


def _first_come(arrivals: Any, services: Any, servers: int) -> tuple[Any, Any]:
    """Return begin and end of each service, first come, first served."""
    begun, free = np.empty(len(arrivals)), [0.0] * servers
    for number in np.argsort(arrivals, kind="stable"):
        begun[number] = max(float(arrivals[number]), heapq.heappop(free))
        heapq.heappush(free, begun[number] + float(services[number]))
    return begun, begun + services
