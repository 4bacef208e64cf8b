"""
When arrivals happen: the schedule, a pure function of a scenario, its seed and the replication.

Times in seconds of model time since the run began. How many workers play the schedule changes
nothing: arrival *i* has its time and its batch whoever plays it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.lab.workload.draws import Stream
from harness.lab.workload.mix import Mix
from harness.lab.workload.rate import Rate
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadBatch

DRAWN_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Arrival:
    """One arrival: its number, when it is due [model s] and what it brings."""

    index: int
    at: float
    batch: UploadBatch


@dataclass(frozen=True)
class Schedule:
    """
    All arrivals of a run in order.

    Attributes:
        at: When each is due, shape (arrivals,), never falling [model s].
    """

    scenario: Scenario
    replication: int
    at: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, index: int) -> Arrival:
        at = float(self.at[index])
        return Arrival(index, at, self.mix.batch(index, at))

    def __iter__(self) -> Iterator[Arrival]:
        return (self[index] for index in range(len(self)))

    def share(self, worker: int, workers: int) -> Iterator[Arrival]:
        """Return the arrivals one of several workers plays: every *workers*-th."""
        return (self[index] for index in range(worker, len(self), workers))

    @cached_property
    def mix(self) -> Mix:
        return Mix(self.scenario, self.replication)

    @cached_property
    def flows(self) -> list[str]:
        """The name of each arrival's flow."""
        return self.mix.flows(len(self))

    def write_csv(self, path: Path) -> None:
        """Write arrivals and their batches as CSV; same scenario and seed, same bytes."""
        lines = ["arrival,at_s,flow,photos,videos,documents,bytes"]
        for arrival in self:
            batch = arrival.batch
            counts = f"{len(batch.photos)},{len(batch.videos)},{len(batch.project_files)}"
            lines.append(f"{arrival.index},{arrival.at!r},{batch.flow},{counts},{batch.bytes}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def schedule(scenario: Scenario, replication: int = 0) -> Schedule:
    """
    Return the arrivals of an open scenario.

    Raises:
        ValueError: The scenario is closed: its users decide when they start again.
    """
    if scenario.users:
        raise ValueError("a closed scenario (users) has no schedule of arrivals")
    times: list[float] = []
    for index, source in enumerate(scenario.arrivals):
        rate = source.rate(scenario.duration_s)
        if source.process == "paced":
            times += _paced(rate)
        else:
            times += _poisson(rate, Stream(scenario.seed, replication, f"arrivals/{index}"))
    return Schedule(scenario, replication, np.array(sorted(times), dtype=np.float64))


def _paced(rate: Rate) -> Iterator[float]:
    """Yield arrivals as evenly as the rate allows: one whenever it adds up to a whole and a half."""
    mass = 0.5
    while mass <= rate.total:
        yield rate.invert(mass)
        mass += 1


def _poisson(rate: Rate, stream: Stream) -> Iterator[float]:
    """Yield a Poisson process: one of unit rate through the inverse of the cumulative rate."""
    mass = 0.0
    for first in count(0, DRAWN_AT_ONCE):
        for draw in stream.many(np.arange(first, first + DRAWN_AT_ONCE)).tolist():
            mass -= math.log(draw)
            if mass > rate.total:
                return
            yield rate.invert(mass)
