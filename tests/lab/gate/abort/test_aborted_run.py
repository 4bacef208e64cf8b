"""
The verdict over a run that was ended early by one of its objectives.
"""

import pytest

from harness.lab.gate.abort.aborted_run import after_abort
from harness.lab.gate.evaluate_run import evaluate_run
from harness.lab.gate.measure import measure
from harness.lab.gate.objective import Objective
from harness.lab.gate.outputs import junit, markdown
from harness.lab.gate.verdict import Outcome
from harness.lab.results.notes import ABORTED
from tests.lab.conftest import ready

CAUSE = "p95(E2E:ready) <= 5 s"
NOTE = {"objective": CAUSE, "at_s": 12.0, "why": "31 are above the limit; of at most 600, 30 may be"}
SENTENCE = (
    "aborted 120 s into a run of 600 s of model time: 31 are above the limit; of at most 600, 30 may be"
)


def verdict(recorder, *texts: str, note=NOTE):
    rows = [ready(one * 0.1, 0.7) for one in range(40)]
    run = recorder.run(*rows, time_scale=10.0, notes={ABORTED: note})
    return evaluate_run(run, [], [Objective.parse(text) for text in texts])


def test_the_objective_that_ended_the_run_is_breached_everywhere(recorder):
    """
    40 samples are too few for p95, but the breach is certain. Sentence, JUnit and summary say when and why.
    """
    found = verdict(recorder, CAUSE)

    assert (found.outcome, found.exit_code) == (Outcome.BREACH, 3)
    assert found.sentence == f"Breached. {CAUSE}: {SENTENCE}."
    assert found.aborted == SENTENCE
    assert SENTENCE in junit(found)
    assert SENTENCE in markdown(found)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("count(E2E:ready) >= 500", Outcome.INCONCLUSIVE),
        ("rate(E2E:ready) >= 1 /s", Outcome.INCONCLUSIVE),
        ("count(E2E:ready) <= 30", Outcome.BREACH),
        ("count(E2E:ready) == 0", Outcome.BREACH),
        ("count(E2E:ready) == 39", Outcome.BREACH),
        ("count(E2E:ready) == 41", Outcome.INCONCLUSIVE),
        ("count(E2E:ready) != 40", Outcome.INCONCLUSIVE),
        ("count(POST uploads) == 0", Outcome.INCONCLUSIVE),
        ("count(E2E:ready) == 0 for 1 of 1 x 60s", Outcome.BREACH),
        ("count(E2E:ready) == 40 for 1 of 1 x 60s", Outcome.INCONCLUSIVE),
        ("count(E2E:ready) >= 30", Outcome.PASS),
        ("max(E2E:ready) <= 1 s", Outcome.BREACH),
    ],
)
def test_other_objectives_are_not_blamed_for_missing_arrivals(recorder, text, outcome):
    """
    What the rest of the run could have added is undecided.
    """
    assert verdict(recorder, CAUSE, text).objectives[1].outcome is outcome


def test_an_alarm_that_the_evaluation_does_not_confirm_is_undecided(recorder):
    """
    While the run went on, data were missing that would have kept the alarm quiet.
    """
    objective = Objective.parse("alarm(deep) == OK")
    note = NOTE | {"objective": objective.text, "why": "the alarm fired"}
    run = recorder.run(notes={ABORTED: note})

    outcomes = [
        after_abort(run, [objective], [measure(objective, run, {"deep": state})])[0].outcome
        for state in ("OK", "ALARM")
    ]

    assert outcomes == [Outcome.INCONCLUSIVE, Outcome.BREACH]


def test_a_verdict_for_another_reason_still_says_that_the_run_was_aborted(recorder):
    """
    Doubts about the figures take precedence over the breach.
    """
    rows = [ready(1.0, 0.7)]
    notes = {ABORTED: NOTE, "generator": {"findings": ["schedule lag"], "offered": 1, "achieved": 1.0}}
    found = evaluate_run(recorder.run(*rows, time_scale=10.0, notes=notes), [], [Objective.parse(CAUSE)])

    assert found.outcome is Outcome.INCONCLUSIVE
    assert any(SENTENCE[1:] in remark for remark in found.remarks())
