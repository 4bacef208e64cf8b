"""
The measurement of fidelity: pairs of live and simulated runs, and the page on them.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.fidelity.__main__ import main
from benchmarks.fidelity.agreement import ready_agreement, step_agreement, what_is_wrong
from benchmarks.fidelity.live_runs import LiveRun, measured
from benchmarks.fidelity.loads import modelled, real
from benchmarks.fidelity.page import PAGE, Pair, family_tables, write_tables
from benchmarks.fidelity.predictions import Outcome, predictors
from harness.lab.results.host.host_metrics import BUSY, PROCESS_CPU, STRETCH, process_label
from harness.lab.results.rows import MetricRow, RequestRow
from harness.lab.results.run import Run
from tests.lab.conftest import Recorder

RUN = "fixtures/runs/morning_simulated"
TOLERANCES = (0.03, 0.10, 0.20)
HEALTH = {
    "worker": 0, "offered": 20, "started": 20, "queued": 0, "lag_p50_s": 0.001, "lag_p99_s": 0.004,
    "lag_max_s": 0.01, "overshoot_p99_s": 0.001, "overshoot_max_s": 0.01, "cpu_mean": 0.1, "cpu_max": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def seen():
    return Outcome.of(Run.load(RUN))


@pytest.fixture
def play(tmp_path):
    """Return a function that makes the play of a load; the host is starved in its first attempts."""

    recorder = Recorder(tmp_path / "played")

    def make(starved: int, lag: float = 0.004, **more):
        played = []

        def play(path, out):
            assert json.loads(path.read_text())["name"] == "fit"
            stretch = 9.0 if len(played) < starved else 1.0
            played.append(out.name)
            ready = [RequestRow(0, n, "E2E", "ready", None, "ok", n, n, n + 2.0) for n in range(20)]
            host = [
                MetricRow(at, metric, labels, value)
                for at in range(1, 23)
                for metric, labels, value in (
                    (STRETCH, "{}", stretch), (BUSY, "{}", 0.9), (PROCESS_CPU, process_label("api"), 0.3),
                )
            ]  # fmt: skip
            notes = {"generator": {"workers": [{**HEALTH, "lag_p99_s": lag}]}, **more}
            return recorder.run(*ready, *host, machine={"processors": 2}, notes=notes)

        return play

    return make


class TestLiveRuns:
    @pytest.mark.parametrize(("starved", "attempts", "doubts"), [(0, 1, 0), (2, 3, 0), (3, 3, 1)])
    def test_a_run_is_played_again_while_the_host_sets_its_figures(
        self, play, tmp_path, starved, attempts, doubts
    ):
        """
        Each refused attempt is kept with its reason; the last one is kept with its doubts.
        """
        live = measured(modelled(60.0).fit, tmp_path, 3, play(starved))

        assert len(live.refused) == attempts - 1
        assert len(live.doubts) == doubts
        assert all("waits for processors were up to 100%" in why for why in (*live.refused, *live.doubts))

    @pytest.mark.parametrize(("lag", "doubts"), [(0.035, 0), (0.045, 1)])
    def test_late_arrivals_are_tolerated_up_to_a_part_of_the_times(self, play, tmp_path, lag, doubts):
        """
        Two per cent of a mean of 2 s are 40 ms.
        """
        assert len(measured(modelled(60.0).fit, tmp_path, 1, play(0, lag)).doubts) == doubts

    def test_an_interrupted_run_ends_the_measurement(self, play, tmp_path):
        """
        A run keeps what it has when it is interrupted; here that is not enough.
        """
        with pytest.raises(KeyboardInterrupt):
            measured(modelled(60.0).fit, tmp_path, 3, play(0, interrupted=True))


class TestAgreement:
    def test_a_run_agrees_with_itself(self, seen):
        """
        All ratios are 1 and hold, and no part differs.
        """
        figures = [*ready_agreement(seen, seen, TOLERANCES), *step_agreement(seen, seen, TOLERANCES)]

        assert [one.ratio for one in figures] == [1.0] * len(figures)
        assert all(one.holds and one.low <= 1 <= one.high for one in figures)
        assert {one.what for one in figures} >= {"READY", "GenerateThumbnails", "TranscodeVideo"}
        assert "does not differ significantly" in what_is_wrong(seen, seen)

    def test_a_figure_outside_its_tolerance_does_not_hold(self, seen):
        """
        Five per cent more is too much for the mean, and not for the percentiles.
        """
        slower = replace(seen, ready=1.05 * seen.ready)

        found = {one.figure: one for one in ready_agreement(seen, slower, TOLERANCES)}

        assert {name: one.holds for name, one in found.items()} == {
            "mean": False, "p50": True, "p95": True, "p99": True,
        }  # fmt: skip
        assert found["mean"].ratio == pytest.approx(1.05)
        assert found["mean"].predicted_s == pytest.approx(1.05 * np.mean(seen.ready))


def test_naive_predictions_do_not_look_at_the_load(seen, tmp_path):
    """
    The quantiles of the fitted run are the same for every load; all ways have names of their own.
    """
    ways = predictors(Run.load(RUN), tmp_path / "fit.toml", tmp_path)

    assert len({way.name for way in ways}) == 4
    assert (ways[3].predict(modelled(60.0).unseen[0]).ready == seen.ready).all()


class TestPage:
    @pytest.fixture
    def pairs(self, seen):
        figures = ready_agreement(seen, replace(seen, ready=1.05 * seen.ready), TOLERANCES)
        return [
            Pair(
                f"load {number}",
                LiveRun(Run.load(RUN), doubts, refused),
                ((3, 0), (3, number)),
                {"calibrated": figures},
                [replace(one, what="CreateZipBundle") for one in figures[1:3]],
                "",
            )
            for number, doubts, refused in ((0, (), ("The host was busy.",)), (1, ("Late.",), ()))
        ]

    def test_losses_and_repetitions_are_on_the_page(self, pairs):
        """
        A ratio outside its tolerance is bold, and refused runs and doubts are listed.
        """
        text = family_tables(pairs, {"measured on": "a Monday"})

        assert "| load 0 | **1.05** (" in text
        assert "| calibrated | 5.0% | 5.0% | 5.0% | 5.0% |" in text
        assert "counts exact in 1 of 2 loads" in text
        assert "- *load 0* was played again: The host was busy." in text
        assert "- *load 1* is in doubt after all attempts: Late." in text

    def test_tables_stand_between_their_comments(self, tmp_path):
        """
        Only what stands there is replaced; a page without the place is refused.
        """
        page = tmp_path / "page.md"
        page.write_text("a\n<!-- written: modelled -->\n\nold\n\n<!-- end -->\nb\n")

        write_tables({"modelled": "| new \\1 |"}, page)

        assert page.read_text() == "a\n<!-- written: modelled -->\n\n| new \\1 |\n\n<!-- end -->\nb\n"
        with pytest.raises(ValueError, match="no place for the table real"):
            write_tables({"real": ""}, page)

    def test_the_page_of_the_project_has_both_places(self):
        """
        What a command writes into it has a place.
        """
        text = PAGE.read_text(encoding="utf-8")

        assert all(f"<!-- written: {name} -->" in text for name in ("modelled", "real"))


def test_every_load_is_another_one():
    """
    No load is the one of the fit; there are five of modelled handlers, and three of real media.
    """
    families = modelled(60.0), real(60.0)

    assert [len(family.unseen) for family in families] == [5, 3]
    for family in families:
        assert len({load.hash for load in (family.fit, *family.unseen)}) == len(family.unseen) + 1


@pytest.mark.parametrize("words", [["--families", "none"], ["--attempts", "0"], ["--nothing"]])
def test_invalid_options_are_refused(words):
    """
    Before anything is played, with exit code 2.
    """
    with pytest.raises(SystemExit) as left:
        main(words)

    assert left.value.code == 2
