"""
State machines run on the host of the simulator's tests.
"""

from tests.lab.sim.conftest import bench  # noqa: F401 - a fixture
