"""
The rules of the audit: a whole ledger passes, and each kind of damage breaks its rule.
"""

from dataclasses import replace

import pytest

from harness.audit.auditor import audit
from harness.audit.ledger import (
    AuditedAsset,
    AuditedBatch,
    AuditedExecution,
    AuditedJob,
    AuditedListing,
    Ledger,
    Violation,
)
from harness.audit.rules import RULES

RAW = "1/raw/photo/vertical/b1/c1-a.jpg"
LARGE = "1/processed/photo/vertical/b1/2/large/c1-a.jpg"
ZIP = "1/zip/b1/2/full.zip"
WHOLE = Ledger(
    listings=(AuditedListing(1, 7, is_development=False), AuditedListing(2, 6, is_development=False)),
    batches=(
        AuditedBatch("b1", 1, "SHOOT", "READY", accepted=True, uploads=(RAW,)),
        AuditedBatch("b2", 2, "SHOOT", "FAILED", accepted=True, uploads=()),
        AuditedBatch("b3", 2, "SHOOT", "PENDING_UPLOAD", accepted=False, is_deleted=True, uploads=()),
    ),
    jobs=(
        AuditedJob(1, "b1", "FAILED", ends=1, messages=1),
        AuditedJob(2, "b1", "SUCCEEDED", ends=1, messages=2),
        AuditedJob(3, "b2", "FAILED", ends=1, messages=1),
    ),
    assets=(
        AuditedAsset("b1", "PHOTO_VERTICAL", RAW, LARGE, (LARGE,)),
        AuditedAsset("b1", "ZIP", ZIP, ZIP, (ZIP,)),
        AuditedAsset("b2", "PHOTO_VERTICAL", "2/raw/photo/vertical/b2/c1-a.jpg", None),
    ),
    executions=(
        AuditedExecution("batch-b1-job-1", 1, "FAILED"),
        AuditedExecution("batch-b1-job-2", 2, "SUCCEEDED", finished_work=True),
        AuditedExecution("batch-b2-job-3", 3, "FAILED"),
    ),
    objects=frozenset({RAW, LARGE, ZIP}),
    unsent=0,
    counters={"media_batches_failed_total": (1, 1)},
    stories={"b1": ("created", "READY"), "b2": ("created", "FAILED")},
)


def with_batch(number, **changes):
    batches = list(WHOLE.batches)
    batches[number - 1] = replace(batches[number - 1], **changes)
    return replace(WHOLE, batches=tuple(batches))


def with_job(number, **changes):
    jobs = list(WHOLE.jobs)
    jobs[number - 1] = replace(jobs[number - 1], **changes)
    return replace(WHOLE, jobs=tuple(jobs))


def with_listing(number, status):
    listings = list(WHOLE.listings)
    listings[number - 1] = replace(listings[number - 1], status=status)
    return replace(WHOLE, listings=tuple(listings))


