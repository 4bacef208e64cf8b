"""
Replications at points of the parameters: computed in chunks, once each, kept in memory and in a folder.

Replication *i* has the same random numbers at every point, because its draws are keyed by the seed, *i* and
what is drawn. So results do not depend on the worker, the chunk or the order in which they are computed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from harness.lab.sim.engine_choice import EngineName
from harness.lab.sim.experiment.replications import replicate
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.sim.sweep.executors import Executor
from harness.lab.sim.sweep.parameters import Point, VariableSystem, text_of
from harness.lab.sim.sweep.replication_summary import ReplicationSummary, summarise
from harness.lab.sim.sweep.sweep_journal import SweepJournal
from harness.lab.workload.scenario import Scenario
from harness.states_language.machine import StateMachine

CHUNK_S = 0.1
"""Least work of a chunk [clock s]: a task of Dask takes some milliseconds in addition."""

PILOT_REPLICATIONS = 2
"""Replications of a chunk of the pilot; the first one of a process is slower than the others."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Replications of one point, for one worker."""

    point: Point
    scenario: Scenario
    platform: Platform
    machine: StateMachine | None
    numbers: Sequence[int]
    warm_up: float
    percents: tuple[float, ...]
    engine: EngineName = "auto"


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The summaries of a chunk, and the shortest time that one of its replications took [clock s]."""

    point: Point
    summaries: tuple[ReplicationSummary, ...]
    shortest: float


def run_chunk(chunk: Chunk) -> ChunkResult:
    """Run the replications of a chunk."""
    summaries, shortest = [], math.inf
    for number in chunk.numbers:
        began = perf_counter()
        replication = replicate(chunk.scenario, chunk.platform, chunk.machine, number, chunk.engine)
        summaries.append(summarise(replication, chunk.warm_up, chunk.scenario.duration_s, chunk.percents))
        shortest = min(shortest, perf_counter() - began)
    return ChunkResult(chunk.point, tuple(summaries), shortest)


@dataclass
class Replicator:
    """
    Computes replications that are not known yet.

    Args:
        warm_up: Arrivals before it are not counted [s]; None: that of the scenario.
        progress: Gets the number of replications that have just been completed.
    """

    system: VariableSystem
    executor: Executor
    percents: tuple[float, ...]
    warm_up: float | None = None
    journal: SweepJournal | None = None
    progress: Callable[[int], None] | None = None
    _known: dict[str, dict[int, ReplicationSummary]] = field(default_factory=dict)
    _shortest: float | None = None

    def __post_init__(self) -> None:
        if self.journal is not None:
            self._known = self.journal.known

    def __call__(
        self, points: Sequence[Point], numbers: Sequence[int]
    ) -> list[tuple[ReplicationSummary, ...]]:
        """Return replications with the given numbers at each point, in the order of both."""
        missing = [
            (point, [number for number in numbers if number not in self._known.get(text_of(point), {})])
            for point in points
        ]
        if self.progress is not None and (known := sum(len(numbers) - len(left) for _, left in missing)):
            self.progress(known)
        self._compute([(point, left) for point, left in missing if left])
        return [tuple(self._known[text_of(point)][number] for number in numbers) for point in points]

    def _compute(self, missing: list[tuple[Point, list[int]]]) -> None:
        if self._shortest is None:
            pilots = missing[: self.executor.workers]
            self._run([self._chunk(point, left[:PILOT_REPLICATIONS]) for point, left in pilots])
            later = [(point, left[PILOT_REPLICATIONS:]) for point, left in pilots]
            missing = [*((point, left) for point, left in later if left), *missing[len(pilots) :]]
        size = self._chunk_size(sum(len(left) for _, left in missing))
        self._run(
            [
                self._chunk(point, left[start : start + size])
                for point, left in missing
                for start in range(0, len(left), size)
            ]
        )

    def _chunk_size(self, replications: int) -> int:
        shortest = max(self._shortest or CHUNK_S, 1e-6)
        # Not so large that a worker would have nothing to do.
        share = math.ceil(replications / self.executor.workers)
        return max(1, min(math.ceil(CHUNK_S / shortest), share))

    def _run(self, chunks: list[Chunk]) -> None:
        for result in self.executor.run(run_chunk, chunks):
            known = self._known.setdefault(text_of(result.point), {})
            known.update({summary.number: summary for summary in result.summaries})
            self._shortest = min(result.shortest, self._shortest or math.inf)
            if self.journal is not None:
                self.journal.append(result.point, result.summaries)
            if self.progress is not None:
                self.progress(len(result.summaries))

    def _chunk(self, point: Point, numbers: Sequence[int]) -> Chunk:
        scenario, platform = self.system.at(point)
        warm_up = scenario.warm_up_s if self.warm_up is None else self.warm_up
        system = self.system
        return Chunk(
            point, scenario, platform, system.machine, numbers, warm_up, self.percents, system.engine
        )
