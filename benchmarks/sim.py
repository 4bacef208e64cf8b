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
from harness.lab.sim.simulation import simulate

SCENARIO = Path(__file__).parents[1] / "scenarios" / "steady.toml"
EXPERIMENTS = 400


def figures() -> Iterator[Figure]:
    """Yield the figures of the simulator."""
    yield from _speed()
    yield from _coverage()


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