DAMAGED = [
    ("batch-lost", with_batch(2, status="PROCESSING"), "b2"),
    ("batch-lost", with_batch(3, accepted=True), "b3"),
    ("job-unfinished", with_job(3, status="RUNNING"), "job 3"),
    ("job-ended-twice", with_job(2, ends=2), "job 2"),
    ("job-ended-twice", with_job(3, ends=0), "job 3"),
    ("job-missing", with_batch(3, accepted=True), "b3"),
    ("batch-disagrees", with_batch(1, status="FAILED"), "b1"),
    ("batch-disagrees", with_job(2, status="FAILED"), "b1"),
    ("deleted-in-pipeline", with_batch(1, status="PROCESSING", is_deleted=True), "b1"),
    ("message-lost", with_job(1, messages=0), "job 1"),
    ("message-lost", replace(WHOLE, unsent=2), "the outbox"),
    (
        "execution-doubled",
        replace(WHOLE, executions=(*WHOLE.executions, AuditedExecution("again", 2, "FAILED"))),
        "job 2",
    ),
    (
        "execution-doubled",
        replace(WHOLE, executions=(*WHOLE.executions, AuditedExecution("alien", None, "FAILED"))),
        "alien",
    ),
    ("execution-doubled", replace(WHOLE, executions=WHOLE.executions[::2]), "job 2"),
    (
        "execution-running",
        replace(WHOLE, executions=(*WHOLE.executions[:2], AuditedExecution("late", 3, "RUNNING"))),
        "late",
    ),
    ("listing-disagrees", with_listing(1, 6), "listing 1"),
    ("listing-disagrees", with_listing(2, 7), "listing 2"),
    ("download-missing", replace(WHOLE, objects=frozenset({RAW, ZIP})), "b1"),
    ("download-missing", replace(WHOLE, broken={LARGE: "it does not decode"}), "b1"),
    ("download-missing", replace(WHOLE, assets=WHOLE.assets[::2]), "b1"),
    (
        "output-foreign",
        replace(
            WHOLE,
            assets=(replace(WHOLE.assets[0], keys=(LARGE.replace("/2/", "/1/"),)), *WHOLE.assets[1:]),
        ),
        "b1",
    ),
    ("object-orphaned", replace(WHOLE, objects=WHOLE.objects | {"9/raw/photo/vertical/b9/x.jpg"}), "9/raw"),
    ("object-orphaned", replace(WHOLE, objects=WHOLE.objects | {RAW + "-2"}), RAW),
    ("object-orphaned", replace(WHOLE, objects=WHOLE.objects | {"1/zip/b1/77/full.zip"}), "1/zip/b1/77"),
    ("row-orphaned", with_job(3, batch_id="b9"), "job 3"),
    ("counter-disagrees", replace(WHOLE, counters={"failed": (2, 1)}), "failed"),
    ("counter-disagrees", replace(WHOLE, counters={"failed": (0, 1)}), "failed"),
    (
        "work-thrown-away",
        replace(
            WHOLE,
            executions=(*WHOLE.executions[:2], AuditedExecution("batch-b2-job-3", 3, "SUCCEEDED", True)),
        ),
        "job 3",
    ),
]


def test_a_whole_ledger_breaks_no_rule():
    """
    Every rule is applied.
    """
    outcome = audit(WHOLE)

    assert outcome.violations == ()
    assert outcome.not_applied == ()
    assert outcome.applied == tuple(rule.id for rule in RULES)
    assert (outcome.batches, outcome.accepted) == (3, 2)


@pytest.mark.parametrize(("rule", "ledger", "subject"), DAMAGED)
def test_each_damage_breaks_its_rule(rule, ledger, subject):
    """
    The violation has the id of the rule and names what broke it.
    """
    found = [one for one in audit(ledger).violations if one.rule == rule]

    assert found
    assert any(one.subject.startswith(subject) for one in found)


def test_every_rule_can_be_broken():
    """
    The list above has a case for each.
    """
    assert {rule for rule, *_ in DAMAGED} == {rule.id for rule in RULES}


def test_a_count_may_be_missing_after_a_kill_but_never_too_high():
    """
    Counters live in the process that counts.
    """
    lost = replace(WHOLE, counters={"failed": (0, 1)}, uncounted=True)
    doubled = replace(WHOLE, counters={"failed": (2, 1)}, uncounted=True)

    assert audit(lost).passed
    assert not audit(doubled).passed


def test_the_execution_of_a_job_that_took_too_long_may_still_run():
    """
    The reconciler ends the job after half an hour; the state machine ends its execution after an hour.
    """
    ended = with_job(3, error_code="STUCK_TIMEOUT")
    running = (*WHOLE.executions[:2], AuditedExecution("batch-b2-job-3", 3, "RUNNING"))

    assert audit(replace(ended, executions=running)).passed
    assert not audit(replace(WHOLE, executions=running)).passed


def test_what_a_ledger_does_not_know_is_not_judged():
    """
    The rules that need it are named.
    """
    ledger = replace(with_listing(1, 6), listings=None, executions=None, objects=None, counters=None)
    outcome = audit(ledger)

    assert outcome.passed
    assert set(outcome.not_applied) == {
        "listing-disagrees",
        "execution-doubled",
        "execution-running",
        "object-orphaned",
        "counter-disagrees",
        "work-thrown-away",
    }


def test_the_story_of_a_batch_comes_with_its_violation():
    """
    Only the batches that a violation names.
    """
    noted = Violation("ended-early", "b2", "was abandoned after 3 s")
    outcome = audit(replace(WHOLE, noted=(noted,)))

    assert outcome.violations == (noted,)
    assert outcome.stories == {"b2": ("created", "FAILED")}
