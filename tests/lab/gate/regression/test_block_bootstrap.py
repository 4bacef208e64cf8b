"""
The interval of a ratio between two sets of runs.
"""

import math

import numpy as np
import pytest

from harness.lab.gate.regression.block_bootstrap import block_length, difference_interval, ratio_interval


def queue(count: int, utilisation: float, draws: np.random.Generator) -> np.ndarray:
    """Return sojourn times of M/M/1 by Lindley's recursion, from an empty system."""
    services, gaps = draws.exponential(1, count), draws.exponential(1 / utilisation, count)
    times, wait = np.empty(count), 0.0
    for number in range(count):
        wait = max(0.0, wait + (services[number - 1] if number else 0.0) - gaps[number])
        times[number] = wait + services[number]
    return times


class TestBlockLength:
    def test_independent_values_are_drawn_singly(self):
        """
        Without correlation a block is one value.
        """
        assert block_length(np.random.default_rng(4).lognormal(0, 0.5, 300)) == 1

    def test_values_of_a_queue_are_drawn_in_blocks(self):
        """
        Neighbours in a queue wait for the same customers.
        """
        assert block_length(queue(1000, 0.7, np.random.default_rng(4))) >= 20

    @pytest.mark.parametrize(("count", "length"), [(8, 1), (100_000, 200)])
    def test_at_most_500_blocks(self, count, length):
        """
        Independent values are still merged when there are very many.
        """
        assert block_length(np.random.default_rng(1).normal(size=count)) == length

    def test_constant_values(self):
        """
        They have no correlation to measure.
        """
        assert block_length(np.ones(50)) == 1


class TestRatioInterval:
    def test_two_zeros_are_equal(self):
        """
        Requests of a platform that takes no time.
        """
        assert ratio_interval([np.zeros(30)], [np.zeros(30)], 50) == (1.0, 1.0)

    def test_agrees_with_drawing_single_values_if_they_are_independent(self):
        """
        The ratio of two medians, against 4,000 plain resamples.
        """
        draws = np.random.default_rng(3)
        a, b = draws.lognormal(0, 0.4, 200), draws.lognormal(0, 0.4, 200)
        plain = [np.sort(draws.choice(a, 200))[99] / np.sort(draws.choice(b, 200))[99] for _ in range(4000)]

        assert ratio_interval([a], [b], 50) == pytest.approx(np.quantile(plain, [0.025, 0.975]), rel=0.03)

    def test_agrees_with_the_normal_interval_of_a_mean(self):
        """
        The standard error of a ratio of means, by the delta method.
        """
        draws = np.random.default_rng(5)
        a, b = draws.gamma(9, 1, 400), draws.gamma(9, 1, 400)
        ratio, error = a.mean() / b.mean(), math.hypot(a.std() / a.mean(), b.std() / b.mean()) / 20

        low, high = ratio_interval([a], [b], None)

        assert (low, high) == pytest.approx(
            (ratio * (1 - 1.96 * error), ratio * (1 + 1.96 * error)), rel=0.01
        )

    def test_a_queue_has_a_wider_interval_than_the_same_values_in_random_order(self):
        """
        Correlated values carry less information.
        """
        draws = np.random.default_rng(6)
        a, b = queue(1000, 0.7, draws), queue(1000, 0.7, draws)
        low, high = ratio_interval([a], [b], 95)
        narrow_low, narrow_high = ratio_interval([draws.permutation(a)], [draws.permutation(b)], 95)

        assert math.log(high / low) > 1.5 * math.log(narrow_high / narrow_low)

    def test_runs_that_differ_widen_the_interval(self):
        """
        Two runs with means of 1 and 2 are not 200 values of one run.
        """
        draws = np.random.default_rng(7)
        slow, fast, now = draws.normal(2, 0.1, 100), draws.normal(1, 0.1, 100), draws.normal(1.5, 0.1, 100)

        low, high = ratio_interval([now], [slow, fast], None)

        assert low < 0.8
        assert high > 1.4

    def test_equal_queues_are_rarely_told_apart(self):
        """
        Of 40 pairs with the same distribution at most 4 intervals lie above 1: 1 is expected.
        """
        draws = np.random.default_rng(8)
        above = [
            ratio_interval([queue(300, 0.5, draws)], [queue(300, 0.5, draws)], 95)[0] > 1 for _ in range(40)
        ]

        assert sum(above) <= 4

    def test_unknown_values_do_not_bound_the_ratio(self):
        """
        With one in ten unknown the upper bound of p90 is infinite.
        """
        now = np.concatenate([np.linspace(1, 2, 91), [math.inf] * 9])
        low, high = ratio_interval([now], [np.linspace(1, 2, 100)], 90)

        assert 0.8 < low < 1.1
        assert high == math.inf

    def test_many_values_need_no_sorting_of_each_resample(self):
        """
        The candidates near the percentile suffice: twice as slow is found to be within one per cent.
        """
        values = np.random.default_rng(9).lognormal(0, 0.5, 50_000)

        low, high = ratio_interval([2 * values], [values], 99)

        assert 1.9 < low < 2 < high < 2.1

    def test_is_reproducible(self):
        """
        The draws have a fixed seed.
        """
        a, b = np.linspace(1, 2, 40), np.linspace(1, 3, 40)

        assert ratio_interval([a], [b], 50) == ratio_interval([a], [b], 50)


class TestDifferenceInterval:
    def test_agrees_with_the_normal_interval(self):
        """
        The standard error of a difference of two independent means.
        """
        draws = np.random.default_rng(5)
        a, b = draws.gamma(9, 1, 400), draws.gamma(9, 1, 400)
        difference, error = a.mean() - b.mean(), math.hypot(a.std(), b.std()) / 20

        low, high = difference_interval(a, b)

        assert (low, high) == pytest.approx(
            (difference - 1.96 * error, difference + 1.96 * error), abs=0.1 * error
        )

    def test_pairs_leave_out_what_they_share(self):
        """
        Values that differ by one tenth each differ by one tenth.
        """
        values = np.random.default_rng(5).gamma(9, 1, 400)

        assert difference_interval(values + 0.1, values, paired=True) == pytest.approx((0.1, 0.1))
