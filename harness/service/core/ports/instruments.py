"""
Port: what the service measures about itself. Never labelled by id.
"""

from abc import abstractmethod
from typing import Protocol

from harness.service.core.model.batch import BatchStatus


class Instruments(Protocol):
    @abstractmethod
    def batch_entered(self, status: BatchStatus) -> None:
        """Count a batch entering *status*: ``media_batches_created_total``, and failures apart."""

    @abstractmethod
    def processing_finished(self, duration: float, *, outcome: BatchStatus) -> None:
        """Record RECEIVED → READY or FAILED [s]: ``media_processing_duration_seconds``."""

    @abstractmethod
    def dead_letter(self) -> None:
        """Count a message that reached the dead-letter queue."""

    @abstractmethod
    def reprocess_requested(self) -> None:
        """Count a retry asked for by a person."""

    @abstractmethod
    def callback_failed(self) -> None:
        """Count a callback that could not be honoured."""
