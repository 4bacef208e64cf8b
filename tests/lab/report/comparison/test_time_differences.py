"""
Where two runs spend different times: a model that is wrong in one place is named by that place.
"""

import pytest

import harness
from harness.lab.report.comparison.time_differences import time_differences
from harness.lab.results.run import Run
from harness.lab.workload.scenario import load_scenario

pytestmark = pytest.mark.slow

HALF = {"fixed_s": 1.75, "per_second_of_video_s": {"distribution": "uniform", "low": 0.1, "high": 0.4}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a function that simulates eight minutes with changed parameters, each once."""
    folder, scenario = tmp_path_factory.mktemp("runs"), load_scenario("steady").lasting(480.0)
    played: dict[str, Run] = {}

    def run(name, scenario_changes=None, **overrides):
        if name not in played:
            changed = scenario.model_copy(update=scenario_changes or {})
            keys = {key.replace("__", "."): value for key, value in overrides.items()}
            played[name] = harness.simulate(changed, out=folder / name, overrides=keys)
        return played[name]

    return run


def first(before, now):
    """Return the name of the part with the greatest significant difference."""
    found = time_differences(before, now)
    return next(part.part for part in found.parts if part.is_significant)


class TestWrongModels:
    def test_half_the_service_time(self, runs):
        """
        Of transcoding.
        """
        model = dict(load_scenario("steady").model)
        halved = {**model, "transcode": type(model["transcode"]).model_validate(HALF)}

        assert first(runs("right"), runs("halved", {"model": halved})) == "TranscodeVideo: work"

    def test_twice_the_slots(self, runs):
        """
        Two slots are nearly busy.
        """
        found = first(runs("narrow", mediaconvert__slots=2), runs("wide", mediaconvert__slots=4))

        assert found == "TranscodeVideo: wait"

    def test_no_hop(self, runs):
        """
        160 ms of 15 s: seen because both runs have the same arrivals.
        """
        assert first(runs("right"), runs("without", stepfunctions__hop_s=0)).endswith(": hop")

    def test_failures_that_are_retried(self, runs):
        """
        The pause of the retrier is longer than the attempt that failed.
        """
        failing = {"CreateZipBundle": {"failures": [{"error": "Lambda.ServiceException", "rate": 0.5}]}}

        assert first(runs("right"), runs("failing", behaviours=failing)) == "CreateZipBundle: back-off"

    def test_the_same_model(self, runs):
        """
        Nothing differs, and the sentence says so.
        """
        found = time_differences(runs("right"), runs("right"))

        assert not any(part.is_significant for part in found.parts)
        assert found.sentence.startswith("The mean time of a batch does not differ significantly")


def test_the_sentence_names_what_is_different_first(runs):
    """
    With both means, and its share of the whole.
    """
    found = time_differences(runs("narrow", mediaconvert__slots=2), runs("wide", mediaconvert__slots=4))

    assert "The greatest difference is TranscodeVideo: wait: " in found.sentence
    assert " shorter (" in found.sentence
    assert found.sentence.endswith("of the whole difference.")


def test_too_few_batches_are_not_compared():
    """
    Eight batches say nothing about a mean.
    """
    run = Run.load("fixtures/runs/smoke_live")

    assert time_differences(run, run) is None
