"""
The observations of a live run that were made while its host had free processors.

What waits for a processor takes longer. The simulated platform ``local`` adds that wait by itself, as long as
it is at the simulated load, so a calibration must not contain the wait at the measured load.
"""

import numpy as np
from numpy.typing import NDArray

from harness.lab.calibration.duration_family import Floats
from harness.lab.calibration.service_fit import FEW
from harness.lab.results.host.host_metrics import STRETCH, host_metric
from harness.lab.results.run import Run

CALM_STRETCH = 1.15
"""Largest mean stretch of the seconds of an observation that was not delayed by the host [ratio]."""


def is_calm(run: Run, begun: Floats, ended: Floats) -> NDArray[np.bool_]:
    """
    Tell which observations of one kind were made while the host had free processors.

    Args:
        begun, ended: When each began and ended, shape (observations,) [clock s since the run began].

    Returns:
        Shape (observations,): those with a mean stretch of at most `CALM_STRETCH`, but at least the `FEW`
        calmest. All of them if the run did not record its host.
    """
    stretch = host_metric(run, STRETCH)
    if stretch.empty or len(begun) <= FEW:
        return np.ones(len(begun), dtype=np.bool_)
    means = _means(np.asarray(stretch.index, np.float64), np.asarray(stretch, np.float64), begun, ended)
    limit = max(CALM_STRETCH, np.partition(means, FEW - 1)[FEW - 1])
    calm: NDArray[np.bool_] = means <= limit
    return calm


def _means(at: Floats, values: Floats, begun: Floats, ended: Floats) -> Floats:
    """Return the mean of a metric over each interval; *at* is the end of the second of each value."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first, last = (np.minimum(np.searchsorted(at, times), len(at) - 1) for times in (begun, ended))
    means: Floats = (sums[last + 1] - sums[first]) / (last + 1 - first)
    return means
