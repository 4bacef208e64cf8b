"""
The verb ``harness rehearse``.
"""

import json

import pytest

from harness.cli.main import main
from tests.service.rehearsal.planted_bugs import delete_in_pipeline


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
