"""
The families of durations: density, distribution and quantiles belong together.
"""

import numpy as np
import pytest

from harness.lab.calibration.duration_family import CONSTANT, GAMMA, LOGNORMAL, NEVER, UNIFORM

CASES = [(LOGNORMAL, np.log([0.3, 0.6])), (GAMMA, np.log([2.5, 0.4])), (UNIFORM, np.log([0.2, 0.9]))]


@pytest.mark.parametrize(("family", "at"), CASES)
def test_the_density_is_the_slope_of_the_distribution(family, at):
    """
    By a central difference at several quantiles.
    """
    values = family.quantile(at, np.array([0.1, 0.4, 0.8]))
    slopes = (family.below(at, values + 1e-6) - family.below(at, values - 1e-6)) / 2e-6

    assert np.exp(family.log_density(at, values)) == pytest.approx(slopes, rel=1e-4)


@pytest.mark.parametrize(("family", "at"), CASES)
def test_quantiles_are_those_of_the_scenario_distribution(family, at):
    """
    What is fitted is what a scenario draws.
    """
    shares = np.array([0.05, 0.5, 0.95])

    assert family.quantile(at, shares) == pytest.approx(family.distribution(at).samples(shares))
    assert family.below(at, family.quantile(at, shares)) == pytest.approx(shares)


@pytest.mark.parametrize(("family", "at"), CASES)
def test_a_value_that_cannot_be_has_no_density(family, at):
    """
    A finite number stands for minus infinity.
    """
    assert family.log_density(at, np.array([-0.1])) == [NEVER]


def test_a_constant_is_one_value():
    """
    Its distribution is a step.
    """
    at = CONSTANT.start(np.array([0.4, 0.5, 0.6]))

    assert CONSTANT.distribution(at).value == pytest.approx(0.5)
    assert CONSTANT.below(at, np.array([0.49, 0.51])).tolist() == [0.0, 1.0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spread", [-900.0, -400.0])
def test_a_search_may_try_what_overflows(spread):
    """
    An optimiser goes far; the user of `harness calibrate` reads no warnings of NumPy.
    """
    values = np.array([0.5, 2.0])

    assert LOGNORMAL.log_density(np.array([0.0, spread]), values).tolist() == [NEVER, NEVER]
    assert LOGNORMAL.below(np.array([0.0, spread]), values).tolist() == [0.0, 1.0]
