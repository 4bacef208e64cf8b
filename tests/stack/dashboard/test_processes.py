"""
The processes of a stack, found through their supervisors.
"""

import os
import sys

from harness.stack.dashboard.processes import Census
from harness.supervision.guarded_process import GuardedProcess

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


class TestCensus:
    def test_a_guarded_command_is_found_by_its_name(self, tmp_path):
        """
        The process id is the command's, not that of a supervisor.
        """
        with GuardedProcess(SLEEPER, {}, name="sleeper", log_path=tmp_path / "log") as guarded:
            found = {one.name: one for one in Census(os.getpid()).take()}

        assert found["sleeper"].pid == guarded.pid
        assert found["sleeper"].alive
        assert found["sleeper"].memory_bytes > 0

    def test_cpu_is_known_from_the_second_snapshot_on(self, tmp_path):
        """
        CPU use is the difference of two snapshots.
        """
        with GuardedProcess(SLEEPER, {}, name="sleeper", log_path=tmp_path / "log"):
            census = Census(os.getpid())
            first = next(one for one in census.take() if one.name == "sleeper")
            second = next(one for one in census.take() if one.name == "sleeper")

        assert first.cpu is None
        assert second.cpu is not None

    def test_a_process_that_ended_stays_in_the_list(self, tmp_path):
        """
        It is shown as not alive, without a process id.
        """
        census = Census(os.getpid())
        with GuardedProcess(SLEEPER, {}, name="short-lived", log_path=tmp_path / "log"):
            census.take()
        ended = next(one for one in census.take() if one.name == "short-lived")

        assert not ended.alive
        assert ended.pid == 0
