"""
Nothing is played at a service that is not there or does not let anybody in.
"""

import pytest

from harness.lab.load.launch import play
from harness.lab.load.live_run import ServiceAccess
from harness.lab.load.preflight import Unreachable
from harness.lab.workload.scenario import Scenario, load_scenario
from tests.lab.load.conftest import scenario_text, write_identities

pytestmark = pytest.mark.stack


@pytest.fixture
def scenario(tmp_path) -> Scenario:
    path = tmp_path / "asked.toml"
    path.write_text(scenario_text(duration_s=1), encoding="utf-8")
    return load_scenario(path)


def test_nobody_at_home(scenario, tmp_path):
    """
    A host that does not answer is told from one that refuses.
    """
    identities = write_identities(tmp_path / "identities.csv", 60)

    with pytest.raises(Unreachable, match="does not answer"):
        play(scenario, host="http://127.0.0.1:9", access=ServiceAccess(identities), out=tmp_path / "run")


def test_tokens_the_service_does_not_know(scenario, fake_service, tmp_path):
    """
    The canary says what was asked, as whom, and what came back.
    """
    service = fake_service()
    forged = tmp_path / "forged.csv"
    forged.write_text(service.identities.read_text().replace("token-", "forged-"), encoding="utf-8")

    with pytest.raises(Unreachable, match=r"for listing \d+ as its \w+ answers 401"):
        play(scenario, host=service.api_url, access=ServiceAccess(forged), out=tmp_path / "run")


def test_the_canary_goes_the_way_the_players_go(scenario, fake_service, tmp_path, monkeypatch):
    """
    They ask no proxy: one that lets only the canary through would let in a run that fails.
    """
    service = fake_service()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    played = play(
        scenario, host=service.api_url, access=ServiceAccess(service.identities), out=tmp_path / "run"
    )

    assert set(played.requests.outcome) == {"ok"}
