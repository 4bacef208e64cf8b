"""Compile the engine ahead: ``python -m harness.lab.sim.compiled``. This takes a minute or more, once."""

from harness.lab.sim.compiled.compiled_model import CompiledModel
from harness.lab.sim.simulation import platform_of
from harness.lab.workload.scenario import load_scenario


def compile_ahead() -> None:
    """Compile the engine by playing a short run, and keep the machine code."""
    scenario = load_scenario("smoke")
    CompiledModel(scenario, platform_of(scenario)).run()


if __name__ == "__main__":
    compile_ahead()
