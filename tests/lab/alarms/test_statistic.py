"""
CloudWatch's statistics by name.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.alarms.statistic import Statistic, percentile

HUNDRED = np.arange(1.0, 101.0)


class TestStatistic:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("SampleCount", 100.0),
            ("Sum", 5050.0),
            ("Average", 50.5),
            ("Minimum", 1.0),
            ("Maximum", 100.0),
            ("p50", 50.0),
            ("p95", 95.0),
            ("p99.9", 100.0),
            ("p100", 100.0),
            ("tm90", 45.5),
            ("TM(2%:98%)", 50.5),
            ("TM(150:1000)", None),
            ("TM(90:95)", 93.0),
            ("IQM", 50.5),
            ("tc90", 90.0),
            ("TC(10:20)", 10.0),
            ("ts90", 4095.0),
            ("wm98", 50.47),
            ("WM(10%:90%)", 50.4),
            ("PR(:30)", 30.0),
            ("PR(100:2000)", 0.0),
            ("p0", 1.0),
            ("p2.5", 3.0),
            ("TM(:90%)", 45.5),
            ("TM(10%:)", 55.5),
            ("TM(0%:100%)", 50.5),
            ("TM(:10)", 5.5),
            ("TM(90:)", 95.5),
            ("TC(10%:20%)", 10.0),
            ("TS(10%:20%)", 155.0),
            ("TC(200:300)", 0.0),
            ("TS(200:300)", 0.0),
            ("WM(10%:)", 50.95),
            ("WM(:90%)", 49.95),
            ("WM(10:90)", 50.4),
            ("PR(10:)", 90.0),
            ("tm100", 50.5),
            ("tc2.5", 3.0),
        ],
    )
    def test_of_one_to_a_hundred(self, name, expected):
        """
        Every statistic of 1 … 100, computed by hand.
        """
        value = Statistic.parse(name).value(HUNDRED)

        assert value == (expected if expected is None else pytest.approx(expected))

    @pytest.mark.parametrize(
        "name",
        [
            "p",
            "p101",
            "sum",
            "Median",
            "tm",
            "TM()",
            "TM(:)",
            "TM(10:5)",
            "TM(10%:90)",
            "PR(1%:2%)",
            "TM(a:b)",
            "TM(5:5)",
            "TM(-1%:50%)",
            "TM(1%:101%)",
            "TM(nan:)",
            "p1234",
            "p99.12345678901",
            "TM(1:2:3)",
            "p-5",
            "",
        ],
    )
    def test_unknown_names_are_refused(self, name):
        """
        A statistic that CloudWatch does not have is an error.
        """
        with pytest.raises(ValueError, match="no statistic"):
            Statistic.parse(name)

    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            ("p50", 20),
            ("p90", 100),
            ("p95", 200),
            ("p99", 1000),
            ("p10", 100),
            ("p99.9", 10_000),
            ("p100", np.inf),
            ("Sum", 0),
        ],
    )
    def test_samples_a_percentile_needs(self, name, wanted):
        """
        10/(1-p) above the median, 10/p below it.
        """
        assert Statistic.parse(name).samples_needed() == pytest.approx(wanted)

    @pytest.mark.parametrize(
        ("name", "value"), [("p50", None), ("tm90", None), ("PR(:3)", None), ("Sum", 1.0)]
    )
    def test_a_negative_value_leaves_only_the_simple_statistics(self, name, value):
        """
        With a negative value, CloudWatch has neither percentiles nor trimmed statistics.
        """
        assert Statistic.parse(name).value(np.array([-1.0, 2.0])) == value

    def test_zero_is_not_negative(self):
        """
        A period of zeros has a percentile.
        """
        assert Statistic.parse("p95").value(np.zeros(3)) == 0.0

    def test_only_percentiles_are_percentiles(self):
        """
        A trimmed mean is not a percentile.
        """
        assert [Statistic.parse(name).percent for name in ("p95", "tm95", "Maximum")] == [95.0, None, None]


class TestPercentile:
    @pytest.mark.parametrize(
        ("percent", "size", "rank"),
        [(99.9, 1000, 1000), (29, 100, 30), (95, 19, 19), (100, 10, 10), (0, 5, 1)],
    )
    def test_the_higher_rank(self, percent, size, rank):
        """
        ⌊p·n⌋+1 in exact arithmetic, at most the last rank.
        """
        assert percentile(np.arange(1.0, size + 1), percent, "higher") == rank

    def test_of_one_value_is_that_value(self):
        """
        Every percentile of a single value is the value.
        """
        assert percentile(np.array([7.0]), 95) == 7.0

    def test_of_few_values_is_the_maximum(self):
        """
        p95 of nineteen values is the largest of them: ⌈0.95 × 19⌉ = 19.
        """
        assert percentile(np.arange(19.0), 95) == 18.0

    def test_of_twenty_is_the_nineteenth(self):
        """
        ⌈0.95 × 20⌉ = 19 exactly, although 0.95 has no exact binary fraction.
        """
        assert percentile(np.arange(1.0, 21.0), 95) == 19.0

    def test_the_methods_differ(self):
        """
        On 1 … 100, R-7 interpolates to 95.05 and the higher rank is 96.
        """
        assert percentile(HUNDRED, 95, "linear") == pytest.approx(95.05)
        assert percentile(HUNDRED, 95, "higher") == 96.0

    @given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100), st.floats(0, 100))
    def test_percentiles_are_monotone(self, values, one, other):
        """
        A higher percentile is never a smaller value.
        """
        ordered = np.sort(np.array(values))
        low, high = sorted((one, other))

        assert percentile(ordered, low) <= percentile(ordered, high)
