"""
The head sampling of traces.
"""

import pytest

from harness.lab.load.clients.trace_sampling import BURST, TraceSampling


def test_a_quiet_run_has_every_trace():
    """
    One arrival a second is below the rate.
    """
    sampling = TraceSampling.of(60.0, workers=1)

    assert all(sampling.sample(float(second)) for second in range(60))


@pytest.mark.parametrize(("duration", "workers", "most"), [(60.0, 2, 150), (10_000.0, 1, 5_000)])
def test_the_number_of_traces_is_bounded(duration, workers, most):
    """
    Five a second for all workers together, 5,000 in a run, after a burst.
    """
    sampling = TraceSampling.of(duration, workers)

    taken = sum(sampling.sample(number / 20) for number in range(int(20 * duration)))

    assert most <= taken <= most + BURST


def test_a_burst_is_sampled_in_part():
    """
    A hundred arrivals at once.
    """
    sampling = TraceSampling.of(60.0, workers=1)

    assert [sampling.sample(1.0) for _ in range(100)].count(True) == BURST
