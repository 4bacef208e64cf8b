"""Metrics of the calls to AWS. Durations in seconds."""

from prometheus_client import CollectorRegistry, Counter, Histogram

AWS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
"""Up to the long poll of a queue and its time-out."""


class AwsInstruments:
    """The AWS metrics; pass `call` to the adapters as their callback."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "aws_calls_total",
            "Operations of the adapters of S3, SQS and Step Functions.",
            ["service", "operation", "outcome"],
            registry=registry,
        )
        self._duration = Histogram(
            "aws_call_duration_seconds",
            "Time from the first request of an operation to its last response.",
            ["service", "operation"],
            buckets=AWS_BUCKETS,
            registry=registry,
        )

    def call(self, service: str, operation: str, duration: float, *, failed: bool) -> None:
        self._calls.labels(service, operation, "error" if failed else "ok").inc()
        self._duration.labels(service, operation).observe(duration)
