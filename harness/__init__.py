"""
Play, simulate and check an asynchronous media-processing service.

>>> import harness
>>> run = harness.load_run("fixtures/runs/slow")
>>> run.percentiles(period=300)["p95_s"].tolist()
[45.0, 45.0, 650.0]
>>> harness.check(run).passed
False

`play` runs a scenario against the service, `simulate` runs it in simulation; both return a run, and
`load_run` opens the run of an earlier time, `load_runs` several of them. `calibrate` measures the
system's service times from runs, `calibrate_executions` those of any state machine from its histories.
`experiment` simulates a scenario many times and estimates its times with intervals; `sweep` does so at
every point of a grid of parameters, `plan` finds the least value with which an objective holds, `frontier`
the least pairs of two parameters, and `confirm_live` plays an answer on the local stack. `sensitivity` and
`morris` say which parameter matters; `what_if` shows a run with other parameters. `check` evaluates the
alarms and objectives of a run, `compare` compares it with another run. Each name is imported at its first
use, so importing the package is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import check as check
    from harness.api import compare as compare
    from harness.api import experiment as experiment
    from harness.api import load_run as load_run
    from harness.api import load_runs as load_runs
    from harness.api import simulate as simulate
    from harness.experiments import calibrate as calibrate
    from harness.experiments import calibrate_executions as calibrate_executions
    from harness.experiments import plan as plan
    from harness.experiments import sensitivity as sensitivity
    from harness.experiments import sweep as sweep
    from harness.live_confirmation import confirm_live as confirm_live
    from harness.parameter_studies import frontier as frontier
    from harness.parameter_studies import morris as morris
    from harness.scenario_player import play_scenario as play
    from harness.variations import what_if as what_if

__all__ = [
    "calibrate",
    "calibrate_executions",
    "check",
    "compare",
    "confirm_live",
    "experiment",
    "frontier",
    "load_run",
    "load_runs",
    "morris",
    "plan",
    "play",
    "sensitivity",
    "simulate",
    "sweep",
    "what_if",
]

_HOMES = {name: ("harness.api", name) for name in __all__}
_SIMULATED = ("calibrate", "calibrate_executions", "plan", "sensitivity", "sweep")
_HOMES |= {name: ("harness.experiments", name) for name in _SIMULATED}
_HOMES["what_if"] = ("harness.variations", "what_if")
_HOMES |= {name: ("harness.parameter_studies", name) for name in ("frontier", "morris")}
_HOMES["confirm_live"] = ("harness.live_confirmation", "confirm_live")
_HOMES["play"] = ("harness.scenario_player", "play_scenario")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
