"""
The simulators that are compared play the same model: their results are equal, or agree.
"""

import math

import pytest

from benchmarks.simulators import comparison, event_loops, simpy_models, workloads
from benchmarks.simulators.comparison import Comparison
from benchmarks.simulators.players import PLAYERS, Outcome

pytestmark = pytest.mark.timeout(600)


def test_the_event_loop_and_simpy_give_the_same_sojourn_times():
    """
    Of numbers that were drawn in advance, batch by batch.
    """
    numbers = workloads.fork_join(300, 5)

    assert event_loops.play_fork_join(numbers) == pytest.approx(
        simpy_models.play_fork_join(numbers), rel=1e-9
    )


@pytest.mark.parametrize("player", ["queue: compiled engine", "12 + 1: compiled engine"])
def test_the_compiled_engine_plays_the_shared_models(player):
    """
    Its mean is within 3.3 standard errors of SimPy's, for the same number of arrivals.
    """
    others = {
        "queue: compiled engine": "queue: SimPy, drawn before",
        "12 + 1: compiled engine": "12 + 1: SimPy",
    }
    means, errors = [], []
    for name in (player, others[player]):
        times = PLAYERS[name](2000, 11)()
        parts = times[:2000].reshape(-1, 100)[:, :].mean(axis=1) if len(times) >= 2000 else times
        means.append(float(times.mean()))
        errors.append(float(parts.std(ddof=1) / math.sqrt(len(parts))))

    assert abs(means[0] - means[1]) <= 3.3 * math.hypot(*errors)


@pytest.fixture
def outcomes(monkeypatch):
    """
    Give outcomes to the comparison instead of measuring.
    """
    given = {
        "m: SimPy": Outcome(2.0, 100, 5.0, 0.1),
        "m: ours": Outcome(0.02, 100, 5.2, 0.1),
        "m: wrong": Outcome(1.0, 100, 9.0, 0.1),
    }
    monkeypatch.setattr(comparison, "play", lambda name, size: given[name])


def test_a_comparison_names_ratios_and_results_that_disagree(outcomes):
    """
    A simulator that plays another model would be compared in vain.
    """
    compared = Comparison(
        "µs", {"m: SimPy": 100, "m: ours": 100, "m: wrong": 100}, "m: ours", {"m: SimPy": 70}
    )

    fast, simpy, wrong = compared.figures(1, 1.0)

    assert fast.value == pytest.approx(200)
    assert simpy.ratio == pytest.approx(100)
    assert simpy.asked == "at least 70: held"
    assert simpy.note.endswith("agree")
    assert wrong.note.startswith("results 9 and 5 ± 0.14 DISAGREE")
    assert wrong.note.endswith("0.5 × the time of SimPy")


def test_a_simulator_that_is_not_installed_is_a_row(outcomes, monkeypatch):
    """
    The row says how to install it.
    """
    monkeypatch.setattr(comparison, "PACKAGES", {"wrong": "no_such_package"})
    compared = Comparison("µs", {"m: SimPy": 100, "m: ours": 100, "m: wrong": 100}, "m: ours", {})

    *_, wrong = compared.figures(1, 1.0)

    assert wrong.value is None
    assert wrong.note == "not installed: pip install no_such_package"
