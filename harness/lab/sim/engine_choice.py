"""
The choice of the engine that plays a run: the compiled one where it is exact, else SimPy.

Both give the same rows. Nothing here imports Numba before a compiled model is made.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload.scenario import Scenario
from harness.states_language.machine import StateMachine

if TYPE_CHECKING:
    from harness.lab.sim.compiled.compiled_model import CompiledModel

EngineName = Literal["auto", "simpy", "compiled"]


def compiled_model(
    engine: EngineName,
    scenario: Scenario,
    platform: Platform,
    machine: StateMachine | None = None,
    replication: int = 0,
    *,
    rows: bool = False,
    counts: bool = False,
) -> "CompiledModel":
    """
    Return the compiled model of a replication.

    Args:
        engine: With ``auto`` nothing is compiled: that takes minutes, once on a machine.
        rows: Whether all rows are recorded; else only the times to READY.
        counts: Whether these times are only counted, in a histogram.

    Raises:
        NotLowerable: The engine is ``simpy``, or the compiled one cannot play this; the message says why.
    """
    if engine == "simpy":
        raise NotLowerable("SimPy was chosen")
    if find_spec("numba") is None:
        raise NotLowerable("Numba is not installed; the extra 'compiled' of the package has it")
    from harness.lab.sim.compiled.kernel.kernel_compilation import is_compiled

    if engine == "auto" and not is_compiled():
        raise NotLowerable(
            "it is not compiled on this machine; --engine compiled compiles it, once, in some minutes"
        )
    from harness.lab.sim.compiled.compiled_model import CompiledModel

    return CompiledModel(
        scenario, platform, machine=machine, replication=replication, rows=rows, counts=counts
    )
