"""
A schedule of the rehearsal as a scenario, so that its faults can be played on the live stack.

The rehearsal lets faults strike at single calls; a scenario has faults of parts and of requests in a window
of time. What a scenario has no words for is named. The clients are ordinary ones: those of a schedule
follow plans of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from harness.lab.workload.scenario import Scenario
from harness.service.rehearsal.fault_decisions import FaultDecision, Strike
from harness.service.rehearsal.played_schedule import play_schedule, quiet_service
from harness.service.rehearsal.virtual_time import Runners
from harness.stack.rehearsed.scenario_decisions import REQUESTS

WINDOW_S = 5.0
"""A strike at one call becomes a window of this length, in which calls of its kind fail [s]."""
AFTERWARDS_S = 120.0
"""Arrivals come until this long after the last fault [s]."""
EVERY_S = 4.0
LONGEST_S = 3600.0
CALLBACK = "callback request"
DEPENDENCIES = {"database": "database", "storage": "s3", "queue": "aws", "workflow": "aws"}
ON_CALLBACK = {
    Strike.UNAVAILABLE: "harness:callback:lose",
    Strike.DUPLICATE: "harness:callback:duplicate",
    Strike.TAMPERED: "harness:callback:tamper",
    Strike.EMPTY: "harness:callback:empty",
    Strike.REORDER: "harness:callback:reorder",
    Strike.LATE: "harness:callback:add-delay",
    Strike.DELAY: "harness:callback:add-delay",
}
ON_REQUEST = {
    Strike.UNAVAILABLE: "aws:fis:inject-api-unavailable-error",
    Strike.DELAY: "harness:api:add-delay",
}
ON_TRANSCODING = {
    Strike.REJECTED: "harness:mediaconvert:job-error",
    Strike.STUCK: "harness:mediaconvert:job-stuck",
}
STEPS = {
    "ValidateRawAssets": "validate",
    "GenerateThumbnails": "thumbnails",
    "CreateZipBundle": "zip",
    "FinalizeAndCallback": "callback-dispatch",
}
Fault = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReplayedSchedule:
    """
    The scenario of a schedule.

    Attributes:
        left_out: The faults of the schedule that a scenario has no words for.
    """

    scenario: Scenario
    left_out: tuple[str, ...]


def replayed(seed: int, decisions: Sequence[FaultDecision] | None = None) -> ReplayedSchedule:
    """Return the scenario of a seed's schedule, or of exactly these faults at its clients."""
    with quiet_service(), closing(Runners()) as runners:
        played = play_schedule(seed, runners, decisions)
    times = [at for at, _, what in played.story if what.startswith("FAULT ")]
    faults: list[Fault] = []
    left_out: list[str] = []
    for at, decision in zip(times, played.decisions, strict=True):
        found = _fault(decision) if at <= LONGEST_S else None
        if found is None:
            left_out.append(f"{at:.1f} s: {decision}")
        else:
            faults.append({"at": round(at, 3), **found})
    return ReplayedSchedule(Scenario.model_validate(_document(seed, faults)), tuple(left_out))


def _document(seed: int, faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    duration = max((float(fault["at"]) for fault in faults), default=0.0) + AFTERWARDS_S
    videos = {"distribution": "binomial", "n": 1, "p": 0.2}
    return {
        "name": f"schedule {seed}",
        "question": f"Does the live stack absorb the faults of schedule {seed} of the rehearsal?",
        "seed": seed,
        "duration_s": duration,
        "drain_s": 5400,
        "time_scale": 10,
        "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1 / EVERY_S, "for_s": duration}]}],
        "flows": [{"name": "photo_shoot", "photos": 2, "videos": videos}],
        "behaviour": {"poll": {"timeout_s": 5000, "cap_s": 10}},
        "faults": list(faults),
    }


def _fault(decision: FaultDecision) -> Fault | None:
    """Return a decision in the words of a scenario, None if it has none."""
    strike, call = decision.strike, decision.call
    if strike in (Strike.CRASH_BEFORE, Strike.CRASH_AFTER):
        return _kill("worker" if decision.task.startswith("worker ") else "api", decision.seconds)
    if strike is Strike.SKEW and decision.task.startswith(("worker ", "client ")):
        target = "worker" if decision.task.startswith("worker ") else "api"
        return {"action": "harness:clock:skew", "target": target, "by": decision.seconds}
    if strike is Strike.OUTAGE:
        part = DEPENDENCIES.get(call.partition(" ")[0])
        return None if part is None else _kill(part, decision.seconds)
    return next(_window(decision), None)


def _window(decision: FaultDecision) -> Iterator[Fault]:
    """Yield the fault of a window of time, if there is one for the call."""
    strike, call = decision.strike, decision.call
    window: Fault = {"for": WINDOW_S}
    if strike in (Strike.DELAY, Strike.LATE):
        window["delay"] = decision.seconds
    if call == CALLBACK and strike in ON_CALLBACK:
        yield {"action": ON_CALLBACK[strike], **window}
    elif call in REQUESTS and strike in ON_REQUEST:
        service, operation = REQUESTS[call]
        yield {"action": ON_REQUEST[strike], "service": service, "operations": [operation], **window}
    elif call == "transcode" and strike in ON_TRANSCODING:
        yield {"action": ON_TRANSCODING[strike], **window}
    elif call == "invoke":
        yield from _invocation(decision, window)


def _invocation(decision: FaultDecision, window: Fault) -> Iterator[Fault]:
    function = next((name for state, name in STEPS.items() if state in decision.task), None)
    if function is None:
        return
    if decision.strike in (Strike.INVOCATION_ERROR, Strike.LOST_ANSWER):
        error = "Lambda.ServiceException" if decision.strike is Strike.INVOCATION_ERROR else "Lambda.Unknown"
        yield {"action": "aws:lambda:invocation-error", "function": function, "error": error, **window}
    elif decision.strike is Strike.THROTTLED:
        error = "Lambda.TooManyRequestsException"
        yield {"action": "aws:lambda:invocation-error", "function": function, "error": error, **window}
    elif decision.strike in (Strike.DELAY, Strike.LATE, Strike.STUCK):
        delay = window.pop("delay", 1800.0)
        yield {"action": "aws:lambda:invocation-add-delay", "function": function, "delay": delay, **window}


def _kill(part: str, seconds: float) -> Fault:
    return {"action": "harness:process:kill", "target": part, "restart": seconds}
