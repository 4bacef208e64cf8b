"""
Observations that were made while the host had free processors.
"""

import numpy as np
import pandas as pd

from harness.lab.calibration.calm_times import is_calm
from harness.lab.results.host.host_metrics import STRETCH

MANY = 400


class RecordedHost:
    """A run of which only the stretch of its host matters: one value for each second."""

    def __init__(self, *stretch):
        self.metrics = pd.DataFrame({"at": np.arange(1.0, len(stretch) + 1), "value": stretch})

    def metric(self, name):
        return self.metrics if name == STRETCH else self.metrics[:0]


def observed(run, *intervals):
    """Return whether each interval is calm, with many others in the first second."""
    begun, ended = np.array([*intervals, *[(0.2, 0.4)] * MANY]).T
    return is_calm(run, begun, ended)[: len(intervals)].tolist()


def test_an_observation_in_a_busy_second_is_left_out():
    """
    The value of a second is recorded at its end: the second from 1 to 2 was busy.
    """
    run = RecordedHost(1.0, 2.0, 1.0)

    assert observed(run, (0.1, 0.9), (1.1, 1.9), (2.1, 2.9)) == [True, False, True]


def test_a_long_observation_counts_by_its_mean():
    """
    Ten calm seconds and a busy one have a mean stretch of 1.05; two seconds with it one of 1.3.
    """
    run = RecordedHost(*[1.0] * 10, 1.6)

    assert observed(run, (0.1, 10.9), (9.1, 10.9)) == [True, False]


def test_an_observation_after_the_last_second_has_the_stretch_of_the_last():
    """
    The recorder of the host may end a little before the run.
    """
    assert observed(RecordedHost(1.0, 3.0), (2.5, 2.9)) == [False]


def test_of_a_host_that_was_always_busy_the_calmest_are_taken():
    """
    Two hundred observations, or as many as were equally calm.
    """
    stretch = np.linspace(2.0, 3.0, MANY)
    begun = np.arange(MANY) + 0.1
    calm = is_calm(RecordedHost(*stretch), begun, begun + 0.5)

    assert calm.sum() == 200
    assert calm[:200].all()


def test_few_observations_are_all_taken():
    """
    A fit of fewer than two hundred has wide intervals already.
    """
    begun = np.zeros(150)

    assert is_calm(RecordedHost(5.0), begun, begun + 0.5).all()


def test_without_a_record_of_the_host_all_are_taken():
    """
    Simulated runs have none.
    """
    begun = np.zeros(MANY)

    assert is_calm(RecordedHost(), begun, begun + 0.5).all()
