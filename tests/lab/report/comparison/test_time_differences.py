"""
Where two runs spend different times: a model that is wrong in one place is named by that place.
"""

import numpy as np
import pytest

import harness
from harness.lab.report.comparison.time_differences import time_differences
from harness.lab.results.rows import BatchRow, RequestRow
from harness.lab.results.run import Run
from harness.lab.workload.scenario import load_scenario

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_sentence_names_what_is_different_first(runs):
    """
    With both means, and its share of the whole.
    """
    found = time_differences(runs("narrow", mediaconvert__slots=2), runs("wide", mediaconvert__slots=4))

    assert "The greatest significant difference is TranscodeVideo: wait: " in found.sentence
    assert " shorter (" in found.sentence
    assert found.sentence.endswith("of the whole difference.")


def rows(uploads, *, apart=1.0, unfinished=()):
    """Yield batches whose upload takes so long, two seconds more until they end."""
    for number, upload in enumerate(uploads):
        at, name = apart * number, f"b{number}"
        received = at + upload
        ended = None if number in unfinished else received + 2.0
        yield RequestRow(0, number, "E2E", "ready", None, "ok", at, at, received + 2.0, batch_id=name)
        yield BatchRow(
            name, 1, number, 1, "SHOOT", 1, 0, 0, 100, at, at, received, received + 1.0, ended, ended,
            "READY" if ended else None, censored=ended is None,
        )  # fmt: skip


class TestIntervals:
    """The time of an upload varies by seconds; it is the only part that does."""

    UPLOADS = np.random.default_rng(5).uniform(1.0, 20.0, 60)

    def test_the_same_arrivals_are_compared_batch_by_batch(self, make_folder):
        """
        0.1 s more of each batch is found, though two of them did not end, each in one run.
        """
        before = make_folder("before", rows(self.UPLOADS, unfinished=[7]))
        now = make_folder("now", rows(self.UPLOADS + 0.1, unfinished=[30]))

        found = time_differences(before, now)

        assert found.whole.difference_s == pytest.approx(0.1)
        assert found.whole.is_significant
        assert found.sentence.startswith("The mean time of a batch is ")
        assert "The greatest significant difference is upload: 100 ms longer" in found.sentence

    @pytest.mark.parametrize(("apart", "seed"), [(2.0, 7), (1.0, 8)])
    def test_other_arrivals_are_not(self, make_folder, apart, seed):
        """
        Of a scenario with another rate, or another seed: equal lengths do not make pairs.
        """
        before = make_folder("before", rows(self.UPLOADS))
        now = make_folder("now", rows(self.UPLOADS + 0.1, apart=apart), seed=seed)

        found = time_differences(before, now)

        assert found.whole.high - found.whole.low > 2.0
        assert not found.whole.is_significant

    def test_the_intervals_of_the_parts_hold_together(self, make_folder):
        """
        The upload alone makes the whole, but its interval is wider, as one of several.
        """
        before = make_folder("before", rows(self.UPLOADS))
        now = make_folder("now", rows(self.UPLOADS[::-1]), seed=8)

        found = time_differences(before, now)
        upload = next(part for part in found.parts if part.part == "upload")

        assert upload.high - upload.low > 1.2 * (found.whole.high - found.whole.low)

    def test_neighbours_are_drawn_together(self, make_folder):
        """
        Sixty batches of slow times and fast ones tell less than sixty in any order.
        """
        waves = np.where(np.arange(60) // 10 % 2, 20.0, 1.0)
        mixed = np.random.default_rng(1).permutation(waves)
        widths = []
        for name, uploads in (("waves", waves), ("mixed", mixed)):
            before = make_folder(f"{name}_before", rows(uploads))
            whole = time_differences(before, make_folder(f"{name}_now", rows(uploads), seed=8)).whole
            widths.append(whole.high - whole.low)

        assert widths[0] > 1.5 * widths[1]


def test_too_few_batches_are_not_compared():
    """
    Eight batches say nothing about a mean.
    """
    run = Run.load("fixtures/runs/smoke_live")

    assert time_differences(run, run) is None
