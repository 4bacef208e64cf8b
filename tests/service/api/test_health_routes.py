"""
The health and metrics endpoints.
"""

import pytest


class TestHealth:
    def test_a_process_that_answers_is_alive(self, env):
        """
        Also if the database and AWS are down: a restart would not help.
        """
        env.media.available = False

        assert env.client.get("/healthz").status_code == 200


class TestReadiness:
    def test_ready_when_everything_answers(self, env):
        """
        The database and three AWS services are checked.
        """
        response = env.client.get("/readyz")

        assert response.status_code == 200
        assert set(response.json()["checks"]) == {"database", "storage", "queue", "workflow"}

    @pytest.mark.parametrize(
        ("adapter", "name"),
        [("media", "database"), ("storage", "storage"), ("queue", "queue"), ("workflow", "workflow")],
    )
    def test_failed_checks_are_named(self, env, adapter, name):
        """
        The response lists the failed checks.
        """
        getattr(env, adapter).available = False

        response = env.client.get("/readyz")

        assert response.status_code == 503
        assert list(response.json()["details"]["down"]) == [name]
        assert response.json()["details"]["reason"] == "UNAVAILABLE"


class TestMetrics:
    def test_the_exposition_is_prometheus_text(self, env):
        """
        With the content type of Prometheus.
        """
        response = env.client.get("/metrics")

        assert response.headers["content-type"].startswith("text/plain; version=")
        assert "http_requests_in_progress 1.0" in response.text
