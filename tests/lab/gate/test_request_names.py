"""
The names of requests: those of all runs are known, and an unknown one is answered by a close one.
"""

from pathlib import Path

import pytest

from harness.lab.gate.request_names import NAMES, unknown_request
from harness.lab.gate.scenario_reader import read_scenario
from harness.lab.results.run import Run

REPOSITORY = Path(__file__).parents[3]
RUNS = sorted(header.parent for header in REPOSITORY.glob("fixtures/runs/*/run.json"))


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_the_requests_of_a_run_are_known(folder):
    """
    Both worlds recorded these runs.
    """
    rows = Run.load(folder).timings
    found = set(zip(rows["type"], rows["name"], strict=True))

    assert [(kind, name) for kind, name in found if name not in NAMES[kind]] == []


@pytest.mark.parametrize("path", sorted((REPOSITORY / "scenarios").glob("*.toml")), ids=lambda it: it.stem)
def test_the_scenarios_of_the_project_are_accepted(path):
    """
    Their objectives select requests that a run can have.
    """
    assert read_scenario(path).objectives


@pytest.mark.parametrize(
    "selector",
    [
        "E2E:ready",
        "E2E ready",
        "ready",
        "E2E",
        "ready failed",
        "PUT object",
        "POST uploads/status succeeded",
        "forbidden succeeded",
        "forbidden:refused",
        "forbidden no_token",
        "POST forbidden no_token refused",
    ],
)
def test_every_way_to_select_a_request_is_accepted(selector):
    """
    By type and name, name or type, with or without the outcome.
    """
    assert unknown_request(selector) is None


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("E2E:redy", "did you mean ready?"),
        ("E2E:redy failed", "did you mean ready?"),
        ("redy", "did you mean ready?"),
        ("E2:ready", "did you mean E2E ready?"),
        ("POST upload", "did you mean uploads?"),
        ("forbiden succeeded", "did you mean forbidden?"),
        ("forbidden succeded", "did you mean forbidden succeeded?"),
        ("GET status", "the names are object, preview, zip"),
    ],
)
def test_an_unknown_name_is_answered_by_a_close_one(selector, hint):
    """
    Without a close one, the names of the type are listed.
    """
    assert unknown_request(selector) == f"no run has {selector!r}; {hint}"
