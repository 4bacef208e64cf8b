"""Instruments that pass every observation to several others, e.g. to Prometheus and CloudWatch."""

from dataclasses import dataclass

from harness.service.core.ports.instruments import Instruments


@dataclass(frozen=True, slots=True)
class FanOutInstruments(Instruments):
    parts: tuple[Instruments, ...]

    def count(self, metric: str, **labels: str) -> None:
        for part in self.parts:
            part.count(metric, **labels)

    def observe(self, metric: str, value: float, **labels: str) -> None:
        for part in self.parts:
            part.observe(metric, value, **labels)
