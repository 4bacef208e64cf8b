"""Instruments that keep their values in memory."""

import threading
from collections import Counter

from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.instruments import Instruments


class InMemoryInstruments(Instruments):
    """
    Instruments for tests and notebooks.

    *entered* counts how often a batch entered each status; *durations* has outcome and processing time [s].
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.entered: Counter[BatchStatus] = Counter()
        self.durations: list[tuple[BatchStatus, float]] = []

    def count(self, metric: str, **labels: str) -> None:
        with self._lock:
            self.counts[metric] += 1
            if "status" in labels:
                self.entered[BatchStatus(labels["status"])] += 1

    def observe(self, metric: str, value: float, **labels: str) -> None:  # noqa: ARG002 -- there is only one
        with self._lock:
            self.durations.append((BatchStatus(labels["outcome"]), value))
