"""
The points of a grid as an operator sees them: time to READY, alarms and cost.

The times have the replications of a sweep. The alarms and the cost need all rows of a run, so fewer
replications are played with them. Times in seconds of model time, money in US dollars.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from harness.lab.gate.evaluate_run import alarms_from, evaluate_run
from harness.lab.sim.cost import bill
from harness.lab.sim.sweep.executors import Executor, executor_of
from harness.lab.sim.sweep.parameters import Point, VariableSystem, points_of
from harness.lab.sim.sweep.replication_summary import PERCENTS
from harness.lab.sim.sweep.replicator import Replicator
from harness.lab.sim.sweep.sweep import Cell, OnReplications

if TYPE_CHECKING:
    import pandas as pd

PLAYED = 3
"""Most replications of a point that are played with all rows."""


@dataclass(frozen=True, slots=True)
class PlayedReplication:
    """
    The alarms and the cost of one replication with all rows.

    Attributes:
        place, number: Index of its point in the grid, and number of the replication.
        fired: Whether each alarm that could be evaluated fired, by name.
        dollars: Cost of the run.
    """

    place: int
    number: int
    fired: Mapping[str, bool]
    dollars: float
    batches: int


@dataclass(frozen=True)
class OperatingPoint:
    """One point of a grid: the replications of its times, and those with all rows."""

    cell: Cell
    played: tuple[PlayedReplication, ...]

    @property
    def point(self) -> Point:
        return self.cell.point

    @property
    def alarms(self) -> dict[str, int]:
        """In how many of the played replications each alarm fired, by name."""
        names = dict.fromkeys(name for one in self.played for name in one.fired)
        return {name: sum(one.fired.get(name, False) for one in self.played) for name in names}

    @property
    def dollars(self) -> float:
        """Mean cost of a run."""
        return sum(one.dollars for one in self.played) / len(self.played)

    @property
    def dollars_per_thousand(self) -> float:
        """Cost of a thousand batches; 0 without batches."""
        batches = sum(one.batches for one in self.played)
        return 1000 * sum(one.dollars for one in self.played) / batches if batches else 0.0

    def row(self, percents: Sequence[float]) -> dict[str, Any]:
        """Return the point as a row of a table."""
        fired = {name: count for name, count in self.alarms.items() if count}
        return self.cell.row(percents) | {
            "played": len(self.played),
            "alarms_fired": "; ".join(f"{name} in {count}" for name, count in fired.items()),
            "dollars": self.dollars,
            "dollars_per_thousand_batches": self.dollars_per_thousand,
        }


@dataclass(frozen=True)
class OperatingGrid:
    """The points of a grid, in its order: the last parameter changes fastest."""

    grid: Mapping[str, Sequence[JsonValue]]
    points: tuple[OperatingPoint, ...]
    percents: tuple[float, ...] = PERCENTS

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per point: parameters, percentiles with intervals, alarms that fired, cost."""
        import pandas as pd  # heavy: imported only when a frame is needed

        return pd.DataFrame([each.row(self.percents) for each in self.points])


@dataclass(frozen=True)
class OperatingGridPlan:
    """
    The plan of a grid; its replications are those that a sweep has.

    Args:
        grid: Values by key, as for `harness.lab.sim.sweep.sweep.SweepPlan`.
        replications: Number of replications of each point; up to `PLAYED` of them are played with all rows.

    Raises:
        ValueError: A key, a value or a number is invalid.
    """

    system: VariableSystem
    grid: Mapping[str, Sequence[JsonValue]]
    _: KW_ONLY
    replications: int = 5
    confidence: float = 0.95
    points: list[dict[str, JsonValue]] = field(init=False)

    def __post_init__(self) -> None:
        if self.replications < 1:
            raise ValueError(f"a grid needs at least one replication, not {self.replications}")
        object.__setattr__(self, "points", points_of(self.grid))
        for point in self.points:
            # All of them before the first simulation: the last one may be invalid.
            self.system.at(point)

    @property
    def played(self) -> int:
        """Number of replications of a point that are played with all rows."""
        return min(PLAYED, self.replications)

    @property
    def total(self) -> int:
        """Number of replications of all points, of both kinds."""
        return len(self.points) * (self.replications + self.played)

    def run(self, *, processes: int | None = None, progress: OnReplications | None = None) -> OperatingGrid:
        """
        Simulate the grid.

        Args:
            processes: Number of processes; None: one for each processor.
            progress: Gets the number of replications that have just been completed.
        """
        with executor_of(None, min(processes, self.total) if processes else processes) as workers:
            replicator = Replicator(self.system, workers, PERCENTS, None, None, progress)
            found = replicator(self.points, range(self.replications))
            played = self._played(workers, progress)
        points = (
            OperatingPoint(Cell(point, several, self.confidence), played[place])
            for place, (point, several) in enumerate(zip(self.points, found, strict=True))
        )
        return OperatingGrid(self.grid, tuple(points))

    def _played(
        self, workers: Executor, progress: OnReplications | None
    ) -> dict[int, tuple[PlayedReplication, ...]]:
        tasks = [
            (place, point, number) for place, point in enumerate(self.points) for number in range(self.played)
        ]
        played: dict[tuple[int, int], PlayedReplication] = {}
        for one in workers.run(partial(play_with_rows, self.system), tasks):
            played[one.place, one.number] = one
            if progress is not None:
                progress(1)
        # In the order of their numbers: sums of floats depend on the order.
        numbers = range(self.played)
        return {
            place: tuple(played[place, number] for number in numbers) for place in range(len(self.points))
        }


def play_with_rows(system: VariableSystem, task: tuple[int, Point, int]) -> PlayedReplication:
    """Play one replication (place and point in the grid, number) and evaluate the blueprint's alarms."""
    place, point, number = task
    with TemporaryDirectory() as folder:
        run = system.play(point, Path(folder) / "run", number)
        verdict = evaluate_run(run, alarms_from())
        cost = bill(run)
        fired = {one.name: one.fired_at_s is not None for one in verdict.alarms}
        return PlayedReplication(place, number, fired, cost.dollars, cost.batches)
