"""
Suite ``sim``: the speed of the simulator, and how often its confidence intervals contain the true value.
"""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from benchmarks.coverage import coverage
from benchmarks.figure import Figure, seconds
from harness.lab.sim.engine_choice import EngineName
from harness.lab.sim.experiment.replications import replicate
from harness.lab.sim.simulation import platform_of, simulate
from harness.lab.workload.scenario import load_scenario

SCENARIO = Path(__file__).parents[1] / "scenarios" / "steady.toml"
EXPERIMENTS = 400

ENGINES_S = 3600.0
"""Model time of the comparison of the engines [s], with one arrival a second."""

ENGINES: tuple[EngineName, ...] = ("compiled", "simpy")
TRIES = 3


def figures() -> Iterator[Figure]:
    """Yield the figures of the simulator."""
    yield from _speed()
    yield from _engines()
    yield from _coverage()


def _engines() -> Iterator[Figure]:
    """Yield the times of the compiled engine beside those of SimPy, measured in turn."""
    scenario = load_scenario(SCENARIO).lasting(ENGINES_S).at_rate(1.0)
    platform = platform_of(scenario)
    replicate(scenario, platform, None, 0, "compiled")
    times: dict[tuple[str, EngineName], float] = {}
    with TemporaryDirectory() as folder:
        number = count()
        for engine in ENGINES * TRIES:
            for name, work in (
                ("statistics only", lambda: replicate(scenario, platform, None, 0, engine)),  # noqa: B023
                ("run folder", lambda: simulate(scenario, engine=engine, out=_folder(folder, number))),  # noqa: B023
            ):
                took = seconds(work, tries=1)
                times[name, engine] = min(took, times.get((name, engine), took))
    for name in ("statistics only", "run folder"):
        compiled, simpy = (times[name, engine] for engine in ENGINES)
        yield Figure(f"compiled engine, {name}", compiled, "s", simpy / compiled, "faster than SimPy")


def _folder(parent: str, number: "count[int]") -> Path:
    return Path(parent) / str(next(number))


def _speed() -> Iterator[Figure]:
    """Yield the time to simulate a scenario and to write its whole run folder."""
    with TemporaryDirectory() as folder:
        number = count()
        took = seconds(lambda: simulate(SCENARIO, out=Path(folder) / str(next(number))))
        run = simulate(SCENARIO, out=Path(folder) / "counted")
        length = run.model_seconds(run.header.duration_s or 0.0)
        yield Figure("simulation of steady", took, "s", length / took, "real time")
        rows = len(run.requests) + len(run.steps) + len(run.metrics)
        yield Figure("rows of the run", rows / took, "rows/s")


def _coverage() -> Iterator[Figure]:
    """Yield how often nominal 95 % intervals of a known p95 contain it: by replications, and naive ones."""
    with tqdm(total=EXPERIMENTS, desc="coverage", unit="experiment", file=sys.stderr, disable=None) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        found = coverage(EXPERIMENTS, progress=show)
    note = f"{found.experiments} experiments, M/M/1 at ρ 0.9"
    yield Figure("coverage of the 95 % interval of p95", 100 * found.ours, "%", note=note)
    yield Figure("coverage of the naive interval of one run", 100 * found.naive, "%", note=note)
