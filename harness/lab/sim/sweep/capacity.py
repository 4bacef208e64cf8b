"""
Capacity: the least value of a parameter, or the greatest arrival rate, with which an objective holds.

Bisection over the candidates, all with the same random numbers. A probe doubles its replications until the
confidence bound clears the limit. The answer is confirmed with replications that the search has not seen.
"""

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from harness.lab.sim.experiment.quantiles import Estimate, LimitResult
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.sim.sweep.executors import executor_of
from harness.lab.sim.sweep.parameters import RATE, Point, VariableSystem
from harness.lab.sim.sweep.replication_summary import PERCENTS
from harness.lab.sim.sweep.replicator import Replicator
from harness.lab.sim.sweep.sweep import OnReplications, journal_in, must_leave_arrivals

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

FIRST = 10
"""Replications with which a probe begins."""

FRESH = 1_000_000
"""Number of the first replication of a confirmation."""

CONFIRMATIONS_MAX = 3
"""Values that are confirmed one after the other before the answer is given up."""

CANDIDATES_MAX = 100_000

Number = int | float


class Purpose(StrEnum):
    """Why a value was probed."""

    SEARCH = "search"
    NEIGHBOUR = "neighbour"
    CONFIRMATION = "confirmation"


@dataclass(frozen=True, slots=True)
class CapacityProbe:
    """The result of a value."""

    value: Number
    purpose: Purpose
    replications: int
    estimate: Estimate
    result: LimitResult


OnProbe = Callable[[CapacityProbe], None]


