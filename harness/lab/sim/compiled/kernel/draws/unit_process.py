"""The Poisson process of unit rate in compiled code: the same bits as `harness.lab.workload.arrivals`."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.lab.sim.compiled.kernel.draws.keyed_draws import unit_draw
from harness.lab.sim.compiled.kernel.kernel_compilation import entry_point
from harness.lab.workload.draws import Stream

_DEVIATIONS = 6
"""Standard deviations of the number of arrivals for which there is room at first."""


def unit_process(stream: Stream, until: float) -> NDArray[np.float64]:
    """Return the points of a Poisson process of rate 1, up to a point."""
    room = math.ceil(until + _DEVIATIONS * math.sqrt(until)) + 64
    while True:
        points = np.empty(room)
        count = _fill(points, np.uint64(stream.state), until)
        if count < room:
            return points[:count]
        room *= 2


@entry_point
def _fill(points: Any, state: Any, until: float) -> int:
    """Fill in the points, as many as there is room for; return their number."""
    point = 0.0
    for number in range(points.size):
        point -= math.log(unit_draw(state, number, 0, 0))
        if point > until:
            return number
        points[number] = point
    return int(points.size)
