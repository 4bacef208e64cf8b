"""
Ratios of the percentiles of two runs.
"""

import math

import numpy as np
import pytest

from harness.lab.report.comparison.percentile_ratios import PercentileRatios, Ratio, compare, response_times
from harness.lab.results.rows import RequestRow
from tests.lab.conftest import ready


def requests_of(*seconds: float) -> list[RequestRow]:
    return [ready(float(number), wait) for number, wait in enumerate(seconds)]


class TestCompare:
    def test_twice_as_slow_is_a_ratio_of_two(self, recorder):
        """
        Each ratio is a percentile of the run over the same of the baseline, with an interval.
        """
        before = recorder.run(*requests_of(*np.linspace(1, 2, 100)))
        now = recorder.run(*requests_of(*np.linspace(2, 4, 100)))
        comparison = compare(now.folder, before.folder)

        assert (comparison.run, comparison.baseline) == ("run-2", "run-1")
        assert [(one.name, one.percent) for one in comparison.ratios] == [
            ("E2E ready", 50.0),
            ("E2E ready", 95.0),
        ]
        assert [one.before_s for one in comparison.ratios] == pytest.approx([1.494949, 1.949494], abs=1e-6)
        assert [one.now_s for one in comparison.ratios] == pytest.approx([2.989898, 3.898989], abs=1e-6)
        assert [one.ratio for one in comparison.ratios] == pytest.approx([2.0, 2.0])
        assert all(one.slower for one in comparison.ratios)

    def test_the_interval_is_that_of_a_bootstrap(self, recorder):
        """
        Real resampling gives nearly the same interval for the ratio of two medians.
        """
        draws = np.random.default_rng(3)
        a, b = draws.lognormal(0, 0.4, 200), draws.lognormal(0, 0.4, 200)
        median = compare(recorder.run(*requests_of(*a)).folder, recorder.run(*requests_of(*b)).folder).ratios[
            0
        ]
        resampled = [
            np.sort(draws.choice(a, 200))[99] / np.sort(draws.choice(b, 200))[99] for _ in range(4000)
        ]

        assert (median.low, median.high) == pytest.approx(np.quantile(resampled, [0.025, 0.975]), rel=0.03)
        assert median.low < median.ratio < median.high

    @pytest.mark.parametrize(("slow", "low"), [(1, 1.0), (3, 1.0), (4, 10.0)])
    def test_the_largest_of_a_few_rows_is_resampled_exactly(self, recorder, slow, low):
        """
        19 draws of 20 rows miss all of 3 slow rows in 0.85^19 = 4.6 % of cases, of 4 in 1.4 %, of 1 in 38 %.
        """
        now = recorder.run(*requests_of(*[1.0] * (20 - slow), *[10.0] * slow))
        before = recorder.run(*requests_of(*[1.0] * 20))
        (largest,) = compare(now.folder, before.folder, percents=(100.0,)).ratios

        assert (largest.low, largest.high) == (low, 10.0)

    def test_the_same_run_has_not_regressed(self, recorder):
        """
        The interval contains 1.
        """
        run = recorder.run(*requests_of(*np.linspace(1, 2, 100)))
        comparison = compare(run.folder, run.folder)

        assert not any(one.slower for one in comparison.ratios)
        assert all(one.low < 1 < one.high for one in comparison.ratios)

    @pytest.mark.parametrize(("rows", "compared"), [(19, 0), (20, 2)])
    def test_few_rows_are_not_compared(self, recorder, rows, compared):
        """
        Both runs need at least twenty.
        """
        long, short = recorder.run(*requests_of(*[1.0] * 50)), recorder.run(*requests_of(*[1.0] * rows))

        assert len(compare(long.folder, short.folder).ratios) == compared
        assert len(compare(short.folder, long.folder).ratios) == compared

    def test_the_interval_is_reproducible(self, recorder):
        """
        The bootstrap has a fixed seed, so that a verdict does not change.
        """
        before = recorder.run(*requests_of(*np.linspace(1, 2, 40)))
        now = recorder.run(*requests_of(*np.linspace(1, 3, 40)))

        assert compare(now.folder, before.folder) == compare(now.folder, before.folder)


class TestRatio:
    @pytest.mark.parametrize(("low", "slower"), [(0.99, False), (1.0, False), (1.01, True)])
    def test_slower_needs_the_whole_interval(self, low, slower):
        """
        The lower bound must be above 1.
        """
        ratio = Ratio("GET status", 95.0, before_s=2.0, now_s=3.0, low=low, high=2.0)

        assert (ratio.ratio, ratio.slower) == (1.5, slower)

    def test_the_table_says_which_row_is_slower(self):
        """
        One line for each percentile; the figures are seconds.
        """
        fast = Ratio("GET status", 50.0, before_s=2.0, now_s=1.0, low=0.4, high=0.6)
        slow = Ratio("GET status", 95.0, before_s=2.0, now_s=3.0, low=1.2, high=1.8)

        assert PercentileRatios("now", "before", (fast, slow)).table().splitlines() == [
            "now against before",
            "  GET status                   p50      2.000 s →     1.000 s   × 0.500 [0.400, 0.600]",
            "  GET status                   p95      2.000 s →     3.000 s   × 1.500 [1.200, 1.800]  slower",
        ]
        assert PercentileRatios("now", "before", ()).table() == (
            "now against before\n  no row has 20 or more requests in both runs\n"
        )


