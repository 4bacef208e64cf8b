"""
The verb ``harness rehearse``.
"""

import json

import pytest

from harness.cli.main import main
from tests.service.rehearsal.planted_bugs import delete_in_pipeline, worker_clock_trusted


@pytest.fixture
def rehearse(capsys):
    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            main(["rehearse", *map(str, words)])
        return int(left.value.code or 0), capsys.readouterr().out

    return call


def test_a_campaign_without_violations_exits_with_0(rehearse):
    """
    The figures name schedules, faults and the time they took.
    """
    code, out = rehearse("--schedules", 20, "--first-seed", 7, "--json")
    outcome = json.loads(out)

    assert code == 0
    assert (outcome["first_seed"], outcome["schedules"], outcome["failing"]) == (7, 20, [])
    assert outcome["batches"] >= 20
    assert sum(outcome["faults"].values()) > 0


def test_a_broken_rule_exits_with_7_and_tells_the_story(rehearse, monkeypatch):
    """
    The seed, what happened, the faults that are needed, and the rule.
    """
    delete_in_pipeline(monkeypatch)
    code, out = rehearse("--schedules", 200)

    assert code == 7
    assert "seed " in out
    assert "is deleted" in out
    assert "VIOLATION deleted-in-pipeline: batch-" in out


def test_the_story_of_one_seed(rehearse):
    """
    Every line has a time and an actor.
    """
    code, out = rehearse("--story", 3)

    assert code == 0
    assert "client 1" in out
    assert "batch 1 is created on listing 1" in out


def test_a_failing_schedule_is_replayed_from_its_json(rehearse, monkeypatch, tmp_path):
    """
    The shrunk faults, not those of the seed, strike again and break the same rule.
    """
    worker_clock_trusted(monkeypatch)
    _, out = rehearse("--schedules", 200, "--json")
    failing = json.loads(out)["failing"][0]
    path = tmp_path / "failing.json"
    path.write_text(json.dumps(failing))
    code, out = rehearse("--story", failing["seed"], "--faults", path, "--json")

    assert code == 7
    assert json.loads(out) == failing
    assert failing["faults"]


@pytest.mark.parametrize("text", ["", "{}", '{"faults": [{"task": "a"}]}', "[]"])
def test_a_file_without_faults_exits_with_2(rehearse, tmp_path, text):
    """
    It is not played with other faults instead.
    """
    path = tmp_path / "faults.json"
    path.write_text(text)

    assert rehearse("--story", 3, "--faults", path)[0] == 2


def test_faults_without_a_story_exit_with_2(rehearse, tmp_path):
    """
    Faults strike at the calls of one seed's clients.
    """
    assert rehearse("--faults", tmp_path / "faults.json")[0] == 2


def test_a_scenario_is_played_into_a_run_folder(rehearse, tmp_path, capsys):
    """
    The folder is one of check, report and audit; the options of a scenario need one.
    """
    code, _ = rehearse("smoke", "--out", tmp_path / "run", "--seed", 4)
    refused, _ = rehearse("--out", tmp_path / "other")

    assert code == 0
    assert '"engine": "rehearsed"' in (tmp_path / "run" / "run.json").read_text()
    assert (tmp_path / "run" / "verdict.json").exists()
    assert refused == 2


def test_a_schedule_is_offered_to_the_live_stack(capsys, tmp_path):
    """
    The seed becomes a scenario; a file without faults, and a scenario beside it, are refused.
    """

    def load(*words: object):
        with pytest.raises(SystemExit) as left:
            main(["load", *map(str, words), "--validate"])
        return int(left.value.code or 0), capsys.readouterr()

    code, printed = load("--replay", 5)
    assert (code, "schedule" in printed.out) == (0, True)
    assert "a scenario has no words for it" in printed.err
    assert load("--replay", tmp_path / "none.json")[0] == 2
    assert load("smoke", "--replay", 5)[0] == 2
