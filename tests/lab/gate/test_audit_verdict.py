"""
What the audits of a run say to its verdict.
"""

import json
import shutil
from pathlib import Path

import pytest

from harness.audit.auditor import Audit
from harness.audit.ledger import Violation
from harness.lab.gate.audit_verdict import AuditVerdict
from harness.lab.gate.evaluate_run import evaluate_run
from harness.lab.gate.outputs import junit, markdown
from harness.lab.gate.verdict import Outcome, overall_outcome
from harness.lab.report.page import render
from harness.lab.results.audit_file import write_audit
from harness.lab.results.run import Run
from tests.lab.conftest import alarm_verdict

RUNS = Path(__file__).parents[3] / "fixtures" / "runs"

LOST = Violation("batch-lost", "b1", "was accepted and is PROCESSING")
TWICE = Violation("job-ended-twice", "job 4", "of batch b2 was ended 2 times")


def audit(*violations, unfinished=0, accepted=7, **changes):
    facts = {"applied": ("batch-lost",), "not_applied": ("message-lost",), "stories": {"b1": ("created",)}}
    return Audit(8, accepted, unfinished, violations=violations, **{**facts, **changes})


def test_a_run_that_was_not_audited_says_nothing():
    """
    Runs of earlier versions have no audit.
    """
    assert AuditVerdict.of({}) is None


def test_the_audits_together():
    """
    A rule is without facts if no source has them; a violation that both found is named once.
    """
    stack = audit(LOST, TWICE, accepted=9, applied=("batch-lost", "message-lost"), not_applied=())
    found = AuditVerdict.of({"tables": audit(LOST, unfinished=1), "stack": stack})

    assert found.sources == ("tables", "stack")
    assert (found.accepted, found.unfinished) == (9, 1)
    assert found.violations == (str(LOST), str(TWICE))
    assert found.not_applied == ()
    assert found.sentence == "the audit of tables and stack found 2 violations"


@pytest.mark.parametrize(
    ("unfinished", "sentence"),
    [
        (0, "the audit of tables found nothing lost or doubled in 7 batches"),
        (2, "the audit of tables found nothing lost or doubled in 7 batches; 2 had not ended"),
    ],
)
def test_nothing_lost(unfinished, sentence):
    """
    Batches that had not ended are named: nothing is known about them.
    """
    assert AuditVerdict.of({"tables": audit(unfinished=unfinished)}).sentence == sentence


def test_a_violation_takes_precedence_over_doubts_and_breaches_but_not_over_security():
    """
    A loss is a fact, however the figures were measured.
    """
    lost = AuditVerdict.of({"tables": audit(LOST)})
    fired = alarm_verdict("dead", Outcome.BREACH, fired_at_s=1.0, why="It fired.")

    assert overall_outcome([fired], [], ["A worker was lost."], 0, (), lost) == (
        Outcome.AUDIT,
        (f"{LOST}.",),
    )
    assert overall_outcome([fired], [], [], 1, (), lost)[0] is Outcome.SECURITY


def test_only_the_first_violations_are_in_the_sentence():
    """
    A broken service may break thousands.
    """
    many = [Violation("batch-lost", f"b{number}", "is lost") for number in range(5)]
    reasons = AuditVerdict.of({"tables": audit(*many)}).reasons

    assert len(reasons) == 4
    assert reasons[-1] == "And 2 more violations."


@pytest.fixture
def checked(tmp_path):
    """
    The verdict over a run with this audit in its folder.
    """

    def checked(found):
        run = Run.load(shutil.copytree(RUNS / "smoke_live", tmp_path / "smoke"))
        write_audit(run.folder, "tables", found)
        return run, evaluate_run(run, [])

    return checked


def test_the_verdict_of_a_run_that_lost_a_batch(checked):
    """
    It exits with 7, and summary, JUnit and page name the batch.
    """
    run, verdict = checked(audit(LOST))

    assert verdict.outcome is Outcome.AUDIT
    assert verdict.exit_code == 7
    assert verdict.sentence == f"Lost or doubled. {LOST}."
    assert str(LOST) in markdown(verdict)
    assert 'name="nothing is lost or doubled"><failure' in junit(verdict)
    page = render(run, verdict).read_text()
    assert "Lost or doubled" in page
    assert "every accepted batch is READY or FAILED" in page
    assert str(LOST) in page


def test_the_verdict_of_a_run_that_lost_nothing(checked):
    """
    The audit is a remark.
    """
    run, verdict = checked(audit())

    assert verdict.outcome is not Outcome.AUDIT
    assert "- The audit of tables found nothing lost or doubled in 7 batches" in markdown(verdict)
    assert json.loads((run.folder / "audit.json").read_text())["audits"]["tables"]["accepted"] == 7
    assert "Nothing was lost or doubled in 7 accepted batches." in render(run, verdict).read_text()
