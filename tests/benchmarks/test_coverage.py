"""
Coverage of confidence intervals: how it is counted, and what it is for ours.
"""

import pytest

from benchmarks.coverage import coverage


@pytest.mark.slow
@pytest.mark.no_cover
def test_the_nominal_interval_covers():
    """
    Over 400 experiments the 95 % interval of p95 covers 92.5 to 97.5 %, the naive one less than 25 %.
    """
    found = coverage(400)

    assert 0.925 <= found.ours <= 0.975
    assert found.naive < 0.25


def test_shares_are_of_the_number_of_experiments():
    """
    The callback gets the number of finished experiments after each.
    """
    finished = []
    found = coverage(4, replications=3, jobs=400, warm_up=100, progress=finished.append)

    assert finished == [1, 2, 3, 4]
    assert {4 * found.ours, 4 * found.naive} <= {0, 1, 2, 3, 4}
