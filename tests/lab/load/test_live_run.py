"""
A live run is observed from its beginning, and finished even if the observation fails.
"""

from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from harness.lab.load import live_run
from harness.lab.load.live_run import LiveRun, ServiceAccess, tightest_limit, without_secrets
from harness.lab.load.run_outcome import OUTCOME, RunOutcome
from harness.lab.results.run import read_header
from harness.lab.workload.scenario import Scenario, load_scenario
from tests.lab.load.conftest import scenario_text, write_identities

BEGAN_AT = 1_000.0


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that makes a run with an observer, as if its service had passed the preflight."""
    monkeypatch.setattr(live_run, "preflight", lambda host, plan: [])
    path = tmp_path / "observed.toml"
    path.write_text(scenario_text(), encoding="utf-8")
    identities = write_identities(tmp_path / "identities.csv", 60)
    folder = tmp_path / "run"
    (folder / OUTCOME).parent.mkdir(parents=True)

    def make(observer) -> LiveRun:
        access = ServiceAccess(identities, observer)
        return LiveRun(load_scenario(path), folder, host="http://fake", access=access, workers=1)

    return make


def test_the_observer_starts_once_when_the_run_has_begun(start):
    """
    From then on the header has the start of the run.
    """
    starts = []

    @contextmanager
    def observer(folder, began_at):
        starts.append(began_at)
        yield None

    with closing(start(observer)) as run:
        run.update()
        assert starts == []
        RunOutcome(began_at_epoch_s=BEGAN_AT).write(run.folder / OUTCOME)
        run.update()
        run.update()

    assert starts == [BEGAN_AT]
    assert read_header(run.folder).started_at == datetime.fromtimestamp(BEGAN_AT, UTC)


@pytest.mark.parametrize("fails_at", ["its start", "its end"])
def test_a_failed_observation_is_a_finding(start, fails_at):
    """
    The run is finished, and the finding makes it inconclusive.
    """

    @contextmanager
    def observer(folder, began_at):
        if fails_at == "its start":
            raise OSError("no stack")
        yield None
        raise OSError("no stack")

    with closing(start(observer)) as run:
        outcome = RunOutcome(began_at_epoch_s=BEGAN_AT, ended_at_s=2.0, workers=1, is_over=True)
        outcome.write(run.folder / OUTCOME)
        run.update()
    finished = run.finish(outcome)

    assert finished.header.complete
    assert finished.header.notes["generator"]["findings"] == [
        "the observation of the run is incomplete: no stack"
    ]


def test_the_command_is_kept_without_passwords_and_queries():
    """
    URLs may have both.
    """
    command = "harness load a.toml --host 'https://me:secret@media.example/api?key=abc' --seed 3"

    assert without_secrets(command) == "harness load a.toml --host 'https://media.example/api' --seed 3"


@pytest.mark.parametrize(
    ("expressions", "limit"),
    [
        (["p99(POST uploads) < 500 ms", "p95(E2E:ready) <= 40 s"], 0.5),
        (["p95(E2E:ready) <= 4 s", "p99(POST uploads) < 500 ms"], 0.2),
        (["p99(POST uploads) >= 1 ms", "count(POST uploads) >= 1"], None),
    ],
)
def test_the_tightest_limit_is_clock_time(expressions, limit):
    """
    The time scale shortens the limits of batches, not those of requests; only upper limits count.
    """
    scenario = Scenario.model_validate(
        {
            "question": "How late may arrivals be?",
            "time_scale": 20,
            "duration_s": 10,
            "arrivals": [{"stages": [{"hold_per_s": 1.0, "for_s": 10}]}],
            "flows": [{"name": "photo_shoot"}],
            "objectives": [{"expression": each} for each in expressions],
        }
    )

    assert tightest_limit(scenario) == limit
