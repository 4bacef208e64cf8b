"""
The generator's benchmark, shortened: what it counts, not how fast anything is.
"""

import pytest

from harness.lab.load import bench

WRK = """\
Running 1s test @ http://127.0.0.1:1/
  1 threads and 10 connections
  Latency Distribution
     50%   85.00us
     75%  100.00us
     99%    1.25ms
  158000 requests in 1.10s, 10.00MB read
Requests/sec: 143636.36
"""


def test_what_wrk_says_is_understood(monkeypatch):
    """
    It tells no p95, and times in units of its own.
    """
    monkeypatch.setattr(bench, "_said", lambda command: WRK)

    row = bench._wrk("wrk", 1, 1.0)

    assert (row.done, row.rate, row.p95) == (158000, 143636.36, None)
    assert (row.p50, row.p99) == pytest.approx((0.000085, 0.00125))


@pytest.mark.stack
@pytest.mark.slow
def test_a_stall_is_seen_from_the_intended_start_and_not_by_stock_locust():
    """
    Ours offers and finishes every arrival; stock Locust sends fewer than it was asked to.
    """
    ours, _, stock = bench.measure_stall(rate=100, seconds=2, stall=0.5, period=1)

    assert ours.offered == ours.done == 200
    assert ours.p95 > 0.2
    assert stock.done < 200


@pytest.mark.stack
@pytest.mark.slow
def test_a_rate_is_offered_whole():
    """
    Every arrival of the schedule was taken up, and how late is told.
    """
    ours, stock, *_ = bench.measure_rate(rate=200, seconds=3)

    assert (ours.offered, ours.done) == (600, 600)
    assert ours.lag_p99 is not None
    assert stock.done > 0
