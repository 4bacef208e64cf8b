"""
The service's metrics, put to CloudWatch. Durations in seconds.

Every observation goes out as a raw value with the time it was made, so that any percentile can be
taken of them. It goes out twice where it has a dimension: with it (to tell statuses apart) and
without (for whoever wants the sum: CloudWatch does not add up over dimensions of custom metrics).

Callers never wait and never fail: a thread of its own sends what was gathered, and keeps it for the
next time when CloudWatch does not answer.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.instruments import Instruments

if TYPE_CHECKING:
    from types_boto3_cloudwatch.literals import StandardUnitType
    from types_boto3_cloudwatch.type_defs import MetricDatumTypeDef

log = logging.getLogger(__name__)

NAMESPACE = "TOQ/MediaProcessing"
FLUSH_INTERVAL_S = 2.0
LARGEST_PUT = 500
"""Data in one request; CloudWatch takes 1000, and 1 MB."""
WAITING_JOBS_MAX = 100_000
"""Data kept while CloudWatch does not answer; beyond it the oldest are given up, and said to be."""


@dataclass(frozen=True, slots=True)
class Datum:
    """One observation."""

    name: str
    value: float
    unit: "StandardUnitType" = "Count"
    dimensions: tuple[tuple[str, str], ...] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_request(self) -> "MetricDatumTypeDef":
        return {
            "MetricName": self.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
            "Timestamp": self.at,
            "Value": self.value,
            "Unit": self.unit,
        }


class CloudWatchInstruments(Instruments):
    """
    Use it as a context manager, or call `start` and `stop`; `stop` sends what is left.

    Args:
        session: Region and credentials; endpoints come from ``AWS_ENDPOINT_URL_CLOUDWATCH`` or
            ``AWS_ENDPOINT_URL``.
        inflight: Asked at every flush for ``media_processing_inflight_jobs``. One process of a service
            should send it, not each.
    """

    def __init__(
        self,
        session: boto3.Session,
        *,
        namespace: str = NAMESPACE,
        inflight: Callable[[], int] | None = None,
        flush_interval: float = FLUSH_INTERVAL_S,
    ) -> None:
        self._client = session.client(
            "cloudwatch",
            config=Config(
                connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2}
            ),
        )
        self._namespace = namespace
        self._inflight = inflight
        self._flush_interval = flush_interval
        self._lock = threading.Lock()
        self._gathered: deque[Datum] = deque()
        self._lost = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cloudwatch", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Send what is left and return; what cannot be sent now is lost, and said to be."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def batch_entered(self, status: BatchStatus) -> None:
        self._gather(
            Datum("media_batches_created_total", 1),
            Datum("media_batches_created_total", 1, dimensions=(("status", status.value),)),
        )
        if status is BatchStatus.FAILED:
            self._gather(Datum("media_batches_failed_total", 1))

    def processing_finished(self, duration: float, *, outcome: BatchStatus) -> None:
        name = "media_processing_duration_seconds"
        self._gather(
            Datum(name, duration, "Seconds"),
            Datum(name, duration, "Seconds", dimensions=(("outcome", outcome.value),)),
        )

    def dead_letter(self) -> None:
        self._gather(Datum("media_processing_dlq_messages_total", 1))

    def reprocess_requested(self) -> None:
        self._gather(Datum("media_reprocess_requests_total", 1))

    def callback_failed(self) -> None:
        self._gather(Datum("media_processing_callback_errors_total", 1))

    def flush(self) -> None:
        """Send everything gathered; it stays gathered if CloudWatch does not answer."""
        while batch := self._take():
            try:
                self._put(batch)
            except Unavailable as error:
                log.warning("service.metrics.not_sent", extra={"error": str(error)})
                with self._lock:
                    self._gathered.extendleft(reversed(batch))
                return

    def _gather(self, *data: Datum) -> None:
        with self._lock:
            self._gathered.extend(data)
            while len(self._gathered) > WAITING_JOBS_MAX:
                self._gathered.popleft()
                self._lost += 1

    def _take(self) -> list[Datum]:
        with self._lock:
            return [self._gathered.popleft() for _ in range(min(LARGEST_PUT, len(self._gathered)))]

    def _run(self) -> None:
        while not self._stopping.wait(self._flush_interval):
            self._sample_inflight()
            self.flush()
        self.flush()
        lost = self._lost + len(self._gathered)
        if lost:
            log.error("service.metrics.lost", extra={"data": lost})

    def _sample_inflight(self) -> None:
        if self._inflight is None:
            return
        try:
            self._gather(Datum("media_processing_inflight_jobs", self._inflight()))
        except Unavailable as error:
            log.warning("service.metrics.not_sampled", extra={"error": str(error)})

    def _put(self, batch: list[Datum]) -> None:
        data = [datum.as_request() for datum in batch]
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=data)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status >= 500 or "Throttling" in error.response["Error"]["Code"]:
                raise Unavailable(f"CloudWatch is in trouble: {error}") from error
            # Refused for good: sending it again would hold up everything behind it.
            self._lost += len(batch)
            log.exception("service.metrics.refused", extra={"data": len(batch)})
        except BotoCoreError as error:
            raise Unavailable(f"CloudWatch does not answer: {error}") from error
