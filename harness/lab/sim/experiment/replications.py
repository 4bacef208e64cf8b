"""
Replications of one system: each with random numbers of its own, several played side by side.
"""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.lab.sim.model.pipeline_model import PipelineModel
from harness.lab.sim.model.recording import MemoryRecorder
from harness.lab.sim.platform.platform import Platform
from harness.lab.workload.scenario import Scenario
from harness.states_language.host_clock import NS

if TYPE_CHECKING:
    from harness.states_language.machine import StateMachine

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Replication:
    """
    What one replication says about its batches, by arrival.

    Attributes:
        arrived_at: When each batch was due [s].
        ready: From then to READY [s]; of failed and unfinished ones what they had waited.
        is_ready: Whether it became READY.
        is_open: Whether it had not ended when the run did: it may become READY yet.
    """

    number: int
    arrived_at: Floats
    ready: Floats
    is_ready: NDArray[np.bool_]
    is_open: NDArray[np.bool_]


def replicate(
    scenario: Scenario, platform: Platform, machine: "StateMachine | None", number: int
) -> Replication:
    """Play one replication and keep what it says about its batches."""
    recorder = MemoryRecorder()
    PipelineModel(scenario, platform, recorder, machine=machine, replication=number).play()
    rows = [row for row in recorder.rows("requests") if row[2] == "E2E" and row[3] == "ready"]
    # In the order of arrival, whatever the order of ending.
    rows.sort(key=lambda row: row[1])
    due = np.array([row[6] for row in rows], dtype=np.int64)
    ended = np.array([row[8] for row in rows], dtype=np.int64)
    is_ready, is_open = (
        np.array([row[5] == outcome for row in rows], dtype=np.bool_) for outcome in ("ok", "censored")
    )
    return Replication(number, due / NS, (ended - due) / NS, is_ready, is_open)


class side_by_side:  # noqa: N801 - used as a context, like a function
    """Gives a function that plays replications: in this process, or in several."""

    def __init__(self, processes: int | None, replications: int) -> None:
        self._processes = min(processes or os.cpu_count() or 1, replications)
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Callable[..., Any]:
        if self._processes == 1:
            return map
        self._executor = ProcessPoolExecutor(self._processes, mp_context=get_context("spawn"))
        return partial(_undisturbed, self._executor.map)

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self._executor is None:
            return
        if failure is not None:
            # Nobody waits for what they are at. Python 3.14 has a method for it.
            for worker in list(self._executor._processes.values()):
                worker.terminate()
        self._executor.shutdown(cancel_futures=True)


def _undisturbed(start: Callable[..., Iterator[Replication]], *what: Any) -> Iterator[Replication]:
    """Start what starts workers so that they never hear of a Ctrl-C, which is ours to answer."""
    # Inherited by a process from its first instruction; to ignore a signal by itself it must have begun.
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return start(*what)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)
