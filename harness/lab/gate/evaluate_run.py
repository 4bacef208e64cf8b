"""
The evaluation of a run: its alarms and objectives become a verdict.

Alarms are evaluated in model time at the minutes of the run's own clock (UTC for a live run), from its start
to the first minute at or after its end.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.lab.alarms.account import Account
from harness.lab.alarms.composite import AnyAlarm, in_order
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.template_alarms import template_alarms
from harness.lab.alarms.timeline import EvaluationRules
from harness.lab.gate.abort.aborted_run import abort_sentence, after_abort
from harness.lab.gate.audit_verdict import AuditVerdict
from harness.lab.gate.evaluation_session import EvaluationSession
from harness.lab.gate.measure import measure
from harness.lab.gate.objective import Objective, objectives_of
from harness.lab.gate.regression.regression_check import regressions
from harness.lab.gate.regression.regression_limit import RegressionLimit
from harness.lab.gate.run_findings import (
    STEP_COLUMNS,
    doubts_of,
    failure_streaks,
    unfinished,
    warnings_of,
)
from harness.lab.gate.verdict import Outcome, RegressionVerdict, Verdict, overall_outcome
from harness.lab.results.audit_file import read_audits

if TYPE_CHECKING:
    from harness.lab.results.run import Run


def check_run(
    run: "Run",
    *,
    template: Path | None = None,
    endpoint: str | None = None,
    rules: EvaluationRules | None = None,
    baseline: Sequence[Path] = (),
    max_regression: Sequence[str] = (),
) -> Verdict:
    """
    Evaluate a run by the objectives of its scenario and the alarms of a template or of an endpoint.

    Args:
        baseline: Run folders, or folders of runs, to compare with.
        max_regression: How much worse than the baseline each figure may be; see `RegressionLimit`.

    Raises:
        ValueError: The run, the template or an objective cannot be read.
        OSError: A file cannot be read.
    """
    limits = [RegressionLimit.parse(text) for text in dict.fromkeys(max_regression)]
    if limits and not baseline:
        raise ValueError("a maximum regression needs a baseline to compare with")
    compared = tuple(regressions(run, baseline, limits)) if baseline else ()
    return evaluate_run(run, alarms_from(template, endpoint), objectives_of(run), rules, compared)


def alarms_from(template: Path | None = None, endpoint: str | None = None) -> Sequence[AnyAlarm]:
    """
    Return the alarms of a template (by default the project's own), or of an endpoint (``aws``: AWS itself).

    An alarm that is not supported is an error in a template. An account can hold alarms of other systems;
    there it is returned as unevaluated. Errors are those of `check_run`.
    """
    if endpoint is not None:
        return Account(None if endpoint == "aws" else endpoint).alarms()
    return template_alarms() if template is None else template_alarms(template)


def evaluate_run(
    run: "Run",
    alarms: Iterable[AnyAlarm],
    objectives: Sequence[Objective] = (),
    rules: EvaluationRules | None = None,
    compared: Sequence[RegressionVerdict] = (),
) -> Verdict:
    """
    Return the verdict over a run; *compared* are its comparisons with a baseline.

    An alarm is skipped if it cannot be evaluated, or if ``notes["unobserved_namespaces"]`` of the run's
    header names its namespace: the recorder could not observe it. A composite alarm that watches a skipped
    alarm is skipped too.

    Raises:
        RunUnreadable: A table is missing or damaged.
        ValueError: A composite alarm watches an alarm that does not exist, or a value of the run is invalid.
    """
    about_alarms = [one for one in objectives if one.function == "alarm"]
    with_objective = frozenset(one.selector for one in about_alarms)
    without_data = frozenset(one.selector for one in about_alarms if _wants_no_data(one))
    session = EvaluationSession(run, with_objective, rules or EvaluationRules(), without_data)
    for alarm in in_order(alarms):
        session.evaluate(alarm)
    states = {one.name: "ALARM" if one.fired_at_s is not None else one.state for one in session.verdicts}
    undecided = {one.name: one.why for one in session.verdicts if one.outcome is Outcome.INCONCLUSIVE}
    measured = after_abort(run, objectives, [measure(one, run, states, undecided) for one in objectives])
    doubts = tuple(doubts_of(run))
    breaches_of_security = int((run.timings["outcome"] == "breached").sum())
    audit = AuditVerdict.of(read_audits(run.folder))
    outcome, reasons = overall_outcome(
        session.verdicts, measured, doubts, breaches_of_security, compared, audit
    )
    return Verdict(
        run=run.id,
        outcome=outcome,
        reasons=reasons,
        alarms=tuple(session.verdicts),
        objectives=measured,
        streaks=tuple(failure_streaks(run.arrow("steps", STEP_COLUMNS).to_pandas(), run.time_scale)),
        unfinished=unfinished(run.batches, session.length / run.time_scale, run.time_scale),
        doubts=doubts,
        breaches_of_security=breaches_of_security,
        regressions=tuple(compared),
        target=run.header.target_text,
        aborted=abort_sentence(run),
        conditions=run.header.conditions_text,
        warnings=tuple(warnings_of(run)),
        audit=audit,
    )


def _wants_no_data(objective: Objective) -> bool:
    return objective.comparison == "==" and objective.limit == AlarmState.INSUFFICIENT_DATA
