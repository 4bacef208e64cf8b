"""
Sweeps: the same replications at every point of a grid of parameters. Times in seconds of model time.

An estimate is the mean over replications of the value of each one, with Student's interval. So it answers:
"what does one run of this scenario show?".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from harness.lab.results.percentile import nearest_rank
from harness.lab.sim.experiment.quantiles import Estimate, LimitResult, mean_estimate, paired_difference
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.sim.sweep.executors import executor_of
from harness.lab.sim.sweep.parameters import Point, VariableSystem, points_of
from harness.lab.sim.sweep.replication_summary import PERCENTS, ReplicationSummary
from harness.lab.sim.sweep.replicator import Replicator
from harness.lab.sim.sweep.sweep_journal import SweepJournal

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

OnReplications = Callable[[int], None]


@dataclass(frozen=True)
class Cell:
    """One point of a grid, and its replications."""

    point: Point
    replications: tuple[ReplicationSummary, ...]
    confidence: float = 0.95

    @property
    def batches(self) -> int:
        return sum(each.batches for each in self.replications)

    @property
    def unfinished(self) -> int:
        """Number of counted batches that had not ended when their run did."""
        return sum(each.unfinished for each in self.replications)

    def percentile(self, percent: float = 95) -> Estimate:
        """
        Estimate a percentile of the time to READY, without failed batches [s].

        It is a lower bound (``at_least``) if unfinished batches matter.

        Raises:
            ValueError: No batch became READY, or the percentile was not recorded.
        """
        found = self._percentiles(percent)
        depends = any(each.unfinished for each in self.replications)
        estimate = mean_estimate(list(found.values()), self.confidence)
        bound = depends and any(
            each.percentiles[float(percent)].high != each.percentiles[float(percent)].low
            for each in self.replications
        )
        return Estimate(
            estimate.value, estimate.half_width, estimate.standard_error, len(found), self.confidence, bound
        )

    @property
    def failed(self) -> Estimate:
        """The share of batches that did not become READY; ValueError if none arrived."""
        shares = [each.not_ready for each in self.replications if each.batches]
        if not shares:
            raise ValueError("no batch arrived in the time that is counted")
        return mean_estimate(shares, self.confidence)

    def check(self, objective: str) -> LimitResult:
        """Check an objective on READY, e.g. ``p95(E2E:ready) <= 10 min``, with one-sided bounds."""
        criterion = Criterion.parse(objective)
        if criterion.percent is not None:
            self._must_be_recorded(criterion.percent)
        return criterion.check(self.replications, self.confidence)

    def difference(self, other: "Cell", percent: float = 95) -> Estimate:
        """
        Estimate how much longer a percentile is here than at another point [s].

        Replication *i* of both has the same random numbers, so most of the noise cancels. It is a lower bound
        (``at_least``) if batches that had not ended here matter.

        Raises:
            ValueError: No batch became READY in both, the percentile was not recorded, or that of the other
                point depends on batches that had not ended.
        """
        other.must_have_ended(percent)
        ours, theirs = self._percentiles(percent), other._percentiles(percent)
        both = sorted(ours.keys() & theirs.keys())
        if not both:
            raise ValueError("no replication has batches that became READY in both")
        found = paired_difference([ours[n] for n in both], [theirs[n] for n in both], self.confidence)
        return replace(found, at_least=self.percentile(percent).at_least)

    def must_have_ended(self, percent: float) -> None:
        """Raise ValueError if a percentile depends on batches that had not ended."""
        if self.percentile(percent).at_least:
            at = f" at {dict(self.point)}" if self.point else ""
            raise ValueError(
                f"{self.unfinished} batches had not ended{at}, and p{percent:g} depends on them: "
                "increase drain_s"
            )

    def row(self, percents: Sequence[float]) -> dict[str, Any]:
        """Return the cell as a row of a table; an estimate that does not exist is NaN."""
        row: dict[str, Any] = {
            **self.point,
            "replications": len(self.replications),
            "batches": self.batches,
            "unfinished": self.unfinished,
        }
        for percent in percents:
            row |= _columns(f"p{percent:g}", "_s", self._estimate_or_none(percent))
        return row | _columns("failed", "", self.failed if self.batches else None)

    def _estimate_or_none(self, percent: float) -> Estimate | None:
        try:
            return self.percentile(percent)
        except ValueError:
            return None

    def _percentiles(self, percent: float) -> dict[int, float]:
        """Return the percentile of each replication with a batch that became READY or is unfinished."""
        self._must_be_recorded(percent)
        values = {each.number: each.percentiles[float(percent)].value for each in self.replications}
        found = {number: value for number, value in values.items() if not math.isnan(value)}
        if not found:
            raise ValueError(f"no batch became READY at {dict(self.point)}")
        return found

    def _must_be_recorded(self, percent: float) -> None:
        recorded = self.replications[0].percentiles
        if float(percent) not in recorded:
            known = ", ".join(f"p{one:g}" for one in recorded)
            raise ValueError(f"p{percent:g} was not recorded; this sweep has {known}")


@dataclass(frozen=True)
class Sweep:
    """
    The cells of a grid, in its order.

    Attributes:
        varied: Keys of the varied parameters.
    """

    scenario_name: str
    varied: tuple[str, ...]
    cells: tuple[Cell, ...]
    percents: tuple[float, ...] = PERCENTS

    def cell(self, **values: JsonValue) -> Cell:
        """
        Return the cell with the given values; a key's dots are written as ``__``.

        Raises:
            ValueError: No cell, or more than one, has these values.
        """
        wanted = {key.replace("__", "."): value for key, value in values.items()}
        found = [one for one in self.cells if all(one.point.get(key) == wanted[key] for key in wanted)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} cells have {wanted}")
        return found[0]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per cell: parameters, p50, p95, p99 and failed share, with the intervals."""
        import pandas as pd  # heavy: imported only when a frame is needed

        return pd.DataFrame([cell.row(self.percents) for cell in self.cells])


