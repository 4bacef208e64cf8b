"""The standard normal distribution against a reference."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.workload import normal


class TestQuantile:
    @pytest.mark.parametrize(
        ("p", "value"),
        [(0.5, 0.0), (0.975, 1.959963984540054), (0.001, -3.090232306167813), (1e-20, -9.262340089798408)],
    )
    def test_known_values(self, p, value):
        """
        The tables' values come out to the last digits, far into the tail.
        """
        assert normal.quantile(p) == pytest.approx(value, rel=1e-15)

    @given(st.floats(1e-12, 1 - 1e-12))
    def test_it_inverts_the_cumulative_distribution(self, p):
        """
        Below the quantile of p lies the probability p.
        """
        assert normal.cdf(normal.quantile(p)) == pytest.approx(p, rel=1e-9)

    @given(st.floats(1e-300, 1 - 1e-15))
    def test_it_agrees_with_the_standard_library(self, p):
        """
        Python's own inverse is the same algorithm.
        """
        assert normal.quantile(p) == pytest.approx(NormalDist().inv_cdf(p), rel=1e-12, abs=1e-12)

    @given(st.lists(st.floats(1e-300, 1 - 1e-15), min_size=1))
    def test_many_at_once_are_the_same_bits(self, ps):
        """
        The middle, the tails and the far tails of an array are those of single numbers.
        """
        assert normal.quantiles(np.array(ps)).tolist() == [normal.quantile(p) for p in ps]
