"""
The faults of a scenario around real handlers, and unreadable queue messages.
"""

import json
import threading

import pytest

from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.work_and_faults import TaskFaults
from harness.stack.aws.mediaconvert.local_mediaconvert import TranscodingFailed
from harness.stack.modelled.fault_injection import UNREADABLE, FaultInjection, doubling_of, poison_of
from harness.stack.modelled.run_clock import RunClock


def scenario(*faults: dict[str, object]) -> Scenario:
    return Scenario.model_validate(
        {
            "question": "What if?",
            "duration_s": 10,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 10}]}],
            "flows": [{"name": "photo_shoot", "photos": {"distribution": "constant", "value": 2}}],
            "faults": faults,
        }
    )


def message(arrival: int) -> str:
    return json.dumps({"jobId": 1, "assets": [{"key": f"7/raw/photo/vertical/b/a{arrival}-1-photo.jpg"}]})


def event(arrival: int) -> str:
    """Return the input of an invocation for the batch of an arrival."""
    return json.dumps({"batchId": f"b{arrival}", "assets": [{"key": "k", "clientId": f"a{arrival}-1"}]})


def transcode_job(arrival: int) -> dict[str, object]:
    video = {"VideoDescription": {}}
    group = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": "s3://media/out/"}}
    source = f"s3://media/7/raw/video/vertical/b/a{arrival}-1-video.mp4"
    settings = {
        "Inputs": [{"FileInput": source}],
        "OutputGroups": [{"OutputGroupSettings": group, "Outputs": [video]}],
    }
    return {"Settings": settings, "UserMetadata": {"batchId": f"b{arrival}"}}


class TestFunctions:
    def test_only_the_function_named_fails_with_the_error_named(self):
        """
        At rate 1 every invocation of it fails, and none of another function.
        """
        faults = FaultInjection(
            scenario({"kind": "lambda_error", "function": "zip", "error": "Retryable", "rate": 1.0})
        )

        assert faults.function_error("listing-media-zip", event(3)) == "Retryable"
        assert faults.function_error("listing-media-validate", event(3)) is None

    def test_batch_and_attempt_decide_as_in_the_simulator(self):
        """
        Of a thousand batches at rate 0.1 about a hundred fail: those that fail in a simulated run.
        """
        played = scenario({"kind": "lambda_error", "function": "zip", "rate": 0.1})
        around, simulated = FaultInjection(played), TaskFaults(played, lambda: 0.0)

        errors = [
            around.function_error("listing-media-zip", event(arrival))
            for _attempt in (1, 2)
            for arrival in range(1000)
        ]

        assert errors == [
            simulated.function_error("zip", arrival, attempt) for attempt in (1, 2) for arrival in range(1000)
        ]
        assert 70 <= errors[:1000].count("Retryable") <= 130  # 3.2 standard deviations either side
        assert errors[:1000] != errors[1000:]

    def test_an_event_without_a_batch_has_no_fault(self):
        """
        The handler itself refuses an event that it cannot read.
        """
        faults = FaultInjection(scenario({"kind": "lambda_error", "function": "zip", "rate": 1.0}))

        assert faults.function_error("listing-media-zip", "{}") is None
        assert faults.function_error("listing-media-zip", "not json") is None

    def test_the_callback_is_found_in_the_detail_of_its_event(self):
        """
        The input of the callback function wraps the state of the execution.
        """
        faults = FaultInjection(
            scenario({"kind": "lambda_error", "function": "callback-dispatch", "rate": 1.0})
        )
        wrapped = json.dumps({"status": "SUCCEEDED", "detail": json.loads(event(3))})

        assert faults.function_error("listing-media-callback-dispatch", wrapped) == "Retryable"


class TestTranscoder:
    def test_transcoding_fails(self):
        """
        A job that the scenario makes fail does not reach the transcoder.
        """
        faults = FaultInjection(scenario({"kind": "mediaconvert_error", "rate": 1.0}))
        reached = []
        transcode = faults.around(lambda job, _: reached.append(job) or [])

        with pytest.raises(TranscodingFailed):
            transcode(transcode_job(3), threading.Event())
        assert reached == []

    def test_settings_that_cannot_be_read_reach_the_transcoder(self):
        """
        The transcoder itself says what is wrong with them.
        """
        faults = FaultInjection(scenario({"kind": "mediaconvert_error", "rate": 1.0}))
        reached = []

        faults.around(lambda job, _: reached.append(job) or [])({"Settings": {}}, threading.Event())

        assert reached == [{"Settings": {}}]


class TestPoison:
    def test_the_messages_of_poisoned_arrivals_cannot_be_read(self):
        """
        At rate 1 every message of an arrival becomes unreadable; messages of other clients do not.
        """
        poison = poison_of(scenario({"kind": "poisoned_message", "rate": 1.0}))

        assert poison is not None
        assert poison(message(3)) == UNREADABLE
        assert poison('{"assets": [{"key": "7/raw/photo/vertical/b/mine.jpg"}]}').startswith('{"assets"')
        assert poison("not json") == "not json"

    def test_without_the_fault_nothing_is_poisoned(self):
        """
        A scenario without this fault needs no poison.
        """
        assert poison_of(scenario()) is None
        assert poison_of(None) is None


class TestDoubled:
    def test_the_messages_of_struck_arrivals_are_doubled(self):
        """
        About three of ten, those that the simulator doubles; messages of other clients are not.
        """
        played = scenario({"action": "harness:sqs:duplicate-message", "rate": 0.3})
        is_doubled = doubling_of(played)
        assert is_doubled is not None
        mix = Mix(played)

        found = [is_doubled(message(arrival)) for arrival in range(300)]
        assert found == [mix.batch(arrival).doubled for arrival in range(300)]
        assert 60 <= sum(found) <= 120
        assert not is_doubled('{"assets": [{"key": "7/raw/photo/vertical/b/mine.jpg"}]}')
        assert not is_doubled("not json")
        assert doubling_of(scenario()) is None

    def test_the_window_of_a_message_is_that_of_its_arrival(self):
        """
        One arrival a second: those that are due from 3 s to 5 s, whenever their messages are sent.
        """
        window = {"at": 3, "for": "2 s"}
        is_doubled = doubling_of(scenario({"action": "harness:sqs:duplicate-message", **window}))
        poison = poison_of(scenario({"action": "harness:sqs:poison-message", **window}))
        assert is_doubled is not None
        assert poison is not None

        assert [arrival for arrival in range(9) if is_doubled(message(arrival))] == [3, 4]
        assert [arrival for arrival in range(9) if poison(message(arrival)) == UNREADABLE] == [3, 4]


class TestWindow:
    def test_it_counts_from_the_start_of_the_run(self):
        """
        A fault from second 10 to 20 hits in those seconds of the run, however long the stack has been up.
        """
        times = iter((3600.0, 3601.0, 3614.0, 3616.0, 3626.0))
        clock = RunClock(lambda: next(times))
        fault = {"kind": "lambda_error", "function": "zip", "rate": 1.0, "from_s": 10, "until_s": 20}
        faults = FaultInjection(scenario(fault), clock.now)
        clock.begin(3605.0)

        errors = [faults.function_error("listing-media-zip", event(3)) for _ in range(4)]

        assert errors == [None, None, "Retryable", None]
