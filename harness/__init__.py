"""
Play, simulate and judge an asynchronous media-processing service.

    import harness

    run = harness.play("scenarios/steady.toml")

Names are loaded when they are first used, so importing the package costs next to nothing.
"""

import importlib
from typing import Any

_HOMES = {
    "play": ("harness.cli.stage", "play_scenario"),
    "simulate": ("harness.lab.sim.simulation", "simulate"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
