"""
The method of Morris: on a known function, and of a simulated queue.
"""

import sys
from dataclasses import replace

import numpy as np
import pytest

from harness.lab.sim.sweep.elementary_effects import ElementaryEffectsPlan

pytest.importorskip("SALib")

KEYS = ["model.Work.fixed_s", "api.threads", "dispatcher.batch_size"]


def test_the_parameter_that_matters_comes_first(queue):
    """
    With servers enough the time to READY is the service time, which changes by ± 20 %; threads are nothing.
    """
    system = queue(0.1, 60)
    plan = ElementaryEffectsPlan(system, KEYS[:2], trajectories=3, replications=2)
    found = plan.run(processes=1)
    work, threads = found.effects
    base = work.low_value["scale"] / 0.8

    assert [work.key, threads.key] == KEYS[:2]
    assert (base, work.high_value["scale"]) == (20.0, 24.0)
    assert work.mu == work.mu_star > 0
    # Without waiting all times scale with the service time, so the effect is the same everywhere.
    assert work.sigma == pytest.approx(0, abs=1e-3 * work.mu)
    assert (threads.mu, threads.mu_star, threads.sigma) == (0, 0, 0)
    assert plan.total == 2 * len({tuple(map(str, point.values())) for point in plan.points})


def test_the_effects_are_those_of_a_known_function(queue):
    """
    Of 3a + ab the effect of b is that of a's value: it varies, and σ says so.
    """
    plan = ElementaryEffectsPlan(queue(0.1, 60), KEYS[:2], trajectories=20)
    a, b = plan.design.T
    found = {effect.key: effect for effect in plan._analysed(3 * a + a * b).effects}

    assert found[KEYS[0]].mu == pytest.approx(3.5, abs=0.2)
    assert found[KEYS[1]].mu == pytest.approx(0.5, abs=0.2)
    assert found[KEYS[1]].sigma > 0.2
    assert np.isfinite(found[KEYS[1]].mu_star_half_width)


@pytest.mark.parametrize("threads", [1, 2, 20])
def test_whole_numbers_have_the_effect_of_the_step_that_they_take(queue, threads):
    """
    Of 3a + 5b, from one end of both ranges to the other, whatever values lie between.
    """
    system = queue(0.1, 60)
    few = replace(system, overrides={**system.overrides, "api.threads": threads})
    plan = ElementaryEffectsPlan(few, KEYS[:2], trajectories=20)
    a, b = plan._shares.T
    found = {effect.key: effect for effect in plan._analysed(3 * a + 5 * b).effects}

    assert found[KEYS[0]].mu == pytest.approx(3)
    assert found[KEYS[1]].mu == pytest.approx(5)
    assert found[KEYS[1]].sigma == pytest.approx(0, abs=1e-9)
    assert (b.min(), b.max()) == (0, 1)


@pytest.mark.parametrize(
    ("keys", "options", "message"),
    [
        (KEYS[:1], {}, "at least two parameters"),
        (KEYS, {}, "dispatcher.batch_size cannot be changed by 20%"),
        (KEYS[:2], {"trajectories": 1}, "at least 2 trajectories"),
        (KEYS[:2], {"change": 1.0}, "between 0 and 1"),
    ],
)
def test_an_invalid_plan_is_refused(queue, keys, options, message):
    """
    Before anything is simulated.
    """
    with pytest.raises(ValueError, match=message):
        ElementaryEffectsPlan(queue(0.1, 60), keys, **options)


def test_without_salib_the_extra_is_named(queue, monkeypatch):
    """
    The package does not need it for anything else.
    """
    monkeypatch.setitem(sys.modules, "SALib", None)
    monkeypatch.delitem(sys.modules, "SALib.sample", raising=False)

    with pytest.raises(ModuleNotFoundError, match=r"media-harness\[sensitivity\]"):
        ElementaryEffectsPlan(queue(0.1, 60), KEYS[:2])
