"""Compile the engine ahead: ``python -m harness.lab.sim.compiled``. This takes a minute or more, once."""

from pathlib import Path
from tempfile import TemporaryDirectory

from harness.lab.sim.simulation import simulate
from harness.lab.workload.scenario import load_scenario


def compile_ahead() -> None:
    """Compile the engine by playing a short run with random arrivals, and keep the machine code."""
    with TemporaryDirectory() as folder:
        simulate(load_scenario("steady").lasting(10), engine="compiled", out=Path(folder) / "run")


if __name__ == "__main__":
    compile_ahead()
