"""
Instruments that pass every observation to several others, e.g. to Prometheus and CloudWatch.
"""

from dataclasses import dataclass

from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.instruments import Instruments


@dataclass(frozen=True, slots=True)
class FanOutInstruments(Instruments):
    parts: tuple[Instruments, ...]

    def batch_entered(self, status: BatchStatus) -> None:
        for part in self.parts:
            part.batch_entered(status)

    def processing_finished(self, duration: float, *, outcome: BatchStatus) -> None:
        for part in self.parts:
            part.processing_finished(duration, outcome=outcome)

    def dead_letter(self) -> None:
        for part in self.parts:
            part.dead_letter()

    def reprocess_requested(self) -> None:
        for part in self.parts:
            part.reprocess_requested()

    def callback_failed(self) -> None:
        for part in self.parts:
            part.callback_failed()
