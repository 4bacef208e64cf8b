"""
What goes wrong on purpose around real handlers, and in the queue.
"""

import json
import threading

import pytest

from harness.lab.workload.scenario import Scenario
from harness.stack.aws.mediaconvert.local_mediaconvert import TranscodingFailed
from harness.stack.modelled.fault_injection import UNREADABLE, InjectedFault, poison_of
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


class TestTrouble:
    def test_only_the_function_named_fails_with_the_error_named(self):
        """
        At rate 1 every call of it fails, and no call of another.
        """
        trouble = InjectedFault(
            scenario({"kind": "lambda_error", "function": "zip", "error": "Retryable", "rate": 1.0})
        )

        assert trouble.function("listing-media-zip") == "Retryable"
        assert trouble.function("listing-media-validate") is None

    def test_the_rate_is_how_often_and_the_seed_decides_when(self):
        """
        Of a thousand calls at rate 0.1 about a hundred fail, the same ones each time.
        """
        faults = scenario({"kind": "lambda_error", "function": "zip", "rate": 0.1})
        runs = [
            [trouble.function("listing-media-zip") for _ in range(1000)]
            for trouble in (InjectedFault(faults), InjectedFault(faults))
        ]

        assert runs[0] == runs[1]
        assert 70 <= runs[0].count("Retryable") <= 130  # 3.2 standard deviations either side

    def test_transcoding_fails(self):
        """
        The transcoder around which it stands is not asked.
        """
        transcode = InjectedFault(scenario({"kind": "mediaconvert_error", "rate": 1.0})).around(lambda *_: [])

        with pytest.raises(TranscodingFailed):
            transcode({}, threading.Event())


class TestPoison:
    def test_the_messages_of_poisoned_arrivals_cannot_be_read(self):
        """
        At rate 1 every message of an arrival becomes unreadable; a stranger's is left alone.
        """
        poison = poison_of(scenario({"kind": "poisoned_message", "rate": 1.0}))

        assert poison is not None
        assert poison(message(3)) == UNREADABLE
        assert poison('{"assets": [{"key": "7/raw/photo/vertical/b/mine.jpg"}]}').startswith('{"assets"')
        assert poison("not json") == "not json"

    def test_without_the_fault_nothing_is_poisoned(self):
        """
        A scenario that says nothing of it costs nothing.
        """
        assert poison_of(scenario()) is None
        assert poison_of(None) is None


class TestWindow:
    def test_it_counts_from_the_beginning_of_the_run_and_not_of_the_stack(self):
        """
        A stack that has been up for an hour strikes from the second the scenario says; before, nothing.
        """
        times = iter((3600.0, 3601.0, 3614.0, 3616.0, 3626.0))
        clock = RunClock(lambda: next(times))
        fault = {"kind": "lambda_error", "function": "zip", "rate": 1.0, "from_s": 10, "until_s": 20}
        trouble = InjectedFault(scenario(fault), clock.now)
        clock.begin(3605.0)

        struck = [trouble.function("listing-media-zip") for _ in range(4)]

        assert struck == [None, None, "Retryable", None]
