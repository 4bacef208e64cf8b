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
every point of a grid of parameters, `plan` finds the least value with which an objective holds (of a rate
the greatest), `frontier` the least pairs of two parameters, and `confirm_live` plays an answer on the local
stack. `sensitivity` and `morris` say which parameter matters; `what_if` shows a run with other parameters.
`check` evaluates the alarms and objectives of a run, `compare` compares it with another run. Each name is
imported at its first use, so importing the package is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api.calibrate import calibrate as calibrate
    from harness.api.calibrate import calibrate_executions as calibrate_executions
    from harness.api.confirm_live import confirm_live as confirm_live
    from harness.api.experiment import experiment as experiment
    from harness.api.frontier import frontier as frontier
    from harness.api.morris import morris as morris
    from harness.api.plan import plan as plan
    from harness.api.play import play as play
    from harness.api.runs import check as check
    from harness.api.runs import compare as compare
    from harness.api.runs import load_run as load_run
    from harness.api.runs import load_runs as load_runs
    from harness.api.sensitivity import sensitivity as sensitivity
    from harness.api.simulate import simulate as simulate
    from harness.api.sweep import sweep as sweep
    from harness.api.what_if import what_if as what_if

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

_MODULES = {name: name for name in __all__} | {
    "calibrate_executions": "calibrate",
    "check": "runs",
    "compare": "runs",
    "load_run": "runs",
    "load_runs": "runs",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    module = importlib.import_module(f"harness.api.{_MODULES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
