"""The report of an experiment: its estimates as text, and the results of the objectives that it can check."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.lab.gate.objective import Objective
from harness.lab.sim.experiment.experiment import Experiment
from harness.lab.sim.experiment.quantiles import Estimate, LimitResult


@dataclass(frozen=True)
class ExperimentReport:
    """
    The estimates by name, as text, and the results of the objectives on percentiles of the time to READY.
    """

    experiment: Experiment
    estimates: dict[str, str]
    objectives: dict[str, LimitResult]

    @classmethod
    def of(cls, experiment: Experiment) -> "ExperimentReport":
        return cls(experiment, dict(_estimates(experiment)), dict(_objectives(experiment)))

    @property
    def warnings(self) -> Iterator[str]:
        """Sentences about the reliability of the estimates."""
        if self.experiment.warm_up.warning:
            yield self.experiment.warm_up.warning
        if self.experiment.unfinished:
            yield (
                f"{self.experiment.unfinished} of the counted batches had not ended when their replication "
                f"did: percentiles are lower bounds; increase drain_s"
            )

    @property
    def result(self) -> LimitResult:
        """The result of all objectives, and of the required precision, together."""
        results = set(self.objectives.values())
        if LimitResult.FAIL in results:
            return LimitResult.FAIL
        if LimitResult.INCONCLUSIVE in results or not self.experiment.reached:
            return LimitResult.INCONCLUSIVE
        return LimitResult.PASS

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        found = self.experiment
        document = {
            "replications": len(found.replications),
            "warm_up_s": found.warm_up.until,
            "warning": found.warm_up.warning,
            "cool_down_s": found.cool_down,
            "unfinished": found.unfinished,
            "precision_reached": found.reached,
            "estimates": self.estimates,
            "objectives": self.objectives,
        }
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")


def _estimates(found: Experiment) -> Iterator[tuple[str, str]]:
    for percent in (50, 95, 99):
        yield f"p{percent}(E2E:ready)", _as_text(partial(found.percentile, percent), " s")
    yield "fail_ratio(E2E:ready)", _as_text(lambda: found.failed)
    yield "counted from", f"{found.warm_up.until:g} s"


def _as_text(estimate: Callable[[], Estimate], unit: str = "") -> str:
    """Return an estimate as text, or the reason why there is none."""
    try:
        return f"{estimate()}{unit}"
    except ValueError as error:
        return str(error)


def _objectives(found: Experiment) -> Iterator[tuple[str, LimitResult]]:
    for stated in found.scenario.objectives:
        objective = Objective.parse(stated.expression)
        is_of_ready = (
            objective.selector in ("E2E:ready", "E2E ready", "ready") and objective.function[0] == "p"
        )
        if is_of_ready and objective.comparison in ("<", "<=") and objective.window is None:
            percent, limit = float(objective.function[1:]), float(objective.limit)
            yield stated.expression, found.check_limit(percent, limit)
