"""
The work of one attempt of a Task: service time and fault, decided from the scenario alone.
"""

import pytest

from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.service_times import ServiceTimes
from harness.lab.workload.work_and_faults import TaskFaults, TaskWork, TaskWorkModel


def scenario(*faults: dict[str, object]) -> Scenario:
    return Scenario.model_validate(
        {
            "question": "How long?",
            "seed": 7,
            "duration_s": 60,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 60}]}],
            "flows": [{"name": "photo_shoot", "photos": 2, "videos": 1}],
            "faults": list(faults),
        }
    )


def model(played: Scenario, at: float = 0.0) -> TaskWorkModel:
    return TaskWorkModel(played, lambda: at)


class TestServiceTimes:
    def test_each_step_works_on_its_own_files(self):
        """
        Validation and bundling work on all files, thumbnails on the images, the callback on none.
        """
        played = scenario()
        batch = Mix(played).batch(3)
        times = ServiceTimes(played.model, played.seed)
        work = model(played)

        assert work.function("validate", batch, 1) == TaskWork(times.seconds("validate", batch.files, 3))
        assert work.function("thumbnails", batch, 2) == TaskWork(
            times.seconds("thumbnails", batch.images, 3, attempt=2)
        )
        assert work.function("zip", batch, 1) == TaskWork(times.seconds("zip", batch.files, 3))
        assert work.function("callback-dispatch", batch, 1) == TaskWork(times.seconds("callback", (), 3))
        assert work.transcoding(batch, batch.videos[0], 1, 1) == TaskWork(
            times.seconds("transcode", batch.videos, 3, item=1)
        )

    def test_without_a_scenario_the_default_model_holds(self):
        """
        Batches of a stack without a scenario take the default service times and never fail.
        """
        batch = Mix(scenario()).batch(3)

        work = TaskWorkModel(None, lambda: 0.0).function("zip", batch, 1)

        assert work.seconds > 0
        assert work.error is None


class TestFaults:
    def test_a_function_that_fails_takes_no_time(self):
        """
        The work names the error, the function and the attempt.
        """
        played = scenario({"kind": "lambda_error", "function": "zip", "rate": 1.0, "error": "Retryable"})

        work = model(played).function("zip", Mix(played).batch(3), 2)

        assert work == TaskWork(0.0, "Retryable", "INJECTED: zip, attempt 2")

    def test_a_corrupt_file_is_rejected_by_the_validation(self):
        """
        The other functions work on it as on any file.
        """
        played = scenario({"kind": "corrupt_file", "rate": 1.0})
        batch = Mix(played).batch(3)

        assert model(played).function("validate", batch, 1).error == "Rejected"
        assert model(played).function("validate", batch, 1).cause.startswith("DECODE_FAILED: a3-1")
        assert model(played).function("zip", batch, 1).error is None

    def test_a_transcoding_job_fails_after_its_service_time(self):
        """
        A transcoder finds an error while it works, unlike a function.
        """
        played = scenario({"kind": "mediaconvert_error", "rate": 1.0})
        batch = Mix(played).batch(3)

        work = model(played).transcoding(batch, batch.videos[0], 0, 1)

        assert work.error == "States.TaskFailed"
        assert work.seconds == model(scenario()).transcoding(batch, batch.videos[0], 0, 1).seconds

    def test_a_slow_callback_takes_its_delay_longer(self):
        """
        The delay is added to the service time.
        """
        played = scenario({"kind": "slow_callback", "rate": 1.0, "delay_s": 100})
        batch = Mix(played).batch(3)

        slow = model(played).function("callback-dispatch", batch, 1)
        usual = model(scenario()).function("callback-dispatch", batch, 1)

        assert slow.seconds - usual.seconds == pytest.approx(100)

    def test_a_fault_hits_in_its_window_alone(self):
        """
        Time counts from the start of the run; the end of the window is outside.
        """
        fault = {"kind": "mediaconvert_error", "rate": 1.0, "from_s": 10, "until_s": 20}

        fails = [TaskFaults(scenario(fault), lambda: at).transcoding_fails(3, 0, 1) for at in (9, 10, 19, 20)]  # noqa: B023

        assert fails == [False, True, True, False]
