"""The loops of the worker and the threads that run them."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from harness.service.app import Service
from harness.service.settings import Settings
from harness.service.worker.loop import Health, Loop, runs_counter

IDLE_DISPATCHER_PAUSE = 0.05
"""Pause after a long poll without a message [s], in case the queue does not wait."""


def worker_loops(service: Service, settings: Settings) -> list[Loop]:
    """Return the loops of the worker; ``TIME_SCALE`` divides their times."""
    runs = runs_counter(service.registry)

    def loop(name: str, action: Callable[[], int], pause: float) -> Loop:
        def iteration() -> int:
            with service.tracer.iteration(f"loop {name}"):
                return action()

        return Loop(name, iteration, pause, runs, time_scale=settings.time_scale)

    dispatch = partial(service.dispatch_jobs, wait=settings.scaled(settings.dispatcher_wait_seconds))
    dispatchers = [
        loop(f"dispatcher-{number}", dispatch, IDLE_DISPATCHER_PAUSE)
        for number in range(1, settings.dispatcher_threads + 1)
    ]
    outbox = loop("outbox", service.flush_outbox, settings.scaled(settings.outbox_interval_seconds))
    pause = settings.scaled(settings.dead_letter_interval_seconds)
    dead_letters = loop("dead-letters", service.drain_dead_letters, pause)
    pause = settings.scaled(settings.reconciler_interval_seconds)
    reconciler = loop("reconciler", service.reconcile_jobs, pause)
    # One pass repairs everything that it can repair now.
    reconciler.eager = False
    tagging = loop("tagging", service.tag_media_objects, settings.scaled(settings.tagging_interval_seconds))
    # The tags have effect after days: a limited number in each round leaves the bucket to the pipeline.
    tagging.eager = False
    return [*dispatchers, outbox, dead_letters, reconciler, tagging]


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
        """Wait until every loop has finished its current attempt."""
        self.stopping.set()
        for thread in self._threads:
            thread.join()

    def health(self) -> dict[str, Health]:
        """Return the health of each loop by name."""
        return {loop.name: loop.health() for loop in self.loops}
