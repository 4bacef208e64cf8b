"""
How fast the simulator is: model seconds in a second, writing a whole run folder, beside the time that passes.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.cli.bench_figure import Figure, seconds

SCENARIO = Path("scenarios/steady.toml")


def figures() -> Iterator[Figure]:
    """Yield the figures of the simulator."""
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
