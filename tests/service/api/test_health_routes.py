"""
What machines ask about the process.
"""

import pytest


class TestHealth:
    def test_a_process_that_answers_is_alive(self, world):
        """
        Also when everything it leans on is down: restarting would not help.
        """
        world.media.available = False

        assert world.client.get("/healthz").status_code == 200


class TestReadiness:
    def test_ready_when_everything_answers(self, world):
        """
        The database and the three services of AWS are asked.
        """
        response = world.client.get("/readyz")

        assert response.status_code == 200
        assert set(response.json()["checks"]) == {"database", "storage", "queue", "workflow"}

    @pytest.mark.parametrize(
        ("twin", "name"),
        [("media", "database"), ("storage", "storage"), ("queue", "queue"), ("workflow", "workflow")],
    )
    def test_what_is_down_is_named(self, world, twin, name):
        """
        Whoever reads the answer knows where to look.
        """
        getattr(world, twin).available = False

        response = world.client.get("/readyz")

        assert response.status_code == 503
        assert list(response.json()["details"]["down"]) == [name]
        assert response.json()["details"]["reason"] == "UNAVAILABLE"


class TestMetrics:
    def test_the_exposition_is_prometheus_text(self, world):
        """
        In the content type Prometheus expects.
        """
        response = world.client.get("/metrics")

        assert response.headers["content-type"].startswith("text/plain; version=")
        assert "http_requests_in_progress 1.0" in response.text
