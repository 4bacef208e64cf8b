"""
The faults of a scenario: their words, their times, and the worlds that can play them.
"""

import math

import pytest
from pydantic import ValidationError

from harness.lab.workload.faults.fault import read_fault
from harness.lab.workload.faults.fault_window import FaultWorld
from harness.lab.workload.faults.pipeline_faults import LambdaInvocationDelay, LambdaInvocationError
from harness.lab.workload.faults.playable import must_play
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.scenario_file import ScenarioError

KILL = {"action": "harness:process:kill", "target": "database", "at": "1 min", "restart": "5 s"}


def scenario(*faults: dict[str, object]) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "try",
            "question": "What if?",
            "duration_s": 10,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 10}]}],
            "flows": [{"name": "photo_shoot"}],
            "faults": faults,
        }
    )


class TestTimes:
    def test_a_window_has_a_start_and_a_length(self):
        """
        Times are numbers of seconds, or texts with a unit; without a length a fault lasts for the whole run.
        """
        given = {"action": "aws:lambda:invocation-error", "function": "zip"}
        fault = read_fault({**given, "at": "5 min", "for": 10})

        assert (fault.at, fault.until) == (300.0, 310.0)
        assert read_fault(given).until == math.inf

    @pytest.mark.parametrize("text", ["soon", "5 parsecs", ""])
    def test_other_text_is_refused(self, text):
        """
        The message shows how a time is written.
        """
        with pytest.raises(ValidationError, match="write for example"):
            read_fault({**KILL, "restart": text})

    def test_a_killed_part_is_away_until_it_is_restarted(self):
        """
        Without a restart it is away until the run ends.
        """
        assert read_fault(KILL).until == 65.0
        assert read_fault({**KILL, "restart": None}).until == math.inf

    def test_a_scenario_is_written_as_it_is_read(self):
        """
        The scenario of a run folder, and that of a stack, are read again.
        """
        played = scenario({"action": "harness:process:pause", "target": "api", "at": 3, "for": "4 s"}, KILL)

        assert Scenario.model_validate_json(played.model_dump_json()) == played


class TestClock:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("1 h", 3600.0), ("-1 h", -3600.0), ("- 90", -90.0), ("+5 min", 300.0), (-7, -7.0)],
    )
    def test_a_clock_is_ahead_or_behind(self, text, seconds):
        """
        A minus sign is behind.
        """
        assert read_fault({"action": "harness:clock:skew", "target": "api", "by": text}).by == seconds

    @pytest.mark.parametrize("by", ["--1 h", "-", "soon", float("inf"), None])
    def test_another_text_is_refused(self, by):
        """
        As for other times.
        """
        with pytest.raises(ValidationError):
            read_fault({"action": "harness:clock:skew", "target": "api", "by": by})


class TestOldWords:
    def test_faults_of_earlier_files_are_read_in_the_present_words(self):
        """
        Files and run folders from before the words of FIS remain valid.
        """
        old = {"kind": "lambda_error", "function": "zip", "rate": 0.5, "from_s": 20, "until_s": 50}
        slow = {"kind": "slow_callback", "rate": 1, "delay_s": 3}

        assert read_fault(old) == LambdaInvocationError(
            action="aws:lambda:invocation-error", function="zip", rate=0.5, at=20, lasting=30
        )
        assert read_fault(slow) == LambdaInvocationDelay(
            action="aws:lambda:invocation-add-delay", function="callback-dispatch", delay=3
        )

    def test_a_window_that_ends_before_it_begins_is_refused(self):
        """
        As it was before.
        """
        with pytest.raises(ValidationError, match="until_s must be a number after from_s"):
            read_fault({"kind": "corrupt_file", "rate": 1, "from_s": 20, "until_s": 10})


class TestMustPlay:
    def test_a_fault_that_a_world_cannot_play_is_named(self):
        """
        It is refused with a sentence, and not ignored.
        """
        with pytest.raises(ScenarioError) as refused:
            must_play(scenario({"action": "harness:media:corrupt-file"}, KILL), FaultWorld.SIMULATED)

        assert str(refused.value) == (
            "try: the simulator cannot play faults[1], harness:process:kill: it has no database; "
            "play the scenario live, or rehearse it"
        )

    @pytest.mark.parametrize(
        ("fault", "live", "rehearsed", "simulated"),
        [
            ({"action": "harness:sqs:duplicate-message"}, True, True, True),
            ({"action": "harness:callback:empty"}, True, True, True),
            ({"action": "harness:callback:reorder"}, True, True, False),
            ({"action": "harness:media:truncate-file"}, True, True, True),
            ({"action": "harness:media:mislabel-file"}, True, True, True),
            ({"action": "harness:media:oversize-file"}, True, True, True),
            ({"action": "harness:media:expire-upload-url"}, True, True, True),
            ({"action": "harness:clock:skew", "target": "worker", "by": 5}, True, True, False),
            ({"action": "harness:disk:fill", "target": "s3"}, True, False, False),
        ],
    )
    def test_each_world_plays_or_refuses(self, fault, live, rehearsed, simulated):
        """
        As the table of docs/reference/faults.md says.
        """
        reasons = [
            read_fault(fault).unplayable_in(world)
            for world in (FaultWorld.LIVE, FaultWorld.REHEARSED, FaultWorld.SIMULATED)
        ]

        assert [reason is None for reason in reasons] == [live, rehearsed, simulated]
        assert "does not control" in read_fault(fault).unplayable_in(FaultWorld.DEPLOYED)

    def test_a_deployed_service_has_no_faults_of_ours(self):
        """
        The harness cannot make them there.
        """
        with pytest.raises(ScenarioError, match=r"cannot play faults\[0\], harness:media:corrupt-file"):
            must_play(scenario({"action": "harness:media:corrupt-file"}), FaultWorld.DEPLOYED)

    def test_the_local_stack_plays_both(self):
        """
        A scenario without a fault that the world cannot play passes.
        """
        must_play(scenario({"action": "harness:media:corrupt-file"}, KILL), FaultWorld.LIVE)
