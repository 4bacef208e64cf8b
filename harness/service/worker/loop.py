"""A loop of the worker: it repeats an action with pauses, also after errors. Times in seconds."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter

from harness.service.core.errors import Unavailable
from harness.service.core.use_cases.error_handling import each_item_reported

FIRST_BACK_OFF = 0.5
LONGEST_BACK_OFF = 30.0

log = logging.getLogger(__name__)


class Health(StrEnum):
    OK = "ok"
    FAILING = "failing"
    """The last attempt failed; the loop will try again."""
    STALLED = "stalled"
    """The current item of an attempt takes longer than the time-out."""


def runs_counter(registry: CollectorRegistry) -> Counter:
    """Return the counter that all loops of a process share."""
    return Counter("worker_loop_runs_total", "Attempts of a loop.", ("loop", "outcome"), registry=registry)


@dataclass(slots=True)
class Loop:
    """
    One loop.

    Attributes:
        action: Processes the available items and returns their number.
        pause: Time between two attempts.
        eager: Whether to skip the pause after an attempt that processed items.
        item_timeout: How long one item of an attempt may take before the loop counts as stalled.
        time_scale: Divides the back-off.
        failures: Number of failed attempts since the last success.
    """

    name: str
    action: Callable[[], int]
    pause: float
    runs: Counter
    eager: bool = True
    item_timeout: float = 120
    time_scale: float = 1
    monotonic: Callable[[], float] = time.monotonic
    failures: int = 0
    progressed_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._progress()

    def run(self, stopping: threading.Event) -> None:
        """Repeat the action until *stopping* is set; the current attempt is finished first."""
        while not stopping.is_set():
            stopping.wait(self.step())

    def step(self) -> float:
        """Make one attempt and return the pause before the next one."""
        try:
            with each_item_reported(self._progress):
                done = self.action()
        except Exception as error:  # noqa: BLE001 -- the loop must continue; the error is logged
            pause = self._failed(error)
        else:
            pause = self._succeeded(done)
        self._progress()
        return pause

    def health(self) -> Health:
        """Return whether the loop works, fails, or is stalled."""
        if self.monotonic() - self.progressed_at > self.item_timeout + self.pause:
            return Health.STALLED
        return Health.FAILING if self.failures else Health.OK

    def _progress(self) -> None:
        self.progressed_at = self.monotonic()

    def _succeeded(self, done: int) -> float:
        self.runs.labels(self.name, "ok").inc()
        if self.failures:
            log.info("service.worker.recovered", extra={"loop": self.name, "failures": self.failures})
        self.failures = 0
        return 0 if done and self.eager else self.pause

    def _failed(self, error: Exception) -> float:
        self.failures += 1
        causes = _causes(error)
        fields: dict[str, object] = {"loop": self.name, "error": str(causes[0])}
        if not all(isinstance(cause, Unavailable) for cause in causes):
            self.runs.labels(self.name, "defect").inc()
            log.error("service.worker.defect", extra=fields, exc_info=error)
        else:
            self.runs.labels(self.name, "unavailable").inc()
            # Only the first failure: an outage of an hour should not be logged thousands of times.
            if self.failures == 1:
                log.error("service.worker.unavailable", extra=fields)
        back_off = FIRST_BACK_OFF * 2.0 ** min(self.failures - 1, 16)
        return min(back_off, LONGEST_BACK_OFF) / self.time_scale


def _causes(error: Exception) -> list[Exception]:
    """Return the errors of a group, or the error itself."""
    if isinstance(error, ExceptionGroup):
        return [cause for each in error.exceptions for cause in _causes(each)]
    return [error]
