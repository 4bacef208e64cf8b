"""
The quantile function of the gamma distribution, beside SciPy's.
"""

import math

import numpy as np
import pytest
from scipy.special import gammaincinv

from harness.lab.workload.distributions.gamma_quantile import gamma_quantile


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 1.5, 7.3, 200.0, 1e4])
def test_the_quantile_is_that_of_scipy(shape):
    """
    To twelve digits, in the middle and far out in both tails, and never decreasing.
    """
    tails = 10.0 ** -np.arange(2, 15)
    draws = np.concatenate([tails[::-1], np.arange(1, 100) / 100, 1 - tails])
    found = [gamma_quantile(shape, math.lgamma(shape), p) for p in draws.tolist()]

    np.testing.assert_allclose(found, gammaincinv(shape, draws), rtol=1e-12)
    assert found == sorted(found)


def test_the_ends_are_zero_and_infinite():
    """
    As for every distribution of positive numbers.
    """
    assert [gamma_quantile(2.0, 0.0, p) for p in (0.0, 1.0)] == [0.0, math.inf]
