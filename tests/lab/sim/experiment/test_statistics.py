"""
Confidence intervals, warm-up detection, and the number of replications.
"""

import math

import numpy as np
import pytest

from benchmarks.coverage import sojourn_times
from harness.lab.sim.experiment.precision import run_until
from harness.lab.sim.experiment.quantiles import (
    Estimate,
    LimitResult,
    mean_estimate,
    paired_difference,
    percentile_estimate,
)
from harness.lab.sim.experiment.steady_state import cycles, too_short
from harness.lab.sim.experiment.warm_up import detect, mser


class TestEstimate:
    def test_a_mean_by_hand(self):
        """
        1, 2, 3: mean 2, t(2) 4.303 times 1/√3.
        """
        estimate = mean_estimate([1.0, 2.0, 3.0])

        assert (estimate.value, estimate.half_width) == (2.0, pytest.approx(4.30265 / math.sqrt(3), rel=1e-5))

    def test_one_replication_has_no_interval(self):
        """
        Its half-width is infinite.
        """
        assert mean_estimate([5.0]).half_width == math.inf
        assert mean_estimate([5.0]).check_limit(100.0) is LimitResult.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("limit", "result"),
        [(600.0, LimitResult.PASS), (520.0, LimitResult.INCONCLUSIVE), (400.0, LimitResult.FAIL)],
    )
    def test_checking_a_limit(self, limit, result):
        """
        A limit inside the interval is inconclusive.
        """
        estimate = Estimate(value=515.0, half_width=21.0, standard_error=10.0, replications=20)

        assert estimate.check_limit(limit) is result

    def test_pairs_cancel_common_noise(self):
        """
        The same noise in both leaves the difference exact.
        """
        noise = np.random.default_rng(1).normal(0, 10, 20)
        estimate = paired_difference(list(noise + 3), list(noise))

        assert estimate.value == pytest.approx(3.0)
        assert estimate.half_width < 1e-9

    def test_pairs_must_be_pairs(self):
        """
        Different numbers of replications cannot be paired.
        """
        with pytest.raises(ValueError, match="3 replications cannot be paired with 2"):
            paired_difference([1, 2, 3], [1, 2])


class TestPercentileEstimate:
    def test_shares_give_the_interval(self):
        """
        Two replications of ten values: five and seven are at most 6, which is the median of all.
        """
        one, other = np.arange(2.0, 12.0), np.arange(0.0, 10.0)
        estimate = percentile_estimate([one, other], 50)

        assert estimate.value == 5.0
        assert estimate.low < 5.0 < estimate.high

    @pytest.mark.slow
    def test_it_covers_where_replications_are_short(self):
        """
        M/M/1 at rho 0.5, 1,000 jobs, ten replications: p95 in at least 90 of 100.
        """
        truth = math.log(20) / 0.5
        covered = []
        for number in range(300):
            draws = np.random.default_rng([7, number])
            runs = [sojourn_times(draws, 1000, 0.5)[50:] for _ in range(10)]
            estimate = percentile_estimate(runs, 95)
            covered.append(estimate.low <= truth <= estimate.high)

        assert 0.9 <= np.mean(covered) <= 0.99


class TestSteadyState:
    def test_cycles_are_counted(self):
        """
        Three ways up from the lowest quarter to the highest one.
        """
        series = np.array([1, 2, 3, 4, 3, 2, 1, 4, 1, 3, 4, 2.0])

        assert cycles([series]) == 3
        assert cycles([series, series]) == 3

    def test_constant_times_need_no_cycles(self):
        """
        They have no distribution to be missed.
        """
        assert too_short([np.ones(5), np.ones(5)], 60.0) == ""

    def test_the_duration_that_would_do_is_said(self):
        """
        Three cycles in 60 s: 60 take 1200 s.
        """
        series = np.array([1, 2, 3, 4, 3, 2, 1, 4, 1, 3, 4, 2.0])

        assert "use 2 replications with --duration 1200s" in too_short([series, series], 60.0)

    def test_the_length_of_independent_values_does_not_matter(self):
        """
        A hundred of them in each replication are enough, if their kin in a queue are not.
        """
        random = np.random.default_rng(3)
        independent = [random.exponential(1.0, 100) for _ in range(10)]
        dependent = [np.convolve(each, np.ones(10), "same") for each in independent]

        assert too_short(independent, 60.0) == ""
        assert "60 are needed" in too_short(dependent, 60.0)
        assert "60 are needed" in too_short(independent[:2], 60.0), "too few to tell"


class TestWarmUp:
    def test_mser_finds_a_step(self):
        """
        Twenty entries of another level are cut, and few more.
        """
        draws = np.random.default_rng(3)
        series = np.concatenate([np.zeros(20), 10 + draws.normal(0, 0.1, 180)])

        assert 20 <= mser(series) <= 40

    def test_the_empty_start_is_detected_over_replications(self):
        """
        Deleting the common warm-up brings the mean of short runs nearer to the truth (W = 10).
        """
        draws = np.random.default_rng(5)
        runs = [sojourn_times(draws, 1000) for _ in range(1000)]
        arrivals = [np.arange(1000.0) for _ in runs]
        warm_up = detect(arrivals, runs, 1000.0)
        kept = np.mean(
            [run[times >= warm_up.until].mean() for run, times in zip(runs, arrivals, strict=True)]
        )

        assert 0 < warm_up.until <= 500
        assert abs(kept - 10) < abs(np.mean(runs) - 10)

    def test_a_trend_is_warned_about(self):
        """
        A queue that only grows has no steady state.
        """
        times = [np.arange(1000.0)]

        assert "longer" in detect(times, [np.arange(1000.0) ** 2], 1000.0).warning

    def test_too_few_observations_are_reported(self):
        """
        Ten observations are too few.
        """
        assert "too few" in detect([np.arange(10.0)], [np.ones(10)], 10.0).warning

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("count", [20, 25, 40, 55, 100])
    def test_a_few_more_are_enough(self, count):
        """
        A warm-up is detected without a warning.
        """
        assert detect([np.arange(float(count))], [np.ones(count)], float(count)).until == 0


class TestRunUntil:
    def test_stops_when_precise(self):
        """
        Replications are added until the interval is narrow enough.
        """
        draws = np.random.default_rng(7)
        found = run_until(
            lambda numbers: [float(draws.normal(100, 20)) for _ in numbers], mean_estimate, precision=0.05
        )

        assert found.reached
        assert found.estimate.half_width <= 0.05 * 100
        assert 10 < len(found.replications) < 200

    def test_stops_at_the_maximum(self):
        """
        The result says that the precision was not reached.
        """
        draws = np.random.default_rng(7)
        found = run_until(
            lambda numbers: [float(draws.normal(0, 20)) for _ in numbers],
            mean_estimate,
            precision=0.01,
            at_most=30,
        )

        assert not found.reached
        assert len(found.replications) == 30

    def test_stops_where_there_is_nothing_to_estimate(self):
        """
        Without an estimate the procedure stops after the first replications.
        """
        found = run_until(list, lambda _: None, precision=0.05, at_most=200)

        assert not found.reached
        assert found.estimate is None
        assert len(found.replications) == 10

    def test_every_replication_runs_once(self):
        """
        Their numbers have no gaps, so no random numbers are used twice.
        """
        asked: list[int] = []

        def replicate(numbers):
            asked.extend(numbers)
            return [0.0 if number % 2 else 1.0 for number in numbers]

        run_until(replicate, mean_estimate, precision=0.01, at_most=40)

        assert asked == list(range(40))