@dataclass(frozen=True)
class Capacity:
    """
    The answer of a search.

    Attributes:
        value: The least value (or greatest, see *greatest*) with which the objective holds; None without one.
        result: PASS: fresh replications confirm the value. FAIL: it holds with no candidate. INCONCLUSIVE.
        reason: The answer as a sentence.
        next_fails: Whether fresh replications show that the next candidate does not suffice; None if it was
            not probed, because *value* is the first candidate.
        next_value: That candidate.
    """

    key: str
    objective: str
    greatest: bool
    value: Number | None
    result: LimitResult
    reason: str
    next_fails: bool | None
    next_value: Number | None
    probes: tuple[CapacityProbe, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per probe, in their order."""
        import pandas as pd  # heavy: imported only when a frame is needed

        rows: list[dict[str, Any]] = [
            {
                self.key: probe.value,
                "purpose": probe.purpose.value,
                "replications": probe.replications,
                "estimate": probe.estimate.value,
                "low": max(0.0, probe.estimate.low) if math.isfinite(probe.estimate.value) else math.inf,
                "high": probe.estimate.high,
                "result": probe.result.value,
            }
            for probe in self.probes
        ]
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class CapacityPlan:
    """
    The plan of a search.

    With ``rate`` and ``users`` the greatest value is wanted, with other keys the least one.

    Args:
        key: The parameter, as for ``--set``, or ``rate`` [1/s].
        low, high, step: The candidates; *step* is 1 for whole numbers, else 1/50 of the range.
        objective: E.g. ``p95(E2E:ready) <= 10 min`` or ``fail_ratio(E2E:ready) <= 1 %``.
        confidence: Of the confirmation, with all its probes and looks.
        replications: Most replications of one probe.
        fixed: Values of other parameters, the same at every candidate.

    Raises:
        ValueError: A key, a number or the objective is invalid.
    """

    system: VariableSystem
    key: str
    low: Number
    high: Number
    objective: str
    _: KW_ONLY
    step: Number | None = None
    confidence: float = 0.95
    replications: int = 1280
    warm_up: float | None = None
    fixed: Point = field(default_factory=dict)
    criterion: Criterion = field(init=False)
    candidates: tuple[Number, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"a confidence lies between 0 and 1, e.g. 0.95, not {self.confidence:g}")
        if self.replications < 2:
            raise ValueError(f"a probe needs at least two replications, not {self.replications}")
        object.__setattr__(self, "criterion", Criterion.parse(self.objective))
        object.__setattr__(self, "candidates", candidates_between(self.low, self.high, self.step))
        for value in (self.candidates[0], self.candidates[-1]):
            scenario, _ = self.system.at(self.point(value))
            must_leave_arrivals(self.warm_up, scenario.duration_s)

    @property
    def greatest(self) -> bool:
        """Whether the greatest value is wanted, because more of it is harder."""
        return is_harder_when_greater(self.key)

    @property
    def percents(self) -> tuple[float, ...]:
        """The percentiles that a search needs of each replication."""
        percent = self.criterion.percent
        return PERCENTS if percent is None else tuple(sorted({*PERCENTS, percent}))

    def among(self, candidates: tuple[Number, ...]) -> "CapacityPlan":
        """Return the plan for some of its candidates, in their order."""
        narrowed = copy(self)
        object.__setattr__(narrowed, "candidates", candidates)
        return narrowed

    def point(self, value: Number) -> dict[str, JsonValue]:
        """Return the values of all parameters at a candidate."""
        return {**self.fixed, self.key: value}

    @property
    def probe_confidence(self) -> float:
        """The confidence of each look at a probe: the error is divided among them."""
        looks = 1 + math.ceil(math.log2(max(1.0, self.replications / FIRST)))
        probes = math.ceil(math.log2(len(self.candidates) + 1)) + 6
        # All confirmations, and that of the next harder value, keep the promised error together.
        return 1 - (1 - self.confidence) / max(probes, (CONFIRMATIONS_MAX + 1) * looks)

    def run(
        self,
        executor: "str | Client | None" = None,
        *,
        processes: int | None = None,
        folder: Path | None = None,
        progress: OnReplications | None = None,
        on_probe: OnProbe | None = None,
    ) -> Capacity:
        """Search; arguments and errors as for `harness.lab.sim.sweep.sweep.SweepPlan.run`."""
        with (
            journal_in(folder, self.system, self.percents, self.warm_up) as journal,
            executor_of(executor, processes) as workers,
        ):
            replicator = Replicator(self.system, workers, self.percents, self.warm_up, journal, progress)
            return self.search(replicator, on_probe)

    def search(self, replicator: Replicator, on_probe: OnProbe | None = None) -> Capacity:
        """Search with replications of *replicator*, which has recorded `percents`."""
        return _Search(self, replicator, on_probe).answer()


def is_harder_when_greater(key: str) -> bool:
    """Return whether more of a parameter makes an objective harder to meet: more arrivals or users."""
    return key in (RATE, "users")


def candidates_between(low: Number, high: Number, step: Number | None = None) -> tuple[Number, ...]:
    """Return the values from *low* to *high*, both included, without errors of rounding."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"a range goes from a smaller to a larger number, not from {low} to {high}")
    whole = all(isinstance(each, int) for each in (low, high, step) if each is not None)
    first, last = Decimal(str(low)), Decimal(str(high))
    by_default = Decimal(1) if whole else (last - first) / 50
    width = by_default if step is None else Decimal(str(step))
    if width <= 0:
        raise ValueError(f"a step must be positive, not {step}")
    count = int((last - first) / width) + 1
    if count > CANDIDATES_MAX:
        raise ValueError(f"{count} candidates are too many: use a larger step")
    values = [first + index * width for index in range(count)]
    if values[-1] < last:
        values.append(last)
    return tuple(int(value) if whole else float(value) for value in values)


@dataclass
class _Search:
    """A search in progress. Candidates are ordered from the hardest to the easiest."""

    plan: CapacityPlan
    replicator: Replicator
    on_probe: OnProbe | None
    probes: list[CapacityProbe] = field(default_factory=list)

    def __post_init__(self) -> None:
        candidates = self.plan.candidates
        self.ordered: Sequence[Number] = candidates[::-1] if self.plan.greatest else candidates

    def answer(self) -> Capacity:
        last = len(self.ordered) - 1
        easiest = self._probe(last)
        if easiest.result is not LimitResult.PASS:
            # An objective on a percentile of few batches may hold with a harder candidate all the same.
            between = (share * last // 4 for share in (3, 2, 1))
            passing = next((at for at in between if self._probe(at).result is LimitResult.PASS), None)
            if passing is None:
                return self._no_answer(easiest)
            last = passing
        found = 0 if self._probe(0).result is LimitResult.PASS else self._bisect(0, last)
        return self._confirmed(self._checked_neighbours(found))

    def _bisect(self, low: int, high: int) -> int:
        """Return the first candidate that passes, between one that does not and one that does."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._probe(middle).result is LimitResult.PASS:
                high = middle
            else:
                low = middle
        return high

    def _checked_neighbours(self, found: int) -> int:
        """
        Return a candidate whose neighbours agree with it.

        Bisection does not expect that the objective holds at a value, but not at an easier one.
        """
        if found >= 2 and self._probe(found - 2, Purpose.NEIGHBOUR).result is LimitResult.PASS:
            return self._checked_neighbours(found - 2)
        if found + 1 < len(self.ordered):
            self._probe(found + 1, Purpose.NEIGHBOUR)
        return found

    def _confirmed(self, found: int) -> Capacity:
        """Confirm a candidate with fresh replications; if they do not, try the next easier ones."""
        tried = range(found, min(found + CONFIRMATIONS_MAX, len(self.ordered)))
        for attempt, place in enumerate(tried, start=1):
            probe = self._probe(place, Purpose.CONFIRMATION, attempt * FRESH)
            if probe.result is LimitResult.PASS:
                return self._answer_at(place, attempt * FRESH)
        values = " and ".join(self._text(place) for place in tried)
        return self._capacity(
            None,
            LimitResult.INCONCLUSIVE,
            f"The search found {self.plan.key} = {self._text(found)}, but fresh replications do not confirm "
            f"{values}: allow more replications.",
        )

    def _answer_at(self, place: int, first: int) -> Capacity:
        kind, value = "greatest" if self.plan.greatest else "least", self._text(place)
        sentence = f"The {kind} {self.plan.key} with {self.plan.objective} is {value}"
        if place == 0:
            end = "largest value" if self.plan.greatest else "smallest value"
            beyond = f"{sentence}, the {end} that was allowed: what lies beyond it may hold, too."
            return self._capacity(place, LimitResult.PASS, beyond)
        harder = self._probe(place - 1, Purpose.CONFIRMATION, first)
        following = {
            LimitResult.FAIL: f"with {self._text(place - 1)} it does not hold",
            LimitResult.INCONCLUSIVE: f"whether {self._text(place - 1)} suffices is undecided",
            LimitResult.PASS: f"{self._text(place - 1)} suffices with fresh replications only",
        }[harder.result]
        is_failing = harder.result is LimitResult.FAIL
        return self._capacity(place, LimitResult.PASS, f"{sentence}; {following}.", is_failing)

    def _no_answer(self, easiest: CapacityProbe) -> Capacity:
        low, high, key = self._text(0), self._text(len(self.ordered) - 1), self.plan.key
        if easiest.result is LimitResult.FAIL:
            reason = f"{self.plan.objective} holds with no {key} from {low} to {high}."
            if any(probe.result is LimitResult.INCONCLUSIVE for probe in self.probes):
                reason = f"{reason[:-1]} as far as it is decided: allow more replications."
        else:
            reason = (
                f"It is undecided whether {self.plan.objective} holds even with {key} = {high}: allow more "
                "replications, or a longer drain_s if batches are unfinished."
            )
        return self._capacity(None, easiest.result, reason)

    def _capacity(
        self, place: int | None, result: LimitResult, reason: str, next_fails: bool | None = None
    ) -> Capacity:
        plan, value = self.plan, None if place is None else self.ordered[place]
        return Capacity(
            plan.key,
            plan.objective,
            plan.greatest,
            value,
            result,
            reason,
            next_fails,
            self.ordered[place - 1] if place else None,
            tuple(self.probes),
        )

    def _probe(self, place: int, purpose: Purpose = Purpose.SEARCH, first: int = 0) -> CapacityProbe:
        """Replicate one candidate until it is decided, or the replications are used up."""
        plan, value = self.plan, self.ordered[place]
        count = min(FIRST, plan.replications)
        while True:
            (found,) = self.replicator([plan.point(value)], range(first, first + count))
            result = plan.criterion.check(found, plan.probe_confidence)
            if result is not LimitResult.INCONCLUSIVE or count >= plan.replications:
                break
            count = min(2 * count, plan.replications)
        probe = CapacityProbe(value, purpose, count, plan.criterion.estimate(found, plan.confidence), result)
        self.probes.append(probe)
        if self.on_probe is not None:
            self.on_probe(probe)
        return probe

    def _text(self, place: int) -> str:
        return f"{self.ordered[place]:g}"
