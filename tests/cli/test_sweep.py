"""
``harness sweep`` and ``harness plan``: exit codes, messages, files.
"""

import json
import sys

import pandas as pd
import pytest

from harness.cli.main import main

SCENARIO = """
question = "Does the command line work?"
duration_s = 20
drain_s = 60

[[arrivals]]
process = "paced"
stages = [{ hold_per_s = 0.2, for_s = 20 }]

[[flows]]
name = "photo_shoot"
photos = 1
videos = 0
"""

SLOTS = ("--vary", "mediaconvert.slots")


@pytest.fixture
def scenario_file(tmp_path):
    """Return a small scenario's file."""
    path = tmp_path / "small.toml"
    path.write_text(SCENARIO)
    return path


def harness(*words):
    """Run a verb in one process; return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main([*map(str, words), "--processes", "1"])
    return exit_.value.code


class TestSweep:
    def test_writes_a_table_and_a_chart(self, scenario_file, tmp_path, capsys):
        """
        One row a cell, in a file, on stderr and as JSON.
        """
        out = tmp_path / "sweep"
        words = ("sweep", scenario_file, "--vary", "mediaconvert.slots=1,2", "--vary", "rate=12/min")
        code = harness(*words, "--replications", 2, "--out", out, "--json")
        told = capsys.readouterr()

        assert code == 0
        assert [row["rate"] for row in json.loads(told.out)] == [0.2, 0.2]
        assert pd.read_csv(out / "sweep.csv")["mediaconvert.slots"].tolist() == [1, 2]
        assert (out / "sweep.png").stat().st_size > 1000
        assert f"folder: {out}" in told.err

    def test_a_tornado_names_the_parameter_that_matters(self, scenario_file, tmp_path, capsys):
        """
        The table is sorted by the effect.
        """
        out = tmp_path / "tornado"
        words = ("sweep", scenario_file, "--tornado", "--vary", "api.threads,stepfunctions.hop_s")
        code = harness(*words, "--replications", 2, "--out", out)

        assert code == 0
        assert pd.read_csv(out / "sensitivity.csv")["parameter"].tolist()[0] == "stepfunctions.hop_s"
        err = capsys.readouterr().err
        assert "stepfunctions.hop_s matters most" in err
        assert "lognormal median 0.128 sigma 0.216" in err

    def test_morris_screens_several_parameters(self, scenario_file, tmp_path, capsys):
        """
        A table, a figure and the finding.
        """
        out = tmp_path / "morris"
        words = ("sweep", scenario_file, "--morris", "--vary", "api.threads,stepfunctions.hop_s")
        code = harness(*words, "--replications", 2, "--trajectories", 2, "--out", out)

        assert code == 0
        assert pd.read_csv(out / "morris.csv")["parameter"].tolist()[0] == "stepfunctions.hop_s"
        assert (out / "morris.png").exists()
        assert "stepfunctions.hop_s matters most" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--tornado", "--morris", "--vary", "rate"), "--tornado and --morris exclude each other"),
            (("--vary", "rate=1", "--trajectories", 5), "--trajectories belongs to --morris"),
            (("--vary", "rate=1", "--change", 0.1), "--change belongs to --tornado and --morris"),
            (("--morris", "--vary", "rate"), "Morris needs at least two parameters"),
            (("--vary", "mediaconvert.slots"), "--vary takes KEY=VALUE,VALUE…"),
            (("--vary", "mediaconvert.slotz=1"), "did you mean mediaconvert.slots?"),
            (("--vary", "rate=fast"), "'fast' is not a rate"),
            (("--vary", "rate=1", "--vary", "rate=2"), "--vary rate is given twice"),
            (("--tornado", "--vary", "rate=1"), "takes a name without values"),
        ],
    )
    def test_an_invalid_option_is_named(self, scenario_file, tmp_path, capsys, words, message):
        """
        Nothing is written.
        """
        code = harness("sweep", scenario_file, *words, "--out", tmp_path / "sweep")

        assert code == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "sweep").exists()

    def test_another_scenario_in_the_folder_is_refused(self, scenario_file, tmp_path, capsys):
        """
        Results of two scenarios must not be mixed.
        """
        words = ("sweep", scenario_file, "--vary", "mediaconvert.slots=1", "--replications", 1)
        harness(*words, "--out", tmp_path / "sweep")
        code = harness(*words, "--out", tmp_path / "sweep", "--seed", 7)

        assert code == 2
        assert "results with another scenario" in capsys.readouterr().err

    def test_a_missing_extra_is_named(self, scenario_file, tmp_path, capsys, monkeypatch):
        """
        Dask comes with the extra `cluster`.
        """
        monkeypatch.setitem(sys.modules, "distributed", None)
        words = ("sweep", scenario_file, "--vary", "mediaconvert.slots=1", "--dask", "tcp://127.0.0.1:9")
        code = harness(*words, "--out", tmp_path / "sweep")

        assert code == 2
        assert "pip install 'media-harness[cluster]'" in capsys.readouterr().err


class TestPlan:
    def test_answers_with_a_sentence_and_a_figure(self, scenario_file, tmp_path, capsys):
        """
        One slot suffices for batches without videos.
        """
        out = tmp_path / "plan"
        words = ("plan", scenario_file, *SLOTS, "--from", 1, "--to", 2)
        code = harness(*words, "--for", "p95(E2E:ready) <= 10 min", "--out", out, "--json")
        told = capsys.readouterr()

        assert code == 0
        assert json.loads(told.out)["value"] == 1
        assert "The least mediaconvert.slots with p95(E2E:ready) <= 10 min is 1" in told.err
        assert "per 1,000 batches" in told.err
        assert (out / "capacity.png").exists()

    def test_two_parameters_have_a_frontier(self, scenario_file, tmp_path, capsys):
        """
        One slot and one dispatcher suffice; the point has its cost.
        """
        out = tmp_path / "plan"
        threads = ("--vary", "dispatcher.threads", "--from", 1, "--to", 2)
        words = ("plan", scenario_file, *SLOTS, "--from", 1, "--to", 2, *threads)
        code = harness(*words, "--for", "p95(E2E:ready) <= 10 min", "--out", out, "--json")
        told = capsys.readouterr()

        assert code == 0
        assert json.loads(told.out)["points"] == [[1, 1]]
        assert "mediaconvert.slots = 1, dispatcher.threads = 1: $" in told.err
        assert pd.read_csv(out / "frontier.csv")["usd_per_thousand_batches"].tolist()[0] > 0
        assert (out / "frontier.png").exists()

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--vary", "dispatcher.threads"), "--from is given 1 times for 2 parameters"),
            (("--time-scale", 5), "belong to --confirm-live"),
            (("--confirm-live", "--time-scale", 0), "--time-scale must be a positive number"),
            (("--confirm-live", "--state-machine", "x.json"), "--confirm-live excludes --state-machine"),
        ],
    )
    def test_options_that_do_not_fit_together_are_named(
        self, scenario_file, tmp_path, capsys, words, message
    ):
        """
        Before anything is simulated.
        """
        asked = ("plan", scenario_file, *SLOTS, "--from", 1, "--to", 2, "--for", "p95(E2E:ready) <= 1 s")
        code = harness(*asked, *words, "--out", tmp_path / "plan")

        assert code == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "plan").exists()

    def test_what_the_stack_cannot_have_is_not_confirmed(self, scenario_file, tmp_path, capsys):
        """
        Its latencies are its own.
        """
        key = ("--vary", "stepfunctions.transition_per_s", "--from", 1, "--to", 2)
        words = ("plan", scenario_file, *key, "--for", "p95(E2E:ready) <= 1 s", "--confirm-live")
        code = harness(*words, "--out", tmp_path / "plan")

        assert code == 2
        assert "cannot be deployed with another stepfunctions.transition_per_s" in capsys.readouterr().err

    def test_an_objective_that_never_holds_is_a_breach(self, scenario_file, tmp_path, capsys):
        """
        No number of slots makes photos faster.
        """
        words = ("plan", scenario_file, *SLOTS, "--from", 1, "--to", 2, "--for", "p95(E2E:ready) <= 1 ms")
        code = harness(*words, "--out", tmp_path / "plan")

        assert code == 3
        assert "holds with no mediaconvert.slots from 1 to 2" in capsys.readouterr().err

    def test_too_few_batches_are_inconclusive(self, scenario_file, tmp_path, capsys):
        """
        A dozen batches without a failure do not show that fewer than 1 % fail.
        """
        words = ("plan", scenario_file, *SLOTS, "--from", 1, "--to", 2, "--replications", 3)
        code = harness(*words, "--for", "fail_ratio(E2E:ready) <= 1 %", "--out", tmp_path / "plan")

        assert code == 4
        assert "undecided" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("objective", "low", "message"),
        [
            ("p95(E2E:ready) <= 10", 1, "needs the unit"),
            ("p95(PUT object) <= 1 s", 1, "cannot be judged over replications"),
            ("p95(E2E:ready) <= 10 s", 2, "from a smaller to a larger number"),
            ("p95(E2E:ready) <= 10 s", "few", "--from takes a number"),
        ],
    )
    def test_an_invalid_question_is_named(self, scenario_file, tmp_path, capsys, objective, low, message):
        """
        Exit code 2, one sentence.
        """
        words = ("plan", scenario_file, *SLOTS, "--from", low, "--to", 2, "--for", objective)
        code = harness(*words, "--out", tmp_path / "plan")

        assert code == 2
        assert message in capsys.readouterr().err
