"""Metrics of the HTTP requests. Durations in seconds."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class HttpInstruments:
    """The HTTP metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "http_requests_total", "HTTP requests served.", ["method", "route", "status"], registry=registry
        )
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its response.",
            ["method", "route"],
            buckets=HTTP_BUCKETS,
            registry=registry,
        )
        self.in_progress = Gauge("http_requests_in_progress", "HTTP requests in progress.", registry=registry)

    def served(self, method: str, route: str, status: int, duration: float) -> None:
        """Count a request; *route* is the path template of the route, not the path of the request."""
        self._requests.labels(method, route, str(status)).inc()
        self._duration.labels(method, route).observe(duration)
