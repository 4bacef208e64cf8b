"""
The density and the distribution of a fixed part and a part for each unit of work.
"""

import numpy as np
import pytest

from harness.lab.calibration.duration_family import CONSTANT, GAMMA, LOGNORMAL, UNIFORM
from harness.lab.calibration.service_structure import ServiceStructure

AMOUNT = "per_megapixel_s"
CASES = {
    "fixed": (ServiceStructure(LOGNORMAL), np.log([1.5, 0.4])),
    "proportional": (ServiceStructure(None, GAMMA, AMOUNT), np.log([3.0, 0.1])),
    "constant and lognormal": (ServiceStructure(CONSTANT, LOGNORMAL, AMOUNT), np.log([0.5, 0.3, 0.4])),
    "lognormal and constant": (ServiceStructure(LOGNORMAL, CONSTANT, AMOUNT), np.log([1.5, 0.4, 0.2])),
    "two lognormals": (ServiceStructure(LOGNORMAL, LOGNORMAL, AMOUNT), np.log([1.0, 0.5, 0.3, 0.4])),
    "a narrow and a wide one": (
        ServiceStructure(LOGNORMAL, LOGNORMAL, AMOUNT),
        np.log([0.05, 0.1, 0.3, 0.4]),
    ),
    "lognormal and uniform": (ServiceStructure(LOGNORMAL, UNIFORM, AMOUNT), np.log([1.0, 0.5, 0.2, 0.6])),
}


def drawn(structure, at, amounts, rng):
    """Return a service time for each amount."""
    first, second = structure.parts(at)
    total = np.zeros_like(amounts)
    if structure.fixed is not None:
        total += structure.fixed.quantile(first, rng.random(amounts.size))
    if structure.unit is not None:
        total += amounts * structure.unit.quantile(second, rng.random(amounts.size))
    return total


@pytest.mark.parametrize("name", CASES)
def test_the_distribution_is_that_of_drawn_times(name):
    """
    At four quantiles of 100,000 draws for one amount.
    """
    structure, at = CASES[name]
    amounts = np.full(100_000, 4.0)
    times = np.quantile(drawn(structure, at, amounts, np.random.default_rng(1)), [0.1, 0.5, 0.9, 0.99])

    assert structure.below(at, times, amounts[:4]) == pytest.approx([0.1, 0.5, 0.9, 0.99], abs=0.01)


@pytest.mark.parametrize("name", CASES)
def test_the_density_has_an_area_of_one(name):
    """
    By the rule of rectangles; the longest times of a quantile sum are missing.
    """
    structure, at = CASES[name]
    times = np.linspace(1e-4, 40.0, 400_000)

    density = np.exp(structure.log_density(at, times, np.full_like(times, 4.0)))

    assert density.sum() * (times[1] - times[0]) == pytest.approx(1.0, abs=0.01)


def test_without_work_the_fixed_part_is_left():
    """
    The part per unit has no influence at an amount of zero.
    """
    structure, at = CASES["two lognormals"]
    times = np.array([0.7, 1.3])

    found = structure.log_density(at, times, np.zeros(2))

    assert found == pytest.approx(LOGNORMAL.log_density(at[:2], times))


def test_the_name_says_what_is_fitted():
    """
    As it stands in the calibration file.
    """
    assert CASES["lognormal and uniform"][0].name == "lognormal + uniform per_megapixel_s"
