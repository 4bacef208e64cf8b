"""
The critical path of a batch: its parts add up, and what nobody waits for is not on it.
"""

import pytest

from harness.lab.report.comparison.critical_path import path_parts
from harness.lab.results.rows import BatchRow, StepRow
from harness.lab.results.run import Run


def step(state, ready, started, finished, *, item=0, attempt=1, outcome="SUCCEEDED"):
    return StepRow(1, state, item, attempt, ready, started, finished, outcome)


def batch(finished):
    times = {"intended_at": 0.0, "created_at": 0.5, "received_at": 2.0, "started_at": 3.0}
    ended = {"finished_at": finished, "observed_at": finished + 1, "outcome": "READY"}
    return BatchRow("b", 1, 1, 1, "SHOOT", 2, 1, 0, 100, **times, **ended)


def parts(make_folder, *rows):
    (found,) = path_parts(make_folder("run", rows)).to_dict("records")
    return {name: pytest.approx(time) for name, time in found.items() if time > 1e-9}


class TestPath:
    def test_the_longer_branch_is_on_the_path(self, make_folder):
        """
        Thumbnails are done while the video is transcoded.
        """
        found = parts(
            make_folder,
            batch(20.5),
            step("ValidateRawAssets", 3.2, 3.3, 5.0),
            step("ParallelProcessing", 5.1, 5.1, 18.0),
            step("GenerateThumbnails", 5.2, 5.2, 9.0),
            step("ProcessVideos", 5.2, 5.2, 18.0),
            step("TranscodeVideo", 5.3, 7.3, 18.0),
            step("CreateZipBundle", 18.2, 18.2, 20.0),
        )

        assert found == {
            "upload": 2.0,
            "queue": 1.0,
            "start of the execution": 0.2,
            "ValidateRawAssets: wait": 0.1,
            "ValidateRawAssets: work": 1.7,
            "TranscodeVideo: hop": 0.3,
            "TranscodeVideo: wait": 2.0,
            "TranscodeVideo: work": 10.7,
            "CreateZipBundle: hop": 0.2,
            "CreateZipBundle: work": 1.8,
            "end of the execution": 0.5,
        }

    def test_failed_attempts_and_back_off_are_parts(self, make_folder):
        """
        The pause before the second attempt is no hop.
        """
        found = parts(
            make_folder,
            batch(12.0),
            step("CreateZipBundle", 3.0, 3.0, 4.0, outcome="FAILED"),
            step("CreateZipBundle", 6.0, 6.0, 12.0, attempt=2),
        )

        assert found == {
            "upload": 2.0,
            "queue": 1.0,
            "CreateZipBundle: failed attempts": 1.0,
            "CreateZipBundle: back-off": 2.0,
            "CreateZipBundle: work": 6.0,
        }

    def test_states_of_another_machine_need_no_description(self, make_folder):
        """
        A state that ends with the last state in it contains it.
        """
        found = parts(
            make_folder,
            batch(9.0),
            step("Outer", 3.0, 3.0, 9.0),
            step("Short", 3.1, 3.1, 4.0),
            step("Long", 3.1, 3.1, 9.0),
        )

        assert found == {"upload": 2.0, "queue": 1.0, "start of the execution": 0.1, "Long: work": 5.9}

    def test_a_task_does_not_contain_the_choice_after_it(self, make_folder):
        """
        Of another machine: a state of no duration begins when the Task ends.
        """
        found = parts(
            make_folder,
            batch(9.0),
            step("Work", 3.0, 3.0, 6.0),
            step("Big?", 6.0, 6.0, 6.0),
            step("More", 6.0, 6.0, 9.0),
        )

        assert found == {"upload": 2.0, "queue": 1.0, "Work: work": 3.0, "More: work": 3.0}

    def test_states_without_duration_end_the_path(self, make_folder):
        """
        A Choice and a Pass at the same instant do not go round in a circle.
        """
        found = parts(
            make_folder, batch(3.0), step("HasVideos?", 3.0, 3.0, 3.0), step("NoVideos", 3.0, 3.0, 3.0)
        )

        assert found == {"upload": 2.0, "queue": 1.0}


@pytest.mark.parametrize("name", ["smoke_live", "morning_simulated", "morning_live"])
def test_the_parts_of_real_runs_add_up(name):
    """
    To the time from the arrival to the end of each batch.
    """
    run = Run.load(f"fixtures/runs/{name}")
    batches = run.batches.dropna(subset=["started_at", "finished_at"])

    sums = path_parts(run).sum(axis=1)

    times = run.model_seconds(batches["finished_at"] - batches["intended_at"])
    assert sorted(sums) == pytest.approx(sorted(times), abs=1e-3)


def test_a_run_without_batches_has_no_parts(make_folder):
    """
    Nothing ended.
    """
    assert path_parts(make_folder("run", [])).empty
