"""Compile the engine ahead: ``python -m harness.lab.sim.compiled``. This takes a minute or more, once."""

from pathlib import Path
from tempfile import TemporaryDirectory

from harness.lab.sim.simulation import simulate


def compile_ahead() -> None:
    """Compile the engine by playing a short run, and keep the machine code."""
    with TemporaryDirectory() as folder:
        simulate("smoke", engine="compiled", out=Path(folder) / "run")


if __name__ == "__main__":
    compile_ahead()