@dataclass(frozen=True)
class SweepPlan:
    """
    The plan of a sweep.

    Args:
        grid: Values by key: of the platform or scenario as for ``--set``, or ``rate`` [1/s].
        replications: Number of replications of each cell.
        percents: Percentiles of the time to READY to record.
        warm_up: Arrivals before it are not counted [s]; None: that of the scenario.

    Raises:
        ValueError: A key, a value or a number is invalid.
    """

    system: VariableSystem
    grid: Mapping[str, Sequence[JsonValue]]
    _: KW_ONLY
    replications: int = 10
    percents: tuple[float, ...] = PERCENTS
    warm_up: float | None = None
    confidence: float = 0.95
    points: list[dict[str, JsonValue]] = field(init=False)

    def __post_init__(self) -> None:
        if self.replications < 1:
            raise ValueError(f"a sweep needs at least one replication, not {self.replications}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"a confidence lies between 0 and 1, e.g. 0.95, not {self.confidence:g}")
        object.__setattr__(self, "points", points_of(self.grid))
        for point in self.points:
            # All of them before the first simulation: the last one may be invalid.
            scenario, _ = self.system.at(point)
            must_leave_arrivals(self.warm_up, scenario.duration_s)

    @cached_property
    def total(self) -> int:
        """Number of replications of all cells."""
        return len(self.points) * self.replications

    def run(
        self,
        executor: "str | Client | None" = None,
        *,
        processes: int | None = None,
        folder: Path | None = None,
        progress: OnReplications | None = None,
    ) -> Sweep:
        """
        Run the sweep; the results do not depend on where.

        Args:
            executor: Address of a Dask scheduler, or a client; None: processes of this machine.
            folder: Replications are read from it and appended to it, so that a sweep can be continued.
            progress: Gets the number of replications that have just been completed.

        Raises:
            JournalUnfit: The folder holds something else.
            WorkersLost: Workers ended again and again.
        """
        with journal_in(folder, self.system, self.percents, self.warm_up) as journal:
            count = min(processes, self.total) if processes else processes
            with executor_of(executor, count) as workers:
                replicator = Replicator(self.system, workers, self.percents, self.warm_up, journal, progress)
                found = replicator(self.points, range(self.replications))
        cells = tuple(
            Cell(point, several, self.confidence) for point, several in zip(self.points, found, strict=True)
        )
        return Sweep(self.system.scenario.name, tuple(self.grid), cells, self.percents)


def journal_in(
    folder: Path | None, system: VariableSystem, percents: tuple[float, ...], warm_up: float | None
) -> "SweepJournal | nullcontext[None]":
    """Return the journal in a folder; without a folder nothing is kept."""
    if folder is None:
        return nullcontext()
    for percent in percents:
        nearest_rank(percent, 1)
    counting: dict[str, JsonValue] = {"percentiles": list(percents), "warm-up": warm_up}
    return SweepJournal(folder, {**system.identity, **counting})


def must_leave_arrivals(warm_up: float | None, duration: float) -> None:
    """Raise ValueError if a warm-up leaves no arrivals."""
    if warm_up is not None and not 0 <= warm_up < duration:
        raise ValueError(
            f"a warm-up must be at least 0 s and shorter than the {duration:g} s of arrivals, "
            f"not {warm_up:g} s"
        )


def _columns(name: str, unit: str, estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {f"{name}{unit}": math.nan, f"{name}_low{unit}": math.nan, f"{name}_high{unit}": math.nan}
    low, high = max(0.0, estimate.low), estimate.high
    # An unfinished batch may take any time, so an interval over it has no upper end.
    return {
        f"{name}{unit}": estimate.value,
        f"{name}_low{unit}": low,
        f"{name}_high{unit}": math.inf if estimate.at_least else high,
    }
