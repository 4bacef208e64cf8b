"""
Experiments: many replications, honest intervals, and how long to go on.

Replications of one scenario have random numbers of their own; two systems compared have the same ones,
so that most of the noise cancels. Times in seconds of model time.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.lab.results.percentile import nearest_rank, percentile
from harness.lab.sim.experiment.precision import FIRST, run_until
from harness.lab.sim.experiment.quantiles import (
    Estimate,
    Judgement,
    mean_estimate,
    paired_difference,
    percentile_estimate,
)
from harness.lab.sim.experiment.replications import Replication, parallel_map, replicate
from harness.lab.sim.experiment.warm_up import WarmUp, detect
from harness.lab.sim.platform.platform import Preset
from harness.lab.sim.simulation import platform_of, read_machine
from harness.lab.workload.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    import pandas as pd


Floats = NDArray[np.float64]

COOL_DOWN_AT_MOST = 0.1
"""Of the duration: arrivals at the end, after whom nobody comes who could get in their way."""


@dataclass(frozen=True)
class Experiment:
    """
    Replications of one system, and what they say together.

    Attributes:
        warm_up: Arrivals before it are left out of every estimate.
        cool_down: Arrivals in this last stretch are left out too [s].
        reached: Whether the precision asked for was reached; True if none was.
    """

    scenario: Scenario
    replications: tuple[Replication, ...]
    warm_up: WarmUp
    cool_down: float
    confidence: float = 0.95
    reached: bool = True

    @cached_property
    def ready(self) -> list[Floats]:
        """
        Time to READY of the batches counted, by replication [s]; without those that failed.

        Of those unfinished what they had waited: leaving them out would make an overload look fast.
        """
        return [each.ready[kept] for each, kept in self._kept]

    @property
    def _at_most(self) -> list[Floats]:
        """The same, if those unfinished never became READY."""
        return [np.where(each.is_open, math.inf, each.ready)[kept] for each, kept in self._kept]

    @cached_property
    def _kept(self) -> list[tuple[Replication, NDArray[np.bool_]]]:
        return [(each, _counted(each, self) & (each.is_ready | each.is_open)) for each in self.replications]

    @cached_property
    def unfinished(self) -> int:
        """How many of the batches counted had not ended when their run did."""
        return sum(int((kept & each.is_open).sum()) for each, kept in self._kept)

    def percentile(self, percent: float) -> Estimate:
        """
        Estimate a percentile of the time to READY [s]; the least it can be, where unfinished ones decide.

        Raises:
            ValueError: No batch became READY in the stretch that counts.
        """
        some = _some(self.ready, "became READY of those that arrived", self)
        most = [values for values in self._at_most if values.size]
        depends = [percentile(each, percent) for each in some] != [percentile(each, percent) for each in most]
        return replace(percentile_estimate(some, percent, self.confidence), at_least=depends)

    @property
    def mean(self) -> Estimate:
        """
        The mean time to READY [s]; the least it can be, where batches are unfinished.

        Raises:
            ValueError: No batch became READY in the stretch that counts.
        """
        means = [values.mean() for values in _some(self.ready, "became READY of those that arrived", self)]
        return replace(mean_estimate(means, self.confidence), at_least=self.unfinished > 0)

    @property
    def failed(self) -> Estimate:
        """
        The share of batches that did not become READY.

        Raises:
            ValueError: No batch arrived in the stretch that counts.
        """
        were_ready = [each.is_ready[_counted(each, self)] for each in self.replications]
        shares = [1 - those.mean() for those in _some(were_ready, "arrived", self)]
        return mean_estimate(shares, self.confidence)

    @property
    def knows_ready(self) -> bool:
        """Whether any batch became READY, or may yet, in the stretch that counts."""
        return any(values.size for values in self.ready)

    def judge(self, percent: float, limit: float) -> Judgement:
        """
        Judge "a percentile of the time to READY is at most *limit* seconds".

        Where it depends on batches that were unfinished the judgement is INCONCLUSIVE.
        """
        if not self.knows_ready:
            return Judgement.INCONCLUSIVE
        least = self.percentile(percent)
        if not least.at_least or least.below(limit) is Judgement.FAIL:
            return least.below(limit)
        most = [values for values in self._at_most if values.size]
        if any(math.isinf(percentile(values, percent)) for values in most):
            return Judgement.INCONCLUSIVE
        judgement = percentile_estimate(most, percent, self.confidence).below(limit)
        return judgement if judgement is Judgement.PASS else Judgement.INCONCLUSIVE

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per replication; with unfinished batches percentiles are the least they can be."""
        import pandas as pd  # heavy: only whoever wants a frame pays

        rows = [
            {
                "replication": each.number,
                "batches": int(_counted(each, self).sum()),
                "failed": int((_counted(each, self) & ~each.is_ready & ~each.is_open).sum()),
                "unfinished": int((_counted(each, self) & each.is_open).sum()),
                **{f"p{percent}_s": _percentile(values, percent) for percent in (50, 95, 99)},
            }
            for each, values in zip(self.replications, self.ready, strict=True)
        ]
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        estimates = "".join(
            f"<tr><th>p{percent}</th><td>{self.percentile(percent)} s</td></tr>"
            for percent in (50, 95, 99)
            if self.knows_ready
        )
        return f"<table>{estimates}</table>{self.to_frame().to_html(index=False)}"


