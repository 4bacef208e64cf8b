"""
State machines are played by the simulator's test bench.
"""

from tests.lab.sim.conftest import bench  # noqa: F401 - a fixture
