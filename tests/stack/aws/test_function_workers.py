"""
How much real work the local AWS does at once.
"""

import pytest

from harness.lab.sim.simulation import platform_of
from harness.lab.workload.scenario import load_scenario
from harness.stack.aws.function_workers import real_workers


class TestRealWorkers:
    @pytest.mark.parametrize("processors", [1, 4, 64])
    def test_the_simulated_local_platform_has_the_same_capacity(self, monkeypatch, processors):
        """
        Transcoding slots and sandboxes of real work are one figure for both worlds.
        """
        sandboxes = []
        monkeypatch.setattr("harness.stack.aws.function_workers.Sandboxes", sandboxes.append)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setattr("os.cpu_count", lambda: processors)
        platform = platform_of(load_scenario("scenarios/smoke.toml"), "local")
        workers = real_workers()

        assert workers.transcoding_slots == platform.mediaconvert.slots
        assert sandboxes == [platform.functions.sandboxes]
