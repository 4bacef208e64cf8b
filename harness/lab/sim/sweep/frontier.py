"""
The Pareto frontier of two parameters: the pairs with which an objective holds, and of which neither can be
made harder without making the other one easier.

For each candidate of the first parameter, from the hardest one on, the hardest candidate of the second is
searched as in `harness.lab.sim.sweep.capacity`. An easier first value never needs an easier second one, so
each search begins where the last one ended. All points have the same random numbers.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.lab.sim.experiment.quantiles import LimitResult
from harness.lab.sim.sweep.capacity import (
    Capacity,
    CapacityPlan,
    Number,
    candidates_between,
    is_harder_when_greater,
)
from harness.lab.sim.sweep.executors import executor_of
from harness.lab.sim.sweep.parameters import VariableSystem
from harness.lab.sim.sweep.replicator import Replicator
from harness.lab.sim.sweep.sweep import OnReplications, journal_in

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

FIRST_CANDIDATES_MAX = 100
"""Each of them is a search of its own."""


@dataclass(frozen=True, slots=True)
class ParameterRange:
    """A parameter and its candidates, as for `harness.lab.sim.sweep.capacity.CapacityPlan`."""

    key: str
    low: Number
    high: Number
    step: Number | None = None

    @property
    def hardest_first(self) -> tuple[Number, ...]:
        """The candidates from the hardest to the easiest; ValueError if the range is invalid."""
        values = candidates_between(self.low, self.high, self.step)
        return values[::-1] if is_harder_when_greater(self.key) else values


@dataclass(frozen=True, slots=True)
class FrontierSearch:
    """
    The search at one value of the first parameter.

    Attributes:
        on_frontier: Whether the pair found belongs to the frontier.
    """

    first: Number
    found: Capacity
    on_frontier: bool


@dataclass(frozen=True)
class Frontier:
    """
    The searches, from the hardest value of the first parameter to the easiest.

    Attributes:
        keys: The parameters.
    """

    keys: tuple[str, str]
    objective: str
    searches: tuple[FrontierSearch, ...]

    @property
    def points(self) -> list[tuple[Number, Number]]:
        """The pairs of the frontier, each confirmed with fresh replications."""
        return [
            (each.first, each.found.value)
            for each in self.searches
            if each.on_frontier and each.found.value is not None
        ]

    @property
    def result(self) -> LimitResult:
        """PASS with a point; FAIL if no pair suffices; else INCONCLUSIVE."""
        results = {each.found.result for each in self.searches}
        if LimitResult.PASS in results:
            return LimitResult.PASS
        return LimitResult.FAIL if results == {LimitResult.FAIL} else LimitResult.INCONCLUSIVE

    @property
    def reason(self) -> str:
        """The answer as a sentence."""
        if not self.points:
            return {
                LimitResult.FAIL: f"{self.objective} holds with no pair of {' and '.join(self.keys)}.",
            }.get(
                self.result, f"It is undecided with which {' and '.join(self.keys)} {self.objective} holds."
            )
        pairs = ", ".join(f"{first:g} and {second:g}" for first, second in self.points)
        undecided = sum(each.found.result is LimitResult.INCONCLUSIVE for each in self.searches)
        rest = f" Undecided for {undecided} values of {self.keys[0]}." if undecided else ""
        return f"{self.objective} holds with {' and '.join(self.keys)} of {pairs}, and with more.{rest}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per value of the first parameter; without an answer the second one is NaN."""
        import pandas as pd  # heavy: imported only when a frame is needed

        rows: list[dict[str, Any]] = [
            {
                self.keys[0]: each.first,
                self.keys[1]: float("nan") if each.found.value is None else each.found.value,
                "on_frontier": each.on_frontier,
                "result": each.found.result.value,
                "next_fails": each.found.next_fails,
                "probes": len(each.found.probes),
                "replications": sum(probe.replications for probe in each.found.probes),
            }
            for each in self.searches
        ]
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class FrontierPlan:
    """
    The plan of a frontier.

    Args:
        first, second: The parameters with their candidates.
        objective, confidence, replications, warm_up: As for `CapacityPlan`, for each point by itself.

    Raises:
        ValueError: A key, a number or the objective is invalid, or there are too many candidates.
    """

    system: VariableSystem
    first: ParameterRange
    second: ParameterRange
    objective: str
    _: KW_ONLY
    confidence: float = 0.95
    replications: int = 1280
    warm_up: float | None = None
    base: CapacityPlan = field(init=False)

    def __post_init__(self) -> None:
        if self.first.key == self.second.key:
            raise ValueError(f"a frontier needs two parameters, not {self.first.key} twice")
        if (count := len(self.first.hardest_first)) > FIRST_CANDIDATES_MAX:
            raise ValueError(
                f"{count} candidates of {self.first.key} are too many searches, at most "
                f"{FIRST_CANDIDATES_MAX}: use a larger step"
            )
        hardest, easiest = self.first.hardest_first[0], self.first.hardest_first[-1]
        self._plan(easiest)
        object.__setattr__(self, "base", self._plan(hardest))

    def run(
        self,
        executor: "str | Client | None" = None,
        *,
        processes: int | None = None,
        folder: Path | None = None,
        progress: OnReplications | None = None,
        on_search: Callable[[FrontierSearch], None] | None = None,
    ) -> Frontier:
        """Search; arguments and errors as for `harness.lab.sim.sweep.sweep.SweepPlan.run`."""
        percents = self.base.percents
        with (
            journal_in(folder, self.system, percents, self.warm_up) as journal,
            executor_of(executor, processes) as workers,
        ):
            replicator = Replicator(self.system, workers, percents, self.warm_up, journal, progress)
            searches: list[FrontierSearch] = []
            hardest: int | None = None
            for value in self.first.hardest_first:
                found = self._search(replicator, value, hardest)
                place = self._place(found)
                is_new = place is not None and (hardest is None or place < hardest)
                searches.append(FrontierSearch(value, found, is_new))
                if on_search is not None:
                    on_search(searches[-1])
                hardest = place if is_new else hardest
                if hardest == 0:
                    # With an easier first value the second one cannot be harder any more.
                    break
        return Frontier((self.first.key, self.second.key), self.objective, tuple(searches))

    def _search(self, replicator: Replicator, value: Number, hardest: int | None) -> Capacity:
        """Search at a value of the first parameter, up to the second value at the place *hardest*."""
        plan = self._plan(value)
        if hardest is not None:
            kept = set(self.second.hardest_first[: hardest + 1])
            narrow = plan.among(tuple(each for each in plan.candidates if each in kept))
            found = narrow.search(replicator)
            if found.result is LimitResult.PASS:
                return found
        return plan.search(replicator)

    def _plan(self, value: Number) -> CapacityPlan:
        return CapacityPlan(
            self.system,
            self.second.key,
            self.second.low,
            self.second.high,
            self.objective,
            step=self.second.step,
            confidence=self.confidence,
            replications=self.replications,
            warm_up=self.warm_up,
            fixed={self.first.key: value},
        )

    def _place(self, found: Capacity) -> int | None:
        return None if found.value is None else self.second.hardest_first.index(found.value)
