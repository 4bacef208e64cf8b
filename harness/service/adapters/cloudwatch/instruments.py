"""
The metrics of the service in CloudWatch. Durations in seconds.

Every observation is sent as a raw value with its own time, so that CloudWatch can compute any percentile. An
observation with a dimension is sent twice: with the dimension, and without it for the total, because
CloudWatch does not aggregate custom metrics over their dimensions. A callback without a valid signature is
sent only with its dimension: the total, which alarms use, is that of the pipeline.

Callers do not wait and get no errors: a thread sends the collected data. If CloudWatch does not answer, the
thread keeps the data and sends it later.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import boto3
from botocore.exceptions import BotoCoreError

from harness.service.aws_clients import client_config, unavailable_errors
from harness.service.core.errors import Unavailable
from harness.service.core.ports.instruments import SIGNATURE, Instruments

if TYPE_CHECKING:
    from types_boto3_cloudwatch.literals import StandardUnitType
    from types_boto3_cloudwatch.type_defs import MetricDatumTypeDef

log = logging.getLogger(__name__)

NAMESPACE = "TOQ/MediaProcessing"
FLUSH_INTERVAL_S = 2.0
LARGEST_PUT = 500
"""Data points in one request; CloudWatch accepts 1000, and 1 MB."""
LONGEST_BACKLOG = 100_000
"""Data points kept while CloudWatch does not answer; the oldest ones above it are dropped and counted."""


class CloudWatchInstruments(Instruments):
    """
    The instruments, as a context manager or with `start` and `stop`; `stop` sends the remaining data.

    *inflight* returns ``media_processing_inflight_jobs``, sampled at every flush. Only one process of a
    service should send this metric.
    """

    def __init__(
        self,
        session: boto3.Session,
        *,
        namespace: str = NAMESPACE,
        inflight: Callable[[], int] | None = None,
        flush_interval: float = FLUSH_INTERVAL_S,
    ) -> None:
        self._client = session.client("cloudwatch", config=client_config(threads=1))
        self._namespace = namespace
        self._inflight = inflight
        self._flush_interval = flush_interval
        self._lock = threading.Lock()
        self._pending: deque[MetricDatumTypeDef] = deque()
        self._lost = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cloudwatch", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Send the remaining data and return; data that cannot be sent is dropped and logged."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def count(self, metric: str, **labels: str) -> None:
        self._add(metric, 1, "Count", labels)

    def observe(self, metric: str, value: float, **labels: str) -> None:
        self._add(metric, value, "Seconds", labels)

    def flush(self) -> None:
        """Send all collected data; if CloudWatch does not answer, the data is kept. Raises no error."""
        while data := self._take():
            try:
                self._put(data)
            except Unavailable as error:
                log.warning("service.metrics.not_sent", extra={"error": str(error)})
                with self._lock:
                    self._pending.extendleft(reversed(data))
                return
            except Exception:
                # Another attempt would be refused too, and would delay all later data.
                self._lost += len(data)
                log.exception("service.metrics.refused", extra={"data": len(data)})

    def _add(self, metric: str, value: float, unit: "StandardUnitType", labels: Mapping[str, str]) -> None:
        with self._lock:
            if labels.get("reason") != SIGNATURE:
                self._pending.append(_datum(metric, value, unit, {}))
            if labels:
                self._pending.append(_datum(metric, value, unit, labels))
            while len(self._pending) > LONGEST_BACKLOG:
                self._pending.popleft()
                self._lost += 1

    def _take(self) -> "list[MetricDatumTypeDef]":
        with self._lock:
            return [self._pending.popleft() for _ in range(min(LARGEST_PUT, len(self._pending)))]

    def _run(self) -> None:
        while not self._stopping.wait(self._flush_interval):
            self._sample_inflight()
            self.flush()
        self.flush()
        lost = self._lost + len(self._pending)
        if lost:
            log.error("service.metrics.lost", extra={"data": lost})

    def _sample_inflight(self) -> None:
        if self._inflight is None:
            return
        try:
            self._add("media_processing_inflight_jobs", self._inflight(), "Count", {})
        except Exception as error:  # noqa: BLE001 -- the thread must go on
            log.warning("service.metrics.not_sampled", extra={"error": str(error)})

    def _put(self, data: "list[MetricDatumTypeDef]") -> None:
        try:
            with unavailable_errors("CloudWatch"):
                self._client.put_metric_data(Namespace=self._namespace, MetricData=data)
        except BotoCoreError as error:
            raise Unavailable(f"CloudWatch does not answer: {error}") from error


def _datum(
    metric: str, value: float, unit: "StandardUnitType", labels: Mapping[str, str]
) -> "MetricDatumTypeDef":
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": text} for name, text in labels.items()],
        "Timestamp": datetime.now(UTC),
        "Value": value,
        "Unit": unit,
    }
