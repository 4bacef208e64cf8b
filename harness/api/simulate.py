"""A scenario in simulation, once."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from harness.lab.report.plots import PlottableRun
from harness.lab.results.run import Run
from harness.lab.sim.simulation import simulate as simulate_run

P = ParamSpec("P")


def _with_plots(play: "Callable[P, Run]") -> "Callable[P, PlottableRun]":
    """Return *play* with a result that can draw its charts."""

    @wraps(play)
    def played(*args: P.args, **kwargs: P.kwargs) -> PlottableRun:
        return PlottableRun.of(play(*args, **kwargs))

    return played


simulate = _with_plots(simulate_run)
