"""
Queues as scenarios and state machines that the compiled engine plays: laws, Tasks, and a platform without
times of its own. Times in seconds.
"""

import math
from typing import Any

from harness.lab.workload.scenario import Scenario

FORK = tuple(f"T{number}" for number in range(12))

NEVER = 1e6
"""A time that no queue of the tests reaches [s]."""


def exponential(mean: float) -> dict[str, Any]:
    return {"distribution": "exponential", "scale": mean}


def erlang(stages: int, mean: float) -> dict[str, Any]:
    return {"distribution": "gamma", "shape": stages, "scale": mean / stages}


def lognormal(mean: float, variation: float) -> dict[str, Any]:
    sigma = math.sqrt(math.log1p(variation**2))
    return {"distribution": "lognormal", "median": mean / math.sqrt(1 + variation**2), "sigma": sigma}


def constant(value: float) -> dict[str, Any]:
    return {"distribution": "constant", "value": value}


def tasks(*names: str, **fields: Any) -> dict[str, Any]:
    """Return Tasks in a row."""
    onward = [{"Next": name} for name in names[1:]] + [{"End": True}]
    states = {
        name: {"Type": "Task", "Resource": f"arn:{name}", **fields, **after}
        for name, after in zip(names, onward, strict=True)
    }
    return {"StartAt": names[0], "States": states}


def parallel(*names: str) -> dict[str, Any]:
    branches = [tasks(name) for name in names]
    return {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}


def pipeline() -> dict[str, Any]:
    """Return a Task, twelve side by side, and another Task."""
    machine, middle = tasks("A", "P", "Z"), parallel(*FORK)["States"]["P"]
    machine["States"]["P"] = {"Type": "Parallel", "Branches": middle["Branches"], "Next": "Z"}
    return machine


def queue_scenario(
    rate: float,
    jobs: int,
    model: dict[str, dict[str, Any]],
    behaviours: dict[str, dict[str, Any]],
    *,
    process: str = "poisson",
    flows: list[dict[str, Any]] | None = None,
    drain_s: float = NEVER,
) -> Scenario:
    """Return a scenario whose executions arrive at the Tasks without any overhead."""
    duration = jobs / rate
    return Scenario.model_validate(
        {
            "question": "Does the engine agree with theory?",
            "seed": 20260105,
            "duration_s": duration,
            "drain_s": drain_s,
            "max_in_flight": 1_000_000,
            "arrivals": [{"process": process, "stages": [{"hold_per_s": rate, "for_s": duration}]}],
            "flows": flows or [{"name": "photo_shoot", "photos": 1, "videos": 0}],
            "behaviour": {"poll": {"first_s": NEVER, "cap_s": NEVER, "timeout_s": NEVER}},
            "model": {name: {"fixed_s": law} for name, law in model.items()},
            "platform": {
                "preset": "bare",
                "behaviours": behaviours,
                "dispatcher": {"stuck_job_timeout_s": 10 * NEVER},
                "stepfunctions": {"start_per_s": 1e9, "transition_per_s": 1e9},
            },
        }
    )
