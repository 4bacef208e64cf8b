"""
The HTTP server of the worker.
"""

import threading

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from harness.service.worker.loop import Health
from harness.service.worker.probe_server import probe_server


@pytest.fixture
def health():
    return {"outbox": Health.OK, "reconciler": Health.FAILING}


@pytest.fixture
def probes_url(health):
    registry = CollectorRegistry()
    Counter("media_batches_failed_total", "Batches that ended FAILED.", registry=registry)
    with probe_server("127.0.0.1", 0, registry, lambda: health) as url:
        yield url


class TestProbes:
    def test_metrics_are_served(self, probes_url):
        """
        In the text format of Prometheus.
        """
        response = httpx.get(f"{probes_url}/metrics")

        assert response.headers["content-type"].startswith("text/plain; version=")
        assert "media_batches_failed_total 0.0" in response.text

    def test_health_names_every_loop(self, probes_url):
        """
        A loop that fails and tries again is alive.
        """
        response = httpx.get(f"{probes_url}/healthz")

        assert response.status_code == 200
        assert response.json() == {"status": "alive", "loops": {"outbox": "ok", "reconciler": "failing"}}

    def test_a_stalled_loop_is_503(self, probes_url, health):
        """
        The process should be restarted.
        """
        health["outbox"] = Health.STALLED

        response = httpx.get(f"{probes_url}/healthz")

        assert response.status_code == 503
        assert response.json()["status"] == "stalled"

    def test_anything_else_is_404_in_the_error_body(self, probes_url):
        """
        The body is the common error body.
        """
        response = httpx.get(f"{probes_url}/nothing")

        assert response.status_code == 404
        assert response.json()["code"] == 404

    def test_the_server_ends_with_its_block(self):
        """
        Afterwards its thread has ended and its port is closed.
        """
        with probe_server("127.0.0.1", 0, CollectorRegistry(), dict) as url:
            assert httpx.get(f"{url}/healthz").status_code == 200

        assert "probes" not in {thread.name for thread in threading.enumerate()}
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
