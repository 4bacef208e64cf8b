"""
The comparison of two runs.
"""

import json
import math

import numpy as np
import pytest

from harness.lab.report.comparison.run_comparison import compare, distances
from harness.lab.results.rows import RequestRow
from harness.lab.results.run import Run
from tests.lab.conftest import ready


def uploads(times: list[float]) -> list[RequestRow]:
    return [
        RequestRow(0, at, "POST", "uploads", 201, "ok", at, at, at + time) for at, time in enumerate(times)
    ]


@pytest.fixture
def pair(make_folder) -> tuple[Run, Run]:
    """A run with uploads of 10 to 49 ms, and one with a later seed in which they take twice as long."""
    # In an order without a trend: neighbours of a trend depend on each other, which widens the intervals.
    slow = [0.001 * (10 + 17 * place % 40) for place in range(40)]
    scenario = {"duration_s": 60.0, "flows": [{"name": "photo_shoot", "weight": 1.0}]}
    heavier = {"duration_s": 60.0, "flows": [{"name": "photo_shoot", "weight": 2.0}]}
    return (
        make_folder("before", uploads(slow), id="before", scenario=scenario),
        make_folder("now", uploads([2 * time for time in slow]), id="now", scenario=heavier, seed=8),
    )


class TestDistances:
    def test_equal_samples_have_distance_0(self):
        """
        Both distances of a sample from itself are 0.
        """
        assert distances(np.arange(50.0), np.arange(50.0)) == (0.0, 0.0)

    def test_samples_that_do_not_overlap_have_the_largest_distance(self):
        """
        Kolmogorov–Smirnov is 1; Wasserstein is how far each value would have to move.
        """
        assert distances(np.array([1.0, 2.0]), np.array([11.0, 12.0])) == pytest.approx((1.0, 10.0))

    def test_a_known_case_by_hand(self):
        """
        Half of the values moved by 2: the shares differ by a half, the mean distance is 1.
        """
        assert distances(np.array([0.0, 1.0]), np.array([0.0, 3.0])) == pytest.approx((0.5, 1.0))

    def test_what_never_ended_has_no_distance_to_move(self):
        """
        Infinite values count for Kolmogorov–Smirnov; Wasserstein is that of the others.
        """
        some, none = np.array([1.0, 3.0, math.inf, math.inf]), np.array([math.inf])

        assert distances(some, np.array([2.0, 4.0])) == pytest.approx((0.5, 1.0))
        assert distances(some, none) == pytest.approx((0.5, math.nan), nan_ok=True)


class TestCompare:
    def test_ratios_are_now_over_before(self, pair):
        """
        Twice as slow is a ratio of 2 at every percentile, and significantly slower.
        """
        comparison = compare(*pair)

        assert [(one.name, one.percent) for one in comparison.ratios] == [
            ("POST uploads", 50.0), ("POST uploads", 95.0), ("POST uploads", 99.0),
        ]  # fmt: skip
        assert [one.ratio for one in comparison.ratios] == pytest.approx([2.0, 2.0, 2.0])
        assert comparison.ratios[0].slower

    def test_differences_of_the_scenario_are_listed(self, pair):
        """
        They have dotted keys and both values; equal values and start times are left out.
        """
        found = {one.what: (one.before, one.now) for one in compare(*pair).differences}

        assert found == {"seed": ("7", "8"), "scenario.flows.0.weight": ("1.0", "2.0")}

    def test_a_run_does_not_differ_from_itself(self, pair):
        """
        All distances are 0 and there are no differences.
        """
        comparison = compare(pair[0], pair[0])

        assert comparison.differences == ()
        assert [(one.ks, one.wasserstein_s) for one in comparison.distances] == [(0.0, 0.0)]

    def test_a_notebook_shows_it_as_tables(self, pair):
        """
        There is one table each for ratios, distances and differences.
        """
        assert compare(*pair)._repr_html_().count("<table") == 3

    def test_batches_that_fail_fast_are_not_faster(self, make_folder):
        """
        The sentence says how many failed; JSON has null in place of infinite and unknown numbers.
        """
        before = make_folder("before", [ready(100.0 + at, 60.0) for at in range(30)])
        now = make_folder("now", [ready(100.0 + at, 3.0, "failed") for at in range(30)])

        found = compare(before, now)

        assert found.answer == (
            "Time until READY: slower. The p95 is unbounded now, 60.0 s before (× ∞, 95 % interval ∞ to ∞). "
            "Batches that failed: 0 before, 30 now."
        )
        document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert (document["ratios"][0]["now_s"], document["ratios"][0]["ratio"]) == (None, None)
        assert document["distances"][0]["wasserstein_s"] is None
        assert "failed: 0 before, 30 now" in found._repr_html_()
        assert "inf s" not in found._repr_html_() + repr(found)
