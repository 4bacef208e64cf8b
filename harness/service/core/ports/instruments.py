"""Port: the metrics of the service. No label is an id."""

from abc import abstractmethod
from typing import Protocol

from harness.service.core.model.batch import BatchStatus

BATCHES_CREATED = "media_batches_created_total"
BATCHES_FAILED = "media_batches_failed_total"
PROCESSING_DURATION = "media_processing_duration_seconds"
DEAD_LETTERS = "media_processing_dlq_messages_total"
REPROCESS_REQUESTS = "media_reprocess_requests_total"
CALLBACK_ERRORS = "media_processing_callback_errors_total"
SIGNATURE = "signature"
"""The ``reason`` of callback errors that anybody can cause; an alarm on the metric ignores them."""


class Instruments(Protocol):
    @abstractmethod
    def count(self, metric: str, **labels: str) -> None:
        """Add one to a counter."""

    @abstractmethod
    def observe(self, metric: str, value: float, **labels: str) -> None:
        """Record a duration [s]."""

    def batch_entered(self, status: BatchStatus) -> None:
        """Count a batch that enters *status*; a failed batch is also counted separately."""
        self.count(BATCHES_CREATED, status=status.value)
        if status is BatchStatus.FAILED:
            self.count(BATCHES_FAILED)

    def processing_finished(self, duration: float, *, outcome: BatchStatus) -> None:
        """Record the time from RECEIVED to READY or FAILED [s]."""
        self.observe(PROCESSING_DURATION, duration, outcome=outcome.value)

    def dead_letter(self) -> None:
        """Count a message that reached the dead-letter queue."""
        self.count(DEAD_LETTERS)

    def reprocess_requested(self) -> None:
        """Count a retry that a user requested."""
        self.count(REPROCESS_REQUESTS)

    def callback_failed(self) -> None:
        """Count a callback with a valid signature that was refused or failed."""
        self.count(CALLBACK_ERRORS)

    def callback_unsigned(self) -> None:
        """Count a request without a valid signature, apart from the callbacks of the pipeline."""
        self.count(CALLBACK_ERRORS, reason=SIGNATURE)
