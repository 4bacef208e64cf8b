"""
The arrivals of compiled code have the bits of Python's.
"""

import pytest

from harness.lab.sim.compiled.kernel.draws.unit_process import unit_process
from harness.lab.workload.arrivals import schedule
from harness.lab.workload.draws import Stream

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("until", [0.0, 0.4, 70.0, 5000.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_poisson_process_has_the_same_points(seed, until):
    stream = Stream(seed, 2, "arrivals/0")

    assert unit_process(stream, until).tolist() == schedule.unit_process(stream, until).tolist()


def test_room_is_made_for_more_points_than_are_likely(monkeypatch):
    """
    The first array has 64 places for about 900 points.
    """
    monkeypatch.setattr("harness.lab.sim.compiled.kernel.draws.unit_process._DEVIATIONS", -30)
    stream = Stream(1, 0, "arrivals/0")

    assert unit_process(stream, 900.0).tolist() == schedule.unit_process(stream, 900.0).tolist()
