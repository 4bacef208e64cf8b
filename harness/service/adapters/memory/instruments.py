"""
Instruments that keep their values in memory.
"""

import threading
from collections import Counter

from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.instruments import Instruments


class InMemoryInstruments(Instruments):
    """
    Instruments for tests and notebooks.

    Attributes:
        entered: How often a batch entered each status.
        durations: Outcome, and time from RECEIVED to READY or FAILED [s], in the order of the calls.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.entered: Counter[BatchStatus] = Counter()
        self.durations: list[tuple[BatchStatus, float]] = []
        self.dead_letters = 0
        self.reprocess_requests = 0
        self.callback_failures = 0

    def batch_entered(self, status: BatchStatus) -> None:
        with self._lock:
            self.entered[status] += 1

    def processing_finished(self, duration: float, *, outcome: BatchStatus) -> None:
        with self._lock:
            self.durations.append((outcome, duration))

    def dead_letter(self) -> None:
        with self._lock:
            self.dead_letters += 1

    def reprocess_requested(self) -> None:
        with self._lock:
            self.reprocess_requests += 1

    def callback_failed(self) -> None:
        with self._lock:
            self.callback_failures += 1
