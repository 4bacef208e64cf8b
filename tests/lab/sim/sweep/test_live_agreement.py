"""
Whether a live run agrees with a plan: by its objective, and by the simulation of the very same run.
"""

import math

import numpy as np
import pytest

from harness.lab.sim.experiment.replications import Replication
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.sim.sweep.live_agreement import (
    Agreement,
    ConfirmedValue,
    LiveConfirmation,
    RunFigure,
    judged,
)

LIMIT = Criterion.parse("p95(E2E:ready) <= 100 s")


def figure(low, high=None):
    return RunFigure(low, low if high is None else high, 50)


class TestJudgement:
    @pytest.mark.parametrize(
        ("expected", "live", "simulated", "agreement", "reason"),
        [
            (True, figure(90), figure(95), "agrees", "the objective holds, as planned"),
            (False, figure(120), figure(130), "agrees", "does not hold, as planned"),
            # The live stack is much slower than the simulation of the same arrivals.
            (True, figure(150), figure(90), "disagrees", "the objective should hold"),
            (False, figure(60), figure(130), "disagrees", "the objective should not hold"),
            # These arrivals are bad luck: the simulation of them says the same.
            (True, figure(120), figure(115), "inconclusive", "play more or longer runs"),
            # Nearly the same figure, on both sides of the limit.
            (True, figure(103), figure(97), "inconclusive", "lies between them"),
            (True, figure(90, math.inf), figure(90), "inconclusive", "had not ended"),
            (None, figure(90), figure(90), "inconclusive", "does not say whether 4 suffices"),
            # Too many failed: never READY.
            (True, figure(math.inf), figure(90), "disagrees", "the objective should hold"),
            (False, figure(5), figure(math.inf), "disagrees", "the objective should not hold"),
        ],
    )
    def test_a_value(self, expected, live, simulated, agreement, reason):
        """
        The sentence says why.
        """
        found, text = judged(LIMIT, "mediaconvert.slots", 4, expected, live, simulated)

        assert found == agreement
        assert reason in text
        assert text.startswith("With mediaconvert.slots = 4 the live stack gives")

    @pytest.mark.parametrize(
        ("expected", "live", "simulated", "agreement"),
        [
            (True, 150, 90, "inconclusive"),
            # Not as planned by the simulation: the host may have been the reason.
            (False, 150, 90, "inconclusive"),
            (False, 150, 130, "agrees"),
            (True, 90, 80, "agrees"),
        ],
    )
    def test_a_busy_host(self, expected, live, simulated, agreement):
        """
        Its figures contradict no plan, and confirm one only where the simulation agrees.
        """
        found, text = judged(
            LIMIT, "slots", 4, expected, figure(live), figure(simulated), "The host was busy."
        )

        assert found == agreement
        assert ("The host was busy." in text) == (agreement == "inconclusive")


def test_the_figure_of_a_run_counts_failed_batches_as_never_ready():
    """
    Only batches that arrive in the counted time; of an unfinished one only the lower bound is known.
    """
    arrived = np.array([0.0, 10, 20, 30])
    ready = np.array([500.0, 10, 20, 30])
    is_ready, is_open = np.array([True, True, False, False]), np.array([False, False, False, True])
    run = Replication(0, arrived, ready, is_ready, is_open)
    share = Criterion.parse("fail_ratio(E2E:ready) <= 10 %")

    assert RunFigure.of(run, Criterion.parse("p50(E2E:ready) <= 9 s"), 5, 40) == RunFigure(30, math.inf, 3)
    assert RunFigure.of(run, share, 5, 40) == RunFigure(1 / 3, 2 / 3, 3)
    assert RunFigure.mean([figure(10), figure(20, 40)]) == RunFigure(15, 25, 100)


def value(agreement, *, expected=True):
    return ConfirmedValue(4, expected, 1.0, 1.0, 50, Agreement(agreement), "so.")


@pytest.mark.parametrize(
    ("values", "agreement"),
    [
        ([value("agrees"), value("agrees", expected=False)], "agrees"),
        ([value("agrees"), value("disagrees", expected=False)], "disagrees"),
        ([value("agrees"), value("inconclusive", expected=False)], "inconclusive"),
        # The plan says nothing about the next value, so it cannot be contradicted.
        ([value("agrees"), value("inconclusive", expected=None)], "agrees"),
    ],
)
def test_the_whole_agrees_if_every_value_does(tmp_path, values, agreement):
    """
    One value that disagrees is enough to disagree.
    """
    found = LiveConfirmation("mediaconvert.slots", "p95(E2E:ready) <= 100 s", 10.0, tuple(values))
    found.write(tmp_path)

    assert found.agreement == agreement
    assert f'"agreement": "{agreement}"' in (tmp_path / "confirmation.json").read_text()
