"""
The simulator: how fast it is, writing a whole run folder, and how often its intervals hold the truth.
"""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.cli.bench_figure import Figure, seconds

SCENARIO = Path("scenarios/steady.toml")
EXPERIMENTS = 400


def figures() -> Iterator[Figure]:
    """Yield the figures of the simulator."""
    yield from _speed()
    yield from _coverage()


def _speed() -> Iterator[Figure]:
    from harness.lab.sim.simulation import simulate

    if not SCENARIO.exists():
        yield Figure("simulation of steady", None, "s", note=f"there is no {SCENARIO} here")
        return
    with TemporaryDirectory() as folder:
        number = count()
        took = seconds(lambda: simulate(SCENARIO, out=Path(folder) / str(next(number))))
        run = simulate(SCENARIO, out=Path(folder) / "counted")
        length = run.model_seconds(run.header.duration_s or 0.0)
        yield Figure("simulation of steady", took, "s", length / took, "real time")
        rows = len(run.requests) + len(run.steps) + len(run.metrics)
        yield Figure("rows of the run", rows / took, "rows/s")


def _coverage() -> Iterator[Figure]:
    """Yield how often nominal 95 % intervals of a known p95 hold it: by replications, and naively."""
    from tqdm import tqdm

    from harness.lab.sim.experiment.coverage import coverage

    with tqdm(total=EXPERIMENTS, desc="coverage", unit="experiment", file=sys.stderr, disable=None) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        found = coverage(EXPERIMENTS, progress=show)
    of = f"{found.experiments} experiments, M/M/1 at ρ 0.9"
    yield Figure("coverage of the 95 % interval of p95", 100 * found.ours, "%", note=of)
    yield Figure("coverage of the naive interval of one run", 100 * found.naive, "%", note=of)
