"""
The measurements of the load generators, shortened: what is counted, not how fast anything is.
"""

import pytest

from benchmarks import generators

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


def test_the_output_of_wrk_is_parsed(monkeypatch):
    """
    It has no p95, and each time has its own unit.
    """
    monkeypatch.setattr(generators, "_output", lambda command: WRK)

    result = generators._run_wrk("wrk", 1, 1.0)

    assert (result.done, result.rate, result.p95) == (158000, 143636.36, None)
    assert (result.p50, result.p99) == pytest.approx((0.000085, 0.00125))


def test_the_wait_of_evenly_spread_arrivals_is_uniform_in_the_stall():
    """
    One second in ten: nine of ten arrivals do not wait, the others evenly up to a second.
    """
    truth = [generators.stall_percentile(p, stall=1.0, period=10.0) for p in (50, 90, 95, 99)]

    assert truth == pytest.approx([0.0, 0.0, 0.5, 0.9])


@pytest.mark.stack
@pytest.mark.slow
def test_a_stall_is_seen_from_the_intended_start_and_not_by_stock_locust():
    """
    Ours offers and finishes every arrival; stock Locust sends fewer than its rate requires.
    """
    ours, _, stock = generators.measure_stall(rate=100, seconds=2, stall=0.5, period=1)

    assert ours.offered == ours.done == 200
    assert ours.p95 > 0.2
    assert stock.done < 200


@pytest.mark.stack
@pytest.mark.slow
def test_every_arrival_of_the_schedule_is_taken_up():
    """
    The schedule lag is measured.
    """
    ours, stock, *_ = generators.measure_rate(rate=200, seconds=3)

    assert (ours.offered, ours.done) == (600, 600)
    assert ours.lag_p99 is not None
    assert stock.done > 0
