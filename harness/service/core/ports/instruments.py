"""
Port: the metrics of the service. No label is an id.
"""

from abc import abstractmethod
from typing import Protocol

from harness.service.core.model.batch import BatchStatus


class Instruments(Protocol):
    @abstractmethod
    def batch_entered(self, status: BatchStatus) -> None:
        """
        Count a batch that enters *status*: ``media_batches_created_total`` and
        ``media_batches_failed_total``.
        """

    @abstractmethod
    def processing_finished(self, duration: float, *, outcome: BatchStatus) -> None:
        """Record the time from RECEIVED to READY or FAILED [s]: ``media_processing_duration_seconds``."""

    @abstractmethod
    def dead_letter(self) -> None:
        """Count a message that reached the dead-letter queue."""

    @abstractmethod
    def reprocess_requested(self) -> None:
        """Count a retry that a user requested."""

    @abstractmethod
    def callback_failed(self) -> None:
        """Count a callback that was refused or failed."""
