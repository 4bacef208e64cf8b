"""
Several runs opened at once.
"""

import shutil

import pytest

import harness
from harness.lab.results.run import RunUnreadable

RUNS = "fixtures/runs"


class TestRunCollection:
    def test_it_holds_the_runs_that_match(self):
        """
        The others of the folder are left out; each can draw its charts.
        """
        runs = harness.load_runs(f"{RUNS}/day_*")

        assert {run.id for run in runs} == {"day_before", "day_after"}
        assert runs[0].plot.arrivals().finding
        assert len(runs[:1]) == 1

    def test_the_frame_has_a_row_for_each_run(self):
        """
        It has the columns of `harness runs`, with the id of the run as index.
        """
        frame = harness.load_runs(f"{RUNS}/day_*").to_frame()

        assert set(frame.index) == {"day_before", "day_after"}
        assert {"started_at", "scenario", "engine", "target", "verdict", "ready_p95_s"} <= set(frame.columns)

    def test_durations_of_all_runs_are_one_frame(self):
        """
        Each row says which run it belongs to.
        """
        runs = harness.load_runs(f"{RUNS}/morning_*")

        joined = runs.durations

        assert joined.columns[0] == "run"
        assert joined["run"].value_counts().to_dict() == {run.id: len(run.durations()) for run in runs}

    def test_folders_without_a_run_are_passed_over(self, tmp_path):
        """
        A pattern such as runs/* may match other folders; without any run it is an error.
        """
        (tmp_path / "notes").mkdir()
        with pytest.raises(RunUnreadable, match="no run folder matches"):
            harness.load_runs(tmp_path / "*")
        shutil.copytree(f"{RUNS}/slow", tmp_path / "slow")

        assert [run.id for run in harness.load_runs(str(tmp_path / "*"))] == ["slow"]
