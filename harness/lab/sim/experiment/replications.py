"""Replications of one system: each with its own random numbers, several in parallel processes."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.engine_choice import EngineName, compiled_model
from harness.lab.sim.experiment.quantiles import Floats
from harness.lab.sim.model.pipeline_model import PipelineModel
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload.scenario import Scenario
from harness.states_language.host import NS
from harness.states_language.machine import StateMachine

R = TypeVar("R")

OK, CENSORED = 0, 4
"""Outcomes in the times to READY of a compiled model."""


@dataclass(frozen=True, slots=True)
class Replication:
    """
    The batches of one replication, in the order of their arrivals.

    Attributes:
        arrived_at: When each batch was due [s].
        ready: Time from then to READY [s]; of failed and unfinished batches the time until their end.
        is_ready: Whether the batch became READY.
        is_open: Whether the batch had not ended when the run did, so that it may still become READY.
    """

    number: int
    arrived_at: Floats
    ready: Floats
    is_ready: NDArray[np.bool_]
    is_open: NDArray[np.bool_]


def replicate(
    scenario: Scenario,
    platform: Platform,
    machine: StateMachine | None,
    number: int,
    engine: EngineName = "auto",
) -> Replication:
    """
    Run one replication, and return its batches.

    Raises:
        NotLowerable: The engine is ``compiled``, and cannot play it.
    """
    try:
        model = compiled_model(engine, scenario, platform, machine, number)
        model.run()
    except NotLowerable:
        if engine == "compiled":
            raise
        return _replicate_with_simpy(scenario, platform, machine, number)
    rows = model.ready_rows
    rows = rows[np.argsort(rows["arrival"], kind="stable")]
    is_ready, is_open = rows["outcome"] == OK, rows["outcome"] == CENSORED
    return Replication(number, rows["due"] / NS, (rows["ended"] - rows["due"]) / NS, is_ready, is_open)


def _replicate_with_simpy(
    scenario: Scenario, platform: Platform, machine: StateMachine | None, number: int
) -> Replication:
    recorder = RowRecorder()
    PipelineModel(scenario, platform, recorder, machine=machine, replication=number).run()
    rows = [row for row in recorder.rows("requests") if row.type == "E2E" and row.name == "ready"]
    rows.sort(key=lambda row: row.arrival)
    due = np.array([row.intended_at for row in rows], dtype=np.int64)
    ended = np.array([row.finished_at for row in rows], dtype=np.int64)
    is_ready, is_open = (
        np.array([row.outcome == outcome for row in rows], dtype=np.bool_) for outcome in ("ok", "censored")
    )
    return Replication(number, due / NS, (ended - due) / NS, is_ready, is_open)


@contextmanager
def parallel_map(processes: int | None, replications: int) -> Iterator[Callable[..., Any]]:
    """Provide a function like `map`, which works in this process or in several ones."""
    count = min(processes or os.cpu_count() or 1, replications)
    if count == 1:
        yield map
        return
    executor = ProcessPoolExecutor(count, mp_context=get_context("spawn"))
    try:
        yield partial(without_interrupts, executor.map)
    except BaseException:
        # Their results are not needed any more. Python 3.14 has a method for it.
        for worker in list(executor._processes.values()):
            worker.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def without_interrupts(start: Callable[..., R], *arguments: Any) -> R:
    """Start worker processes that ignore Ctrl-C; one that arrives meanwhile is handled afterwards."""
    # The workers inherit the mask, so it holds from their first instruction on. It does not bind the other
    # threads of this process: one of them may receive the signal, so the handler waits, too.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    is_main = threading.current_thread() is threading.main_thread()
    received: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: received.append(number)) if is_main else None
    try:
        return start(*arguments)
    finally:
        if is_main:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if received:
            signal.raise_signal(signal.SIGINT)
