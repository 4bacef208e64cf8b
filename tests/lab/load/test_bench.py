"""
The generator's benchmark, shortened: what it counts, not how fast anything is.
"""

import pytest

from harness.lab.load import bench

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_a_stall_is_seen_from_the_intended_start_and_not_by_stock_locust():
    """
    Ours offers and finishes every arrival; stock Locust sends fewer than it was asked to.
    """
    ours, _, stock = bench.stall(rate=100, seconds=2, stall=0.5, period=1)

    assert ours.offered == ours.done == 200
    assert ours.p95 > 0.2
    assert stock.done < 200


def test_a_rate_is_offered_whole():
    """
    Every arrival of the schedule was taken up, and how late is told.
    """
    ours, stock = bench.rate(rate=200, seconds=1)

    assert (ours.offered, ours.done) == (200, 200)
    assert ours.lag_p99 is not None
    assert stock.done > 0
