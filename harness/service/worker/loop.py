"""
A loop that keeps a promise: act, pause, act again, whatever happens in between.

Times in seconds.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter

from harness.service.core.errors import Unavailable

FIRST_BACK_OFF = 0.5
LONGEST_BACK_OFF = 30.0

log = logging.getLogger(__name__)


class Health(StrEnum):
    OK = "ok"
    FAILING = "failing"
    """The last attempt failed; the loop tries again."""
    STALLED = "stalled"
    """No attempt has ended for longer than one may take."""


class LoopInstruments:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "worker_loop_runs_total", "Attempts of a loop.", ("loop", "outcome"), registry=registry
        )


@dataclass(slots=True)
class Loop:
    """
    Attributes:
        act: Does what there is to do and returns how much that was.
        pause: Between two attempts that found nothing to do.
        eager: Whether to go on at once while there is something to do.
        patience: How long one attempt may take before the loop counts as stalled.
        time_scale: Divides the back-off.
    """

    name: str
    act: Callable[[], int]
    pause: float
    instruments: LoopInstruments
    eager: bool = True
    patience: float = 120
    time_scale: float = 1
    monotonic: Callable[[], float] = time.monotonic
    failures: int = 0
    ended_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.ended_at = self.monotonic()

    def run(self, stopping: threading.Event) -> None:
        """Go on until *stopping*; what is in hand is finished first."""
        while not stopping.is_set():
            stopping.wait(self.step())

    def step(self) -> float:
        """Act once and return how long to pause."""
        try:
            done = self.act()
        except Exception as error:  # noqa: BLE001 -- a loop that dies breaks its promise for ever; told below
            pause = self._failed(error)
        else:
            pause = self._succeeded(done)
        self.ended_at = self.monotonic()
        return pause

    def health(self) -> Health:
        if self.monotonic() - self.ended_at > self.patience + self.pause:
            return Health.STALLED
        return Health.FAILING if self.failures else Health.OK

    def _succeeded(self, done: int) -> float:
        self.instruments.runs.labels(self.name, "ok").inc()
        if self.failures:
            log.info("service.worker.recovered", extra={"loop": self.name, "failures": self.failures})
        self.failures = 0
        return 0 if done and self.eager else self.pause

    def _failed(self, error: Exception) -> float:
        self.failures += 1
        causes = _causes(error)
        about = {"loop": self.name, "error": str(causes[0])}
        if not all(isinstance(cause, Unavailable) for cause in causes):
            self.instruments.runs.labels(self.name, "defect").inc()
            log.error("service.worker.defect", extra=about, exc_info=error)
        else:
            self.instruments.runs.labels(self.name, "unavailable").inc()
            # Once for a streak: an hour without a database is one piece of news, not thousands.
            if self.failures == 1:
                log.error("service.worker.unavailable", extra=about)
        back_off = FIRST_BACK_OFF * 2.0 ** min(self.failures - 1, 16)
        return min(back_off, LONGEST_BACK_OFF) / self.time_scale


def _causes(error: Exception) -> list[Exception]:
    """What really happened: a group stands for what is in it."""
    if isinstance(error, ExceptionGroup):
        return [cause for each in error.exceptions for cause in _causes(each)]
    return [error]
