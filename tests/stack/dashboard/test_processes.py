"""
What runs under this process, found by its keepers.
"""

import os
import sys

from harness.stack.dashboard.processes import Census
from harness.stack.processes.guarded_process import GuardedProcess

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


class TestCensus:
    def test_a_guarded_command_is_found_by_its_name(self, tmp_path):
        """
        The pid is the command's own, not that of one of its keepers.
        """
        with GuardedProcess(SLEEPER, {}, name="sleeper", log_path=tmp_path / "log") as part:
            found = {one.name: one for one in Census(os.getpid()).take()}

        assert found["sleeper"].pid == part.pid
        assert found["sleeper"].alive
        assert found["sleeper"].memory_bytes > 0

    def test_cpu_is_known_from_the_second_look_on(self, tmp_path):
        """
        Usage is a difference: the first look has nothing to subtract.
        """
        with GuardedProcess(SLEEPER, {}, name="sleeper", log_path=tmp_path / "log"):
            census = Census(os.getpid())
            first = next(one for one in census.take() if one.name == "sleeper")
            second = next(one for one in census.take() if one.name == "sleeper")

        assert first.cpu is None
        assert second.cpu is not None

    def test_what_has_ended_stays_in_the_list(self, tmp_path):
        """
        A process that vanished is the one thing a page must not leave out.
        """
        census = Census(os.getpid())
        with GuardedProcess(SLEEPER, {}, name="short-lived", log_path=tmp_path / "log"):
            census.take()
        ended = next(one for one in census.take() if one.name == "short-lived")

        assert not ended.alive
        assert ended.pid == 0
