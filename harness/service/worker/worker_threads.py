"""
The worker's loops and the threads they run in.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from harness.service.app import Service
from harness.service.settings import Settings
from harness.service.worker.loop import Health, Loop, LoopInstruments

IDLE_DISPATCHER_PAUSE = 0.05
"""After a long poll that found nothing [s]; a queue that does not wait must not make us spin."""


def loops(service: Service, settings: Settings) -> list[Loop]:
    """Return the loops of the worker; ``TIME_SCALE`` divides their times."""
    instruments = LoopInstruments(service.registry)
    wait = settings.scaled(settings.dispatcher_wait_seconds)
    dispatchers = [
        Loop(
            f"dispatcher-{number}",
            partial(service.dispatch_jobs, wait=wait),
            IDLE_DISPATCHER_PAUSE,
            instruments,
            time_scale=settings.time_scale,
        )
        for number in range(1, settings.dispatcher_threads + 1)
    ]
    return [
        *dispatchers,
        Loop(
            "outbox",
            service.flush_outbox,
            settings.scaled(settings.outbox_interval_seconds),
            instruments,
            time_scale=settings.time_scale,
        ),
        Loop(
            "dead-letters",
            service.drain_dead_letters,
            settings.scaled(settings.dead_letter_interval_seconds),
            instruments,
            time_scale=settings.time_scale,
        ),
        Loop(
            "reconciler",
            service.reconcile_jobs,
            settings.scaled(settings.reconciler_interval_seconds),
            instruments,
            # What it repaired it would find repaired: no reason to look again at once.
            eager=False,
            patience=600,
            time_scale=settings.time_scale,
        ),
    ]


@dataclass(slots=True)
class WorkerThreads:
    """One thread for each loop."""

    loops: Sequence[Loop]
    stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for loop in self.loops:
            thread = threading.Thread(target=loop.run, args=(self.stopping,), name=loop.name)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let every loop finish what it has in hand, and wait for it."""
        self.stopping.set()
        for thread in self._threads:
            thread.join()

    def health(self) -> dict[str, Health]:
        return {loop.name: loop.health() for loop in self.loops}