class TestFailures:
    def test_batches_that_fail_fast_are_not_faster(self, recorder):
        """
        Every batch fails after 3 s; before, every one was READY in 60 s.
        """
        before = recorder.run(*requests_of(*[60.0] * 30))
        now = recorder.run(*[ready(float(at), 3.0, "failed") for at in range(30)])

        found = compare(now.folder, before.folder)

        for one in found.ratios:
            assert (one.now_s, one.ratio, one.low) == (math.inf, math.inf, math.inf)
            assert one.slower
            assert one.failures == "failed: 0 before, 30 now"
        assert found.table().splitlines()[1] == (
            "  E2E ready                    p50     60.000 s →   unbounded   × ∞ [∞, ∞]  slower"
            "  (failed: 0 before, 30 now)"
        )

    def test_unfinished_batches_are_slower_than_all_others(self, recorder):
        """
        Two of twenty had not ended: the median is known, the p95 is not.
        """
        before = recorder.run(*requests_of(*[60.0] * 20))
        now = recorder.run(
            *requests_of(*[60.0] * 18), ready(18.0, 1.0, "censored"), ready(19.0, 1.0, "censored")
        )

        median, tail = compare(now.folder, before.folder).ratios

        assert (median.now_s, tail.now_s) == (60.0, math.inf)
        assert tail.failures == "unfinished: 0 before, 2 now"

    def test_the_ratio_of_two_unknown_times_is_unknown(self, recorder):
        """
        Not a number, and nothing is called slower or faster.
        """
        run = recorder.run(*[ready(float(at), 3.0, "failed") for at in range(30)])

        (one, _) = compare(run.folder, run.folder).ratios

        assert math.isnan(one.ratio)
        assert (one.low, one.high) == (0.0, math.inf)


def upload(at: float, seconds: float) -> RequestRow:
    return RequestRow(0, 0, "POST", "uploads", 201, "ok", at, at, at + seconds)


class TestRequestTime:
    @pytest.mark.parametrize(
        ("scales", "name", "ratio"),
        [
            ((1.0, 1.0), "POST uploads", 1.0),
            ((20.0, 20.0), "POST uploads, clock time", 1.0),
            ((20.0, 1.0), "POST uploads, model time", 0.05),
        ],
    )
    def test_a_live_run_and_its_simulation_have_one_unit(self, recorder, scales, name, ratio):
        """
        A second of a clock that runs 20 times as fast is 20 s of the model; the name tells the time.
        """
        before, now = (
            recorder.run(*[upload(float(at), 0.01) for at in range(20)], time_scale=scale) for scale in scales
        )

        one = compare(now.folder, before.folder).ratios[0]

        assert (one.name, one.ratio) == (name, pytest.approx(ratio))

    @pytest.mark.parametrize(("now_s", "ratio"), [(0.0, 1.0), (0.5, math.inf)])
    def test_a_platform_that_takes_no_time_has_a_ratio(self, recorder, now_s, ratio):
        """
        1 if both take none, infinite if only the earlier one does.
        """
        before = recorder.run(*[upload(float(at), 0.0) for at in range(20)])
        now = recorder.run(*[upload(float(at), now_s) for at in range(20)])

        one = compare(now.folder, before.folder).ratios[0]

        assert (one.ratio, one.low, one.high) == (ratio, ratio, ratio)


def test_response_times(recorder):
    """
    They run from the intended start and exclude the warm-up; end-to-end ones are model seconds. They have the
    order of the arrivals. What failed or did not end has no time.
    """
    run = recorder.run(
        ready(9.9, 1.0),
        ready(10.0, 3.0),
        ready(11.0, 2.0, "censored"),
        ready(12.0, 1.0, "failed"),
        ready(12.0, 7.0, "refused"),
        RequestRow(0, 0, "GET", "status", 200, "ok", 20.0, 20.2, 20.5),
        time_scale=6.0,
        scenario={"duration_s": 600.0, "warm_up_s": 60.0},
    )
    times = response_times(run)

    assert {name: list(one.seconds) for name, one in times.items()} == {
        "E2E ready": pytest.approx([18.0, math.inf, math.inf]),
        "GET status": pytest.approx([0.5]),
    }
    assert (times["E2E ready"].failed, times["E2E ready"].unfinished) == (1, 1)
