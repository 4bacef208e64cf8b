"""
Whether live runs agree with a planned capacity: the limited figure of each value that was played, beside the
simulation of the very same runs.

A live run differs from its plan by luck, too: its arrivals and service times are one draw. Its simulation has
the same ones, so what remains between both is the difference of the systems. Times in seconds of model time.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.lab.results.json_value import json_value
from harness.lab.sim.experiment.replications import Replication
from harness.lab.sim.sweep.capacity import Number
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.sim.sweep.replication_summary import summarise

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 0.1
"""A live figure that differs less from the simulated one does not contradict it."""


class Agreement(StrEnum):
    """Whether live runs agree with a plan."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class RunFigure:
    """
    The limited figure of a run.

    Attributes:
        low, high: Its bounds if unfinished batches become READY at the end of the run, or never.
    """

    low: float
    high: float
    batches: int

    @property
    def value(self) -> float:
        return self.low if self.low == self.high else math.nan

    @classmethod
    def of(cls, run: Replication, criterion: Criterion, warm_up: float, until: float) -> "RunFigure":
        percents = () if criterion.percent is None else (criterion.percent,)
        found = summarise(run, warm_up, until, percents)
        if not found.batches:
            raise ValueError("no batch arrived in the time that is counted: use a longer duration")
        if criterion.percent is not None:
            times = found.percentiles[float(criterion.percent)]
            return cls(times.low, times.high, found.batches)
        return cls(found.failed / found.batches, found.not_ready, found.batches)

    @classmethod
    def mean(cls, figures: "Sequence[RunFigure]") -> "RunFigure":
        """Return the mean over several runs."""
        low, high = (sum(getattr(each, side) for each in figures) / len(figures) for side in ("low", "high"))
        return cls(low, high, sum(each.batches for each in figures))

    def holds(self, limit: float) -> bool | None:
        """Return whether the limit holds; None if that depends on unfinished batches."""
        if self.high <= limit:
            return True
        return False if self.low > limit else None


@dataclass(frozen=True, slots=True)
class ConfirmedValue:
    """
    A value that was played live.

    Attributes:
        expected: Whether the plan says that the objective holds; None if it does not say.
        live, simulated: The limited figure, as a mean over the runs [s] or 0…1: infinite if too many batches
            fail, not a number if it depends on unfinished ones.
        batches: Number of batches that the live figure is computed of.
    """

    value: Number
    expected: bool | None
    live: float
    simulated: float
    batches: int
    agreement: Agreement
    reason: str


@dataclass(frozen=True)
class LiveConfirmation:
    """What live runs say about the answer of a plan: the value itself, and the next harder one."""

    key: str
    objective: str
    time_scale: float
    values: tuple[ConfirmedValue, ...]

    @property
    def agreement(self) -> Agreement:
        """DISAGREES if a value does; AGREES if all do; else INCONCLUSIVE."""
        found = {each.agreement for each in self.values if each.expected is not None}
        if Agreement.DISAGREES in found:
            return Agreement.DISAGREES
        return Agreement.AGREES if found == {Agreement.AGREES} else Agreement.INCONCLUSIVE

    @property
    def reason(self) -> str:
        """The answer as a sentence for each value."""
        return " ".join(each.reason for each in self.values)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per value."""
        import pandas as pd  # heavy: imported only when a frame is needed

        rows = [{**asdict(each), "agreement": each.agreement.value} for each in self.values]
        return pd.DataFrame(rows).rename(columns={"value": self.key})

    @property
    def document(self) -> dict[str, Any]:
        """The confirmation as plain values; null stands for what is infinite or not a number."""
        rows = [json_value(asdict(each)) for each in self.values]
        return {
            "parameter": self.key,
            "objective": self.objective,
            "time_scale": self.time_scale,
            "agreement": self.agreement.value,
            "reason": self.reason,
            "values": rows,
        }

    def write(self, folder: Path) -> None:
        """Write ``confirmation.csv`` and ``confirmation.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.to_frame().to_csv(folder / "confirmation.csv", index=False)
        text = json.dumps(self.document, indent=2, ensure_ascii=False)
        (folder / "confirmation.json").write_text(text + "\n", encoding="utf-8")


def judged(
    criterion: Criterion,
    key: str,
    value: Number,
    expected: bool | None,
    live: RunFigure,
    simulated: RunFigure,
    host: str | None = None,
) -> tuple[Agreement, str]:
    """
    Compare a live figure with what a plan says and with the simulation of the same runs.

    Args:
        host: What the host did to the figures of the live runs, as a sentence; None: nothing.
    """
    limit, unit = criterion.limit, "" if criterion.percent is None else " s"
    holds, twin = live.holds(limit), simulated.holds(limit)
    text = f"With {key} = {value:g} the live stack gives {live.low:.4g}{unit} of {live.batches} batches"
    if expected is None:
        return Agreement.INCONCLUSIVE, f"{text}; the plan does not say whether {value:g} suffices."
    if holds is None:
        return Agreement.INCONCLUSIVE, f"{text} at least: too many of them had not ended."
    if host is not None and not (holds is twin is expected):
        return Agreement.INCONCLUSIVE, f"{text}. {host}"
    if holds is expected:
        said = "holds" if expected else "does not hold"
        return Agreement.AGREES, f"{text}: the objective {said}, as planned."
    return _contradicted(criterion, text, expected, live, simulated)


def _contradicted(
    criterion: Criterion, text: str, expected: bool, live: RunFigure, simulated: RunFigure
) -> tuple[Agreement, str]:
    """Tell why a live figure differs from the plan; *text* is the beginning of the sentence."""
    limit, unit = criterion.limit, "" if criterion.percent is None else " s"
    if simulated.holds(limit) is not expected:
        return Agreement.INCONCLUSIVE, (
            f"{text}: the objective {'does not hold' if expected else 'holds'}. The simulation of these very "
            f"arrivals on the local platform says the same ({simulated.low:.4g}{unit}): play more or longer "
            "runs, or plan with --platform local."
        )
    are_finite = math.isfinite(live.low) and math.isfinite(simulated.low)
    if are_finite and abs(live.low - simulated.low) <= TOLERANCE * abs(simulated.low):
        return Agreement.INCONCLUSIVE, (
            f"{text}, the simulation {simulated.low:.4g}{unit}: they differ by less than {TOLERANCE:.0%}, "
            f"and the limit {limit:g}{unit} lies between them."
        )
    return Agreement.DISAGREES, (
        f"{text}, the simulation of the same runs {simulated.low:.4g}{unit}: the objective should "
        f"{'hold' if expected else 'not hold'}."
    )
