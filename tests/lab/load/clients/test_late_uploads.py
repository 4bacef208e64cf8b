"""
A client whose upload URLs have expired: what it sends, and what is recorded.

The service is the fake one, called without a network.
"""

from dataclasses import replace

import pytest

from harness.lab.load.clients import client_session
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.writer import complete_batches
from tests.lab.load.clients.test_wrong_answers import client, replaced
from tests.lab.load.fake_service import Refused, Service

__all__ = ["client"]


@pytest.fixture
def late(client, monkeypatch):
    """A client that uploads after a hundredth of a second, when its URLs have expired."""
    monkeypatch.setattr(client_session, "EXPIRY_MARGIN_S", 0.0)
    document = client.plan.scenario.model_dump(mode="json")
    document["faults"] = [{"action": "harness:media:expire-upload-url"}]
    scenario = type(client.plan.scenario).model_validate(document)
    return replace(client, plan=RunPlan.read(scenario, client.folder / "identities.csv"))


def expiring(endpoint, answer):
    """Let the URLs be invalid at once."""
    if endpoint != "/uploads":
        return answer
    answer = replaced(answer, ("uploadUrlTtlSeconds",), 0.01)
    url = answer["files"][0]["uploadUrl"]
    return replaced(answer, ("files", 0, "uploadUrl"), url.replace("Expires=", "Expires=0"))


def rows(client):
    (part,) = client.folder.glob("parts/requests-*.arrows")
    found = [row for batch in complete_batches(part) for row in batch.to_pylist()]
    return [(row["name"], row["status"], row["outcome"], row["error"]) for row in found]


def test_both_requests_must_be_refused(late, monkeypatch):
    """
    The upload with 403, the completion with 410; the arrival is not READY, for that reason.
    """
    monkeypatch.setattr(Service, "complete", expired)
    late.play(expiring, "photo_shoot")

    ended = "/uploads/complete: 410 UPLOAD_URL_EXPIRED"
    assert [row[:3] for row in rows(late)] == [
        ("uploads", 201, "ok"),
        ("expired object", 403, "refused"),
        ("expired uploads/complete", 410, "refused"),
        ("ready", None, "failed"),
    ]
    assert rows(late)[-1][-1] == ended


def test_a_service_that_takes_an_upload_too_late_has_breached(late):
    """
    The stored file and the accepted batch are breaches: exit code 6.
    """
    late.play(
        lambda endpoint, answer: (
            replaced(answer, ("uploadUrlTtlSeconds",), 0.01) if endpoint == "/uploads" else answer
        ),
        "photo_shoot",
    )

    assert [row[:3] for row in rows(late)][1:3] == [
        ("expired object", 200, "breached"),
        ("expired uploads/complete", 202, "breached"),
    ]


def expired(*_):
    raise Refused(410, "UPLOAD_URL_EXPIRED")
