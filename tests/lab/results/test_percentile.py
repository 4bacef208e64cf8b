"""The percentile: nearest rank, and its confidence interval."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.results.percentile import (
    EXACT_UP_TO,
    histogram,
    interval,
    interval_ranks,
    least_samples,
    nearest_rank,
    percentile,
)

SAMPLES = st.lists(st.floats(0, 1e6), min_size=1)
PERCENTS = st.floats(0.01, 100)


class TestPercentile:
    def test_it_is_one_of_the_values(self):
        """
        Of 1…100 the 95th percentile is 95: not 95.05 as by interpolation, not 96 as in Locust.
        """
        assert percentile(range(1, 101), 95) == 95

    @pytest.mark.parametrize(
        ("count", "p", "rank"),
        [(1, 95, 1), (20, 95, 19), (21, 95, 20), (1000, 99.9, 999), (1000, 100, 1000), (3, 1, 1)],
    )
    def test_ranks_are_exact(self, count, p, rank):
        """
        ⌈pn⌉ in exact arithmetic: 99.9 % of 1,000 is 999, not the 1,000 that binary fractions make.
        """
        assert nearest_rank(p, count) == rank

    @given(SAMPLES, PERCENTS, PERCENTS)
    def test_a_higher_percentile_is_never_lower(self, values, p, q):
        """
        Percentiles are monotone.
        """
        assert percentile(values, min(p, q)) <= percentile(values, max(p, q))

    @given(SAMPLES, PERCENTS)
    def test_it_covers_its_share_and_no_smaller_value_does(self, values, p):
        """
        This is the definition of a percentile.
        """
        found = percentile(values, p)

        assert sum(value <= found for value in values) >= p / 100 * len(values) * (1 - 1e-12)
        assert sum(value < found for value in values) < p / 100 * len(values) * (1 + 1e-12)

    @pytest.mark.parametrize(
        ("values", "p"),
        [([], 95), ([1.0, math.nan], 95), ([1.0], 0), ([1.0], 101)],
        ids=["none", "nan", "0", "101"],
    )
    def test_invalid_input_is_an_error(self, values, p):
        """
        A missing measurement must not become a good value.
        """
        with pytest.raises(ValueError):
            percentile(values, p)

    def test_beyond_a_million_values_it_is_right_to_three_digits(self):
        """
        Never below the exact value, at most 0.1 % above, over six orders of magnitude.
        """
        values = np.random.default_rng(1).lognormal(0, 3, EXACT_UP_TO + 1)
        exact = np.sort(values)

        for p in (1, 50, 95, 99, 99.99):
            rank = nearest_rank(p, len(values))
            assert percentile(values, p) == pytest.approx(exact[rank - 1] * 1.0005, rel=0.0006)


class TestHistogram:
    def test_parts_add_up_to_the_whole(self):
        """
        Two workers' histograms added are the histogram of both: counts are merged, never percentiles.
        """
        one, other = np.full(1000, 60.0), np.full(60, 900.0)
        merged = histogram(one)
        merged.add(histogram(other))

        assert merged.get_value_at_percentile(95) == histogram([*one, *other]).get_value_at_percentile(95)


class TestInterval:
    def test_the_ranks_of_two_hundred(self):
        """
        The 95 % interval of p95 at n = 200 spans the ranks 184 to 197.
        """
        assert interval_ranks(95, 200) == (184, 197)

    def test_a_small_sample_has_no_upper_end(self):
        """
        The largest of 40 values does not bound the 95th percentile.
        """
        low, high = interval(range(40), 95)

        assert 0 < low < 39
        assert high == math.inf

    def test_it_has_the_stated_coverage(self):
        """
        2,000 samples of 300: the true p95 is missed by at most 5 % (+ 3.3 standard errors).
        """
        samples = np.random.default_rng(2).exponential(1, (2_000, 300))
        missed = sum(not low <= -math.log(0.05) <= high for low, high in (interval(s, 95) for s in samples))

        assert 0.01 * 2_000 < missed < (0.05 + 3.3 * math.sqrt(0.05 * 0.95 / 2_000)) * 2_000

    @pytest.mark.parametrize(("p", "count"), [(95, 59), (99, 299)])
    def test_the_least_sample_that_can_bound_a_percentile(self, p, count):
        """
        0.95^59 < 5 % < 0.95^58, and the same for 0.99 and 299.
        """
        assert least_samples(p) == count