def experiment(
    scenario: Scenario | str | Path,
    *,
    replications: int = FIRST,
    precision: float | None = None,
    percent: float = 95,
    warm_up: float | None = None,
    cool_down: float | None = None,
    confidence: float = 0.95,
    processes: int | None = None,
    state_machine: str | Path | Mapping[str, Any] | None = None,
    platform: Preset | None = None,
    overrides: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Experiment:
    """
    Simulate a scenario several times.

    A script that asks for more than one process must be importable (``if __name__ == "__main__":``).

    Args:
        replications: How many; with *precision* the most there may be.
        precision: Go on until the half-width of the percentile is this part of it, e.g. 0.05.
        percent: Which percentile of the time to READY *precision* is about.
        warm_up: Arrivals before it do not count [s]; found by MSER-5 over all replications if None, and
            never less than the scenario's own.
        cool_down: Likewise the last arrivals [s]; the time three in four batches take if None.
        processes: How many play side by side; as many as there are processors if None.
        progress: Told how many replications are done.

    Raises:
        ValueError: As `harness.lab.sim.simulation.simulate`; or there is nothing to replicate, warm-up and
            cool-down leave nothing to count, or another number makes no sense.
    """
    for name, number in (("replication", replications), ("process", processes)):
        if number is not None and number < 1:
            raise ValueError(f"an experiment has at least one {name}, not {number}")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, e.g. 0.95, not {confidence:g}")
    nearest_rank(percent, 1)
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    must_leave_arrivals(scenario, scenario.warm_up_s if warm_up is None else warm_up, cool_down or 0.0)
    settings = platform_of(scenario, platform, overrides)
    machine, _ = read_machine(state_machine)
    play = partial(replicate, scenario, settings, machine)
    summarise = partial(_summarise, scenario, warm_up=warm_up, cool_down=cool_down, confidence=confidence)
    with parallel_map(processes, replications) as play_all:
        done: list[int] = []

        def play_some(numbers: Sequence[int]) -> list[Replication]:
            found = []
            for each in play_all(play, numbers):
                found.append(each)
                done.append(each.number)
                if progress is not None:
                    progress(len(done))
            return found

        if precision is None:
            return summarise(play_some(range(replications)))
        precise = run_until(
            play_some,
            lambda played: found.percentile(percent) if (found := summarise(played)).knows_ready else None,
            precision=precision,
            at_most=replications,
        )
    return summarise(precise.replications, reached=precise.reached)


def must_leave_arrivals(scenario: Scenario, warm_up: float, cool_down: float = 0.0) -> None:
    """
    Make sure that a warm-up [s] ends before the arrivals do, and before the cool-down [s] begins.

    Raises:
        ValueError: It does not, or one of them is no time.
    """
    if not 0 <= warm_up < scenario.duration_s:
        raise ValueError(
            f"a warm-up is at least 0 s and shorter than the {scenario.duration_s:g} s arrivals keep coming, "
            f"not {warm_up:g} s"
        )
    left = scenario.duration_s - warm_up
    if not 0 <= cool_down < left:
        raise ValueError(
            f"a cool-down is at least 0 s and shorter than the {left:g} s after the warm-up, "
            f"not {cool_down:g} s"
        )


def compare(ours: Experiment, theirs: Experiment, percent: float = 95) -> Estimate:
    """
    Return how much later *ours* is READY than *theirs*, at a percentile [s].

    Replication *i* of both has the same arrivals, batches and service times. The longer warm-up and cool-down
    of the two hold for both; a replication in which one of them has nothing READY is left out.

    Raises:
        ValueError: They have different numbers of replications, or other arrivals; no batch became READY in
            both; or which is later depends on batches that were unfinished.
    """
    if len(ours.replications) != len(theirs.replications):
        raise ValueError(
            f"{len(ours.replications)} replications cannot be paired with {len(theirs.replications)}"
        )
    if not ours.scenario.users and any(
        not np.array_equal(one.arrived_at, other.arrived_at)
        for one, other in zip(ours.replications, theirs.replications, strict=True)
    ):
        raise ValueError("they have other arrivals: compare systems under one scenario and one seed")
    warm_up = max(ours.warm_up, theirs.warm_up, key=lambda each: each.until)
    cool_down = max(ours.cool_down, theirs.cool_down)
    ours, theirs = (replace(each, warm_up=warm_up, cool_down=cool_down) for each in (ours, theirs))
    for each in (ours, theirs):
        if each.knows_ready and each.percentile(percent).at_least:
            raise ValueError(
                f"{each.unfinished} batches had not ended when their replication did, and the percentile "
                f"depends on them: a longer drain_s lets them end"
            )
    pairs = [
        (percentile(one, percent), percentile(other, percent))
        for one, other in zip(ours.ready, theirs.ready, strict=True)
        if one.size and other.size
    ]
    if not pairs:
        raise ValueError("no replication has batches that became READY in both")
    mine, others = zip(*pairs, strict=True)
    return paired_difference(mine, others, ours.confidence)


def _summarise(
    scenario: Scenario,
    replications: Sequence[Replication],
    *,
    warm_up: float | None,
    cool_down: float | None,
    confidence: float,
    reached: bool = True,
) -> Experiment:
    found = WarmUp(scenario.warm_up_s if warm_up is None else warm_up)
    if warm_up is None:
        detected = detect(
            [each.arrived_at for each in replications],
            [each.ready for each in replications],
            scenario.duration_s,
        )
        found = WarmUp(max(detected.until, scenario.warm_up_s), detected.warning)
    if cool_down is None:
        times = np.concatenate([each.ready for each in replications])
        typical = percentile(times, 75) if times.size else 0.0
        cool_down = min(typical, COOL_DOWN_AT_MOST * scenario.duration_s)
    return Experiment(scenario, tuple(replications), found, cool_down, confidence, reached)


def _some(found: Sequence[NDArray[Any]], did: str, of: Experiment) -> list[NDArray[Any]]:
    """Return what was found in those replications in which there was anything."""
    some = [values for values in found if values.size]
    if not some:
        last = of.scenario.duration_s - of.cool_down
        raise ValueError(f"no batch {did} from {of.warm_up.until:g} s to {last:g} s")
    return some


def _counted(replication: Replication, of: Experiment) -> NDArray[np.bool_]:
    last = of.scenario.duration_s - of.cool_down
    return np.asarray((replication.arrived_at >= of.warm_up.until) & (replication.arrived_at < last))


def _percentile(values: Floats, percent: float) -> float:
    return percentile(values, percent) if values.size else math.nan
