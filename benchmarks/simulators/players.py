"""
The players: each plays one model in one simulator, in a process of its own.

``python -m benchmarks.simulators.players NAME SIZE SEED`` prints the outcome as JSON. The model is played on
a small scale first, so that nothing is compiled or imported while the time runs.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators import workloads

WARM_UP_SIZE = 200
BATCHES_OF_MEANS = 20

FUNCTION = {"mean": 1.991, "start_up": 0.253, "keep_alive": 600.0}
"""The times of a function with cold starts in SimFaaS's own example [s]."""

FUNCTION_RATE, BUSY_RATE = 0.9, 20.0
"""Requests a second of that example, and of a function with more environments."""


PENDING = 135
"""Pending events of the fork-join model."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What was played.

    Attributes:
        cpu_s: Processor time.
        size: Customers, batches or requests [count].
        value: Mean sojourn time [s].
        error: Standard error of *value*; 0 if the numbers were drawn in advance, None if unknown.
        events: Events of the simulator; None if it does not count them.
        peak_mb: Largest memory of the process [MB].
    """

    cpu_s: float
    size: int
    value: float
    error: float | None
    events: int | None = None
    peak_mb: float = 0.0


def play(name: str, size: int, seed: int) -> Outcome:
    """Play a model after a warm-up."""
    prepare = PLAYERS[name]
    prepare(WARM_UP_SIZE, seed)()
    work = prepare(size, seed)
    began = time.process_time()
    found = work()
    took = time.process_time() - began
    value, error, count, events = found if isinstance(found, tuple) else (*_summary(found, name), None)
    return Outcome(took, count, value, error, events, _peak_mb())


def _summary(times: Any, name: str) -> tuple[float, float | None, int]:
    parts = [part.mean() for part in np.array_split(times, BATCHES_OF_MEANS)]
    error = float(np.std(parts, ddof=1) / np.sqrt(len(parts)))
    return float(times.mean()), 0.0 if name.endswith("drawn before") else error, len(times)


def _peak_mb() -> float:
    # `getrusage` begins with the memory of the process that started this one.
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = [each for each in status.read_text(encoding="ascii").splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


Prepare = Callable[[int, int], Callable[[], Any]]


def _simpy(model: str, **options: Any) -> Prepare:
    def prepare(size: int, seed: int) -> Callable[[], Any]:
        from benchmarks.simulators import simpy_models

        if model == "drawing":
            return lambda: simpy_models.play_fork_join_drawing(size, seed, **options)
        if model == "queue":
            numbers = workloads.queue(size, seed)
            return lambda: simpy_models.play_queue(numbers)
        drawn = workloads.fork_join(size, seed)
        return lambda: simpy_models.play_fork_join(drawn)

    return prepare


def _compiled(model: str) -> Prepare:
    def prepare(size: int, seed: int) -> Callable[[], Any]:
        from benchmarks.simulators import compiled_models

        return lambda: compiled_models.sojourns(getattr(compiled_models, f"{model}_model")(size, seed))

    return prepare


def _function(rate: float) -> Prepare:
    def prepare(size: int, seed: int) -> Callable[[], Any]:
        from benchmarks.simulators import compiled_models

        return lambda: compiled_models.sojourns(
            compiled_models.function_model(rate, size / rate, seed, **FUNCTION)
        )

    return prepare


def _steady(size: int, seed: int) -> Callable[[], Any]:
    """Play the scenario `steady` on the blueprint, with statistics only."""
    from benchmarks.blueprint import steady
    from harness.lab.sim.compiled.compiled_model import CompiledModel
    from harness.lab.sim.simulation import platform_of

    scenario = steady(float(size)).model_copy(update={"seed": seed})

    def work() -> Any:
        model = CompiledModel(scenario, platform_of(scenario), counts=True)
        model.run()
        counts = model.counts()
        return 0.0, None, int(counts["arrivals"]), int(counts["events"])

    return work


def _hold(size: int, seed: int) -> Callable[[], Any]:
    """Play as many events as *size* on a bare heap with as many pending ones as the blueprint has."""
    from benchmarks.simulators import event_loops

    delays = np.random.default_rng(seed).exponential(1.0, max(size, PENDING))
    return lambda: (event_loops.hold(PENDING, delays), None, delays.size, delays.size)


def _event_loop(*, draws: bool) -> Prepare:
    def prepare(size: int, seed: int) -> Callable[[], Any]:
        from benchmarks.simulators import event_loops

        if draws:
            return lambda: event_loops.play_fork_join_drawing(size, seed)
        numbers = workloads.fork_join(size, seed)
        return lambda: event_loops.play_fork_join(numbers)

    return prepare


def _other(module: str, model: str) -> Prepare:
    """Return the player of a simulator whose module has a function for each model."""

    def prepare(size: int, seed: int) -> Callable[[], Any]:
        from importlib import import_module

        found = import_module(f"benchmarks.simulators.{module}")
        numbers = getattr(workloads, model)(size, seed)
        return lambda: getattr(found, f"play_{model}")(numbers)

    return prepare


def _cimba(model: str) -> Prepare:
    def prepare(size: int, seed: int) -> Callable[[], Any]:
        from benchmarks.simulators import cimba_models

        built = getattr(cimba_models, f"{model}_model")(getattr(workloads, model)(size, seed))
        return lambda: (cimba_models.mean_sojourn(built), 0.0, size, None)

    return prepare


def _simfaas(rate: float) -> Prepare:
    def prepare(size: int, seed: int) -> Callable[[], Any]:
        from benchmarks.simulators import simfaas_model

        np.random.seed(seed)
        # Of the time average of the busy environments, a Poisson number, over the rate.
        error = FUNCTION["mean"] * np.sqrt(2 / size)
        return lambda: (simfaas_model.play_function(rate, size / rate, **FUNCTION), error, size, None)

    return prepare


PLAYERS: dict[str, Prepare] = {
    "queue: SimPy, drawn before": _simpy("queue"),
    "queue: compiled engine": _compiled("queue"),
    "queue: Ciw, drawn before": _other("ciw_model", "queue"),
    "queue: salabim, drawn before": _other("salabim_models", "queue"),
    "queue: Cimba, drawn before": _cimba("queue"),
    "fork-join: SimPy, drawn before": _simpy("fork_join"),
    "fork-join: event loop, drawn before": _event_loop(draws=False),
    "fork-join: salabim, drawn before": _other("salabim_models", "fork_join"),
    "fork-join: Cimba, drawn before": _cimba("fork_join"),
    "fork-join: SimPy": _simpy("drawing"),
    "fork-join: event loop": _event_loop(draws=True),
    "12 + 1: SimPy": _simpy("drawing", fixed=True),
    "12 + 1: compiled engine": _compiled("fork_join"),
    "function: compiled engine": _function(FUNCTION_RATE),
    "function: SimFaaS": _simfaas(FUNCTION_RATE),
    "busy function: compiled engine": _function(BUSY_RATE),
    "busy function: SimFaaS": _simfaas(BUSY_RATE),
    "steady: compiled engine": _steady,
    "bare heap": _hold,
}


def main() -> None:
    name, size, seed = sys.argv[1:]
    sys.stdout.write(json.dumps(asdict(play(name, int(size), int(seed)))) + "\n")


if __name__ == "__main__":
    main()
