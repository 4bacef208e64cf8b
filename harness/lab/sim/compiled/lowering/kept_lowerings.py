"""
Lowerings of the systems that were played last: the replications of one system are lowered once in a process.
"""

from collections import deque
from typing import Any

from harness.blueprint.template import Template
from harness.lab.sim.compiled.lowering.model_lowering import Lowering
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload.scenario import Scenario
from harness.states_language.machine import StateMachine

KEPT_MAX = 8
"""Neighbours of a search take turns; a lowering has a few hundred kilobytes."""

_kept: deque[tuple[tuple[Any, ...], Lowering]] = deque(maxlen=KEPT_MAX)


def lowering_of(
    scenario: Scenario, platform: Platform, machine: StateMachine, template: Template
) -> Lowering:
    """
    Return the lowering of a system, for replication 0; see `Lowering.of` for the others.

    Raises:
        NotLowerable: Something cannot be played exactly; the message names it.
    """
    system = (scenario, platform, machine, template)
    for known, lowering in _kept:
        if all(_are_same(one, other) for one, other in zip(known, system, strict=True)):
            return lowering
    lowering = Lowering(scenario, platform, machine, template, 0)
    lowering.lower_ahead()
    _kept.appendleft((system, lowering))
    return lowering


def _are_same(one: Any, other: Any) -> bool:
    """Return whether two parts of a system are equal, with the same types and the same order of fields."""
    # For Python 1 is equal to true and to 1.0; a state machine tells them apart.
    return one is other or (one == other and repr(one) == repr(other))
