"""
The slope of a soak: a leak is found, noise and what is stored are not taken for one.
"""

import random

import pytest

from tests.stack.soak import slope_of

TIMES = [3.0 * n for n in range(240)]


def noisy(per_hour: float, noise: float, mean: float = 100.0) -> list[float]:
    rng = random.Random(7)
    return [mean + per_hour * at / 3600 + rng.gauss(0, noise) for at in TIMES]


class TestSlope:
    @pytest.mark.parametrize(
        ("per_hour", "noise", "flat"),
        [(0, 5, True), (200, 5, False), (-50, 1, True), (0, 0, True), (60, 2, False)],
    )
    def test_a_leak_is_growth_that_its_interval_does_not_explain(
        self, per_hour: float, noise: float, flat: bool
    ) -> None:
        """
        The interval covers the true growth; a constant has no interval.
        """
        found = slope_of("API", "memory_mib", TIMES, noisy(per_hour, noise))

        assert found.flat is flat
        assert abs(found.per_hour - per_hour) <= 2 * found.half_width + 1e-6

    def test_what_is_stored_is_no_leak(self) -> None:
        """
        Growth beyond it is.
        """
        values = noisy(200, 2)

        assert slope_of("S3", "memory_mib", TIMES, values, stored=190).flat
        assert not slope_of("S3", "memory_mib", TIMES, values, stored=100).flat
