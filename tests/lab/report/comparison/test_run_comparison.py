"""
The comparison of two runs.
"""

import numpy as np
import pytest

from harness.lab.report.comparison.run_comparison import compare, distances
from harness.lab.results.rows import RequestRow
from harness.lab.results.run import Run


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
