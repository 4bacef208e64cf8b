"""
Replications of one system share its lowering, and nothing else.
"""

import numpy as np
import pytest

from harness.lab.sim.compiled.compiled_model import CompiledModel
from harness.lab.sim.compiled.lowering import kept_lowerings
from harness.lab.sim.simulation import platform_of
from harness.lab.workload.scenario import load_scenario

# The first test of a machine compiles the engine, unless set-up has done it.
pytestmark = pytest.mark.timeout(3000)


@pytest.fixture
def nothing_kept(monkeypatch):
    monkeypatch.setattr(kept_lowerings, "_kept", type(kept_lowerings._kept)(maxlen=2))


def ready_rows(scenario, replication):
    model = CompiledModel(scenario, platform_of(scenario), replication=replication)
    model.run()
    return model.ready_rows.copy()


def test_a_replication_does_not_depend_on_those_before_it(nothing_kept):
    """
    The shapes of input that others have met are there already; draws are its own.
    """
    scenario = load_scenario("steady").lasting(120)
    alone = ready_rows(scenario, 3)
    kept_lowerings._kept.clear()
    first = [ready_rows(scenario, number) for number in range(3)]

    assert np.array_equal(ready_rows(scenario, 3), alone)
    assert not np.array_equal(first[0]["ended"], first[1]["ended"])
    assert len(kept_lowerings._kept) == 1


def test_two_replications_that_are_played_at_once_do_not_mix(nothing_kept):
    """
    The second model is made before the first one has met all shapes of its input.
    """
    scenario = load_scenario("steady").lasting(120)
    expected = [ready_rows(scenario, number) for number in (0, 1)]
    kept_lowerings._kept.clear()
    models = [CompiledModel(scenario, platform_of(scenario), replication=number) for number in (0, 1)]
    for model in models:
        model.run()

    for model, rows in zip(models, expected, strict=True):
        assert np.array_equal(model.ready_rows, rows)


def test_another_seed_is_another_system(nothing_kept):
    """
    A lowering is kept for equal systems only, and for the last few of them.
    """
    scenario = load_scenario("smoke")
    rows = [ready_rows(scenario.seeded(seed), 0) for seed in (1, 2, 3)]

    assert not np.array_equal(rows[0]["ended"], rows[1]["ended"])
    assert len(kept_lowerings._kept) == 2
