"""
The arrivals of a run: a pure function of a scenario, its seed and the replication.

Times in seconds of model time since the run began. The schedule does not depend on the number of workers:
arrival *i* has the same time and the same batch on every worker.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import numpy as np
from numpy.typing import NDArray

from harness.lab.workload.arrivals.arrival_rate import ArrivalRate, Floats
from harness.lab.workload.draws import Stream
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadBatch

DRAWS_PER_BLOCK = 1024

CLOSED_ARRIVALS_PER_USER_S = 1.0
"""Arrivals that are planned for each user of a closed scenario [1/s of clock]."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One arrival: its number, the time when it is due [model s] and its batch."""

    index: int
    at: float
    batch: UploadBatch


@dataclass(frozen=True)
class Schedule:
    """All arrivals of a run; *at* is when each is due, in order, shape (arrivals,) [model s]."""

    scenario: Scenario
    replication: int
    at: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, index: int) -> Arrival:
        at = float(self.at[index])
        return Arrival(index, at, self.mix.batch(index, at))

    def __iter__(self) -> Iterator[Arrival]:
        return self.share(0, 1)

    def share(self, worker: int, workers: int) -> Iterator[Arrival]:
        """Return the arrivals of one of several workers: every *workers*-th arrival."""
        return (self[index] for index in range(worker, len(self), workers))

    @cached_property
    def mix(self) -> Mix:
        return Mix(self.scenario, self.replication)

    @cached_property
    def flows(self) -> list[str]:
        """The name of the flow of each arrival."""
        return self.mix.flows(len(self))


UnitProcess = Callable[[Stream, float], Floats]
"""Draws the points of a Poisson process of rate 1, up to a point."""


def unit_process(stream: Stream, until: float) -> Floats:
    """Return the points of a Poisson process of rate 1, up to a point."""
    blocks: list[Floats] = []
    point = 0.0
    for first in count(0, DRAWS_PER_BLOCK):
        draws = stream.many(np.arange(first, first + DRAWS_PER_BLOCK)).tolist()
        # Logarithms one by one: NumPy's may differ from Python's in the last bit.
        points = np.cumsum([point, *np.negative([*map(math.log, draws)])])[1:]
        blocks.append(points[points <= until])
        point = float(points[-1])
        if point > until:
            return np.concatenate(blocks)
    raise AssertionError("the numbers of arrivals have no end")


def schedule(
    scenario: Scenario, replication: int = 0, *, unit_process: UnitProcess = unit_process
) -> Schedule:
    """
    Return the arrivals of an open scenario.

    Args:
        unit_process: Draws the process from which Poisson arrivals are mapped, with the same bits.

    Raises:
        ValueError: The scenario is closed: its users decide when they start again.
    """
    if scenario.users:
        raise ValueError("a closed scenario (users) has no schedule of arrivals")
    times: list[Floats] = []
    for index, source in enumerate(scenario.arrivals):
        rate = source.rate(scenario.duration_s)
        if source.process == "recorded":
            known = np.array(source.times_s, dtype=np.float64)
            times.append(known[known < scenario.duration_s])
        elif source.process == "paced":
            times.append(_paced(rate))
        else:
            stream = Stream(scenario.seed, replication, f"arrivals/{index}")
            # A process of unit rate, mapped through the inverse of the cumulative rate.
            times.append(rate.invert_all(unit_process(stream, rate.total)))
    return Schedule(scenario, replication, np.sort(np.concatenate([np.empty(0), *times])))


def live_schedule(scenario: Scenario) -> Schedule:
    """Return the arrivals of a live run; a closed scenario has all of them at 0, for its users to take."""
    if not scenario.users:
        return schedule(scenario)
    clock_seconds = scenario.duration_s / scenario.time_scale
    arrivals = math.ceil(scenario.users * max(1.0, clock_seconds * CLOSED_ARRIVALS_PER_USER_S))
    return Schedule(scenario, 0, np.zeros(arrivals))


def _paced(rate: ArrivalRate) -> Floats:
    """Return evenly spaced arrivals: one where the expected number of arrivals is 0.5, 1.5, 2.5, …."""
    masses = np.arange(math.ceil(rate.total), dtype=np.float64) + 0.5
    return rate.invert_all(masses[masses <= rate.total])
