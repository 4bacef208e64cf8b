"""Instruments that keep their values in memory."""

import threading
from collections import Counter

from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.instruments import SIGNATURE, Instruments


class InMemoryInstruments(Instruments):
    """
    Instruments for tests and notebooks.

    *entered* counts how often a batch entered each status; *durations* has outcome and processing time [s];
    *unsigned* counts the callbacks without a valid signature, which are not in *counts*.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.entered: Counter[BatchStatus] = Counter()
        self.unsigned = 0
        self.durations: list[tuple[BatchStatus, float]] = []

    def count(self, metric: str, **labels: str) -> None:
        with self._lock:
            if labels.get("reason") == SIGNATURE:
                self.unsigned += 1
                return
            self.counts[metric] += 1
            if "status" in labels:
                self.entered[BatchStatus(labels["status"])] += 1

    def observe(self, metric: str, value: float, **labels: str) -> None:  # noqa: ARG002 -- there is only one
        with self._lock:
            self.durations.append((BatchStatus(labels["outcome"]), value))
