"""
The verdict over the objectives of a run that was aborted because one of them could no longer be met.

The arrivals after the abort are missing. The objective that ended the run is breached. Another one that wants
at least a number of requests is undecided if it is not met.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.lab.gate.objective import Objective
from harness.lab.gate.verdict import ObjectiveVerdict, Outcome
from harness.lab.results.notes import ABORTED

if TYPE_CHECKING:
    from harness.lab.results.run import Run

GROWING = ("count", "total", "rate")
"""Functions whose value is smaller in a shorter run."""


def abort_sentence(run: "Run") -> str:
    """Return when and why a run was aborted; empty if it was not."""
    noted = _noted(run)
    if noted is None:
        return ""
    at = run.model_seconds(float(noted["at_s"]))
    length = float(run.scenario.get("duration_s", 0.0))
    unit = "" if run.time_scale == 1 else " of model time"
    return f"aborted {at:.0f} s into a run of {length:.0f} s{unit}: {noted['why']}"


def after_abort(
    run: "Run", objectives: Sequence[Objective], measured: Sequence[ObjectiveVerdict]
) -> tuple[ObjectiveVerdict, ...]:
    """Return the verdicts over the objectives of a run; they change only if it was aborted."""
    noted = _noted(run)
    if noted is None:
        return tuple(measured)
    sentence = abort_sentence(run)
    return tuple(
        _after_abort(objective, verdict, noted["objective"] == objective.text, sentence)
        for objective, verdict in zip(objectives, measured, strict=True)
    )


def _after_abort(
    objective: Objective, verdict: ObjectiveVerdict, is_cause: bool, sentence: str
) -> ObjectiveVerdict:
    if is_cause:
        # Whether the alarm fired is decided by all its data, and these are complete only now.
        is_confirmed = objective.function != "alarm" or verdict.outcome is Outcome.BREACH
        outcome = Outcome.BREACH if is_confirmed else Outcome.INCONCLUSIVE
        doubt = "" if is_confirmed else "; the evaluation after the run does not confirm it"
        return replace(verdict, outcome=outcome, why=f"{objective.text}: {sentence}{doubt}.")
    is_open = objective.function in GROWING and _can_still_be_met(objective, verdict.value)
    if verdict.outcome is Outcome.BREACH and is_open:
        why = f"{objective.text}: the run was aborted before it could be met."
        return replace(verdict, outcome=Outcome.INCONCLUSIVE, why=why)
    return verdict


def _can_still_be_met(objective: Objective, value: float | str | None) -> bool:
    """Return whether more arrivals could meet an objective that its *value* breaks; None is no data yet."""
    if objective.comparison != "==":
        return objective.comparison in (">", ">=", "!=")
    if value is None:
        return True
    if objective.window is not None:
        # The periods after the abort are empty; they break any limit but 0.
        return not objective.holds(0.0)
    return float(value) < float(objective.limit)


def _noted(run: "Run") -> dict[str, Any] | None:
    noted = run.header.notes.get(ABORTED)
    if noted is None:
        return None
    if not isinstance(noted, dict) or not {"objective", "at_s", "why"} <= noted.keys():
        raise ValueError(f"{run.folder}/run.json: {ABORTED} needs objective, at_s and why")
    return noted
