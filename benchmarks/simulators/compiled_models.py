"""
The shared models as scenarios with state machines, for the compiled engine on a platform that takes no time.

A batch is still a batch of the service: its client creates it, uploads a file, completes it and polls once,
and its message goes through the queue. The other simulators have none of these events.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.simulators import workloads
from benchmarks.simulators.workloads import CAPACITIES, STATIONS, Floats
from harness.lab.sim.compiled.compiled_model import CompiledModel
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.sim.simulation import platform_of, read_machine
from harness.lab.workload.scenario import Scenario
from harness.states_language.host import NS

Document = dict[str, Any]


def queue_model(customers: int, seed: int) -> CompiledModel:
    """Return M/M/8: one Task with eight servers."""
    rate = workloads.UTILISATION * workloads.SERVERS
    scenario = _scenario(customers / rate, rate, seed, {"Serve": _exponential(1.0)}, poll=20.0)
    machine = {"StartAt": "Serve", "States": {"Serve": _task("Serve")}}
    return _model(scenario, machine, {"Serve": workloads.SERVERS})


def fork_join_model(batches: int, seed: int) -> CompiledModel:
    """Return the fork-join model with always 12 photos and one video."""
    scenario = _scenario(float(batches), 1.0, seed, _service_times(), poll=120.0)
    servers = dict(zip(map(_resource, STATIONS), CAPACITIES, strict=True))
    return _model(scenario, _fork_join(), servers, {"goes_back": workloads.RETRIES})


def function_model(
    rate: float, duration: float, seed: int, *, mean: float, start_up: float, keep_alive: float
) -> CompiledModel:
    """Return one function with cold starts, which are its start-up time."""
    scenario = _scenario(duration, rate, seed, {"serve": _exponential(mean)}, poll=60.0)
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    parameters = {"FunctionName": "serve", "Payload": {}}
    machine = {"StartAt": "Serve", "States": {"Serve": {**task, "Parameters": parameters}}}
    functions = {
        "lambda.cold_starts": True,
        "lambda.init_s": start_up,
        "lambda.placement_s": 0,
        "lambda.keep_alive_s": keep_alive,
    }
    return _model(scenario, machine, {}, settings=functions)


def sojourns(model: CompiledModel) -> Floats:
    """Play a model, and return the sojourn times in the order of the arrivals [s]."""
    model.run()
    rows = model.ready_rows
    times = np.empty(len(rows))
    times[rows["arrival"]] = (rows["ended"] - rows["due"]) / NS
    return times


def _scenario(duration: float, rate: float, seed: int, model: Document, poll: float) -> Scenario:
    files = {name: {"distribution": "constant", "value": value} for name, value in FILES.items()}
    return Scenario.model_validate(
        {
            "question": "How long does a benchmark take?",
            "seed": seed,
            "duration_s": duration,
            "drain_s": 3600,
            "max_in_flight": 1_000_000,
            "arrivals": [{"process": "poisson", "stages": [{"hold_per_s": rate, "for_s": duration}]}],
            "flows": [{"name": "photo_shoot", **files}],
            "behaviour": {"poll": {"first_s": poll, "cap_s": poll}},
            "model": model,
        }
    )


FILES = {"photos": 1, "videos": 0, "photo_bytes": 1_000_000, "photo_megapixels": 1}


def _model(
    scenario: Scenario,
    machine: Document,
    servers: Mapping[str, int],
    failures: Mapping[str, float] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> CompiledModel:
    behaviours: Document = {name: {"servers": count} for name, count in servers.items()}
    for name, rate in (failures or {}).items():
        behaviours[name] = {"failures": [{"error": "GoesBack", "rate": rate}]}
    # No quota of Step Functions or of the dispatchers may delay a batch.
    changes = {"stepfunctions.start_per_s": 1e9, "stepfunctions.transition_per_s": 1e9, **(settings or {})}
    platform: Platform = platform_of(
        scenario.model_copy(update={"platform": {"behaviours": behaviours}}), "bare", changes
    )
    return CompiledModel(scenario, platform, machine=read_machine(machine)[0])


def _service_times() -> Document:
    return {
        _resource(name): _exponential(mean) if variation is None else _lognormal(mean, variation)
        for name, mean, variation in zip(STATIONS, workloads.MEANS, workloads.VARIATIONS, strict=True)
    }


def _exponential(mean: float) -> Document:
    return {"fixed_s": {"distribution": "exponential", "scale": mean}}


def _lognormal(mean: float, variation: float) -> Document:
    mu, sigma = workloads.lognormal(mean, variation)
    return {"fixed_s": {"distribution": "lognormal", "median": float(np.exp(mu)), "sigma": sigma}}


def _resource(station: str) -> str:
    return f"arn:aws:states:::benchmark:{station}"


def _task(resource: str, after: str | None = None) -> Document:
    return {"Type": "Task", "Resource": resource, **({"Next": after} if after else {"End": True})}


def _fork_join() -> Document:
    """Return the state machine; a Task that fails with probability 0.02 sends a batch back, once."""
    states: Document = {"upload": _task(_resource("upload"), "validate1")}
    for turn in (1, 2):
        states |= {
            f"validate{turn}": _task(_resource("validate"), f"items{turn}"),
            f"items{turn}": {"Type": "Parallel", "Branches": _branches(turn), "Next": f"zip{turn}"},
            f"zip{turn}": _task(_resource("zip"), f"finalise{turn}"),
        }
    states["finalise1"] = _task(_resource("finalise"), "goes_back")
    states["finalise2"] = _task(_resource("finalise"))
    catch = [{"ErrorEquals": ["GoesBack"], "Next": "validate2"}]
    states["goes_back"] = {**_task("arn:aws:states:::benchmark:decide"), "Catch": catch}
    return {"StartAt": "upload", "States": states}


def _branches(turn: int) -> list[Document]:
    stations = ["photo"] * workloads.PHOTOS + ["video"] * workloads.VIDEOS
    names = [f"{station}{number}_{turn}" for number, station in enumerate(stations)]
    return [
        {"StartAt": name, "States": {name: _task(_resource(station))}}
        for name, station in zip(names, stations, strict=True)
    ]
