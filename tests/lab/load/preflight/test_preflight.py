"""
A run does not begin if the service does not answer or refuses the tokens.
"""

import pytest

from harness.lab.load.launch import play
from harness.lab.load.live_run import ServiceAccess
from harness.lab.load.preflight.preflight import Unreachable
from harness.lab.workload.scenario import Scenario, load_scenario
from tests.lab.load.conftest import scenario_text, write_identities

pytestmark = pytest.mark.stack


@pytest.fixture
def scenario(tmp_path) -> Scenario:
    path = tmp_path / "preflight.toml"
    path.write_text(scenario_text(duration_s=1), encoding="utf-8")
    return load_scenario(path)


def test_a_host_that_does_not_answer(scenario, tmp_path):
    """
    The message differs from that of a refusal.
    """
    identities = write_identities(tmp_path / "identities.csv", 60)

    with pytest.raises(Unreachable, match="does not answer"):
        play(scenario, host="http://127.0.0.1:9", access=ServiceAccess(identities), out=tmp_path / "run")


def test_tokens_that_the_service_does_not_know(scenario, fake_service, tmp_path):
    """
    The message has the request, the role, and the status.
    """
    service = fake_service()
    forged = tmp_path / "forged.csv"
    forged.write_text(service.identities.read_text().replace("token-", "forged-"), encoding="utf-8")

    with pytest.raises(Unreachable, match=r"for listing \d+ as its \w+ answers 401"):
        play(scenario, host=service.api_url, access=ServiceAccess(forged), out=tmp_path / "run")


def test_the_canary_uses_no_proxy_as_the_workers_use_none(scenario, fake_service, tmp_path, monkeypatch):
    """
    If only the canary used the proxy, it could succeed where the whole run fails.
    """
    service = fake_service()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    played = play(
        scenario, host=service.api_url, access=ServiceAccess(service.identities), out=tmp_path / "run"
    )

    assert set(played.requests.outcome) == {"ok"}
