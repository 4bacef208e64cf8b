"""
The audit of a run by its tables.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harness.lab.results.audit_file import read_audits, write_audit
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow, StepRow
from harness.lab.results.run import RunHeader, RunUnreadable
from harness.lab.results.table_audit import audit_tables
from harness.lab.results.writer import RunWriter


def job(batch="b1", number=1, attempt=1, **changes):
    times = {"created_at": 1.0, "received_at": 2.0, "started_at": 3.0, "finished_at": 9.0}
    return BatchRow(
        batch, 5, number, attempt, "SHOOT", 1, 0, 0, 12, 1.0, **{**times, "outcome": "READY", **changes}
    )


def step(number=1, state="Validate", attempt=1, at=3.0, outcome="SUCCEEDED"):
    finished = None if outcome is None else at + 1
    return StepRow(number, state, 0, attempt, at, at, finished, outcome)


@pytest.fixture
def audited(tmp_path):
    """
    Audit a run with these rows.
    """

    def audited(*rows, engine="live"):
        header = RunHeader(
            id="r1",
            engine=engine,
            scenario_name="steady",
            scenario={},
            scenario_hash="abc",
            seed=7,
            started_at=datetime(2026, 11, 23, tzinfo=UTC),
        )
        writer = RunWriter(tmp_path / "r1", header)
        with writer.part() as part:
            for row in rows:
                part.add(row)
        return audit_tables(writer.finish(duration_s=10.0))

    return audited


def broken(audit):
    return {violation.rule for violation in audit.violations}


def test_a_whole_run_breaks_no_rule(audited):
    """
    A batch that failed, was retried and is READY now.
    """
    found = audited(job(outcome="FAILED"), job(number=2, attempt=2), step(), step(2), step(2, "Zip", at=4.0))

    assert found.violations == ()
    assert (found.batches, found.accepted, found.unfinished) == (1, 1, 0)
    assert "execution-doubled" in found.applied
    assert {"listing-disagrees", "download-missing", "message-lost"} <= set(found.not_applied)


def test_regular_batches_are_counted_beside_those_that_break_a_rule(audited):
    """
    One job that ended once, with one execution that ended, is regular; the second batch is lost.
    """
    found = audited(job(), step(), job("b2", 2, outcome=None, finished_at=None), step(2))

    assert broken(found) == {"batch-lost", "job-unfinished"}
    assert {violation.subject for violation in found.violations} == {"b2", "job 2"}
    assert (found.batches, found.accepted) == (2, 2)


def test_an_empty_run_breaks_no_rule(audited):
    """
    There is nothing to be lost.
    """
    assert audited().violations == ()


def test_a_batch_without_an_end_is_lost_with_its_story(audited):
    """
    It was received, was not censored, and has no outcome.
    """
    request = RequestRow(0, 0, "POST", "uploads/complete", 202, "ok", 1.5, 1.5, 2.0, batch_id="b1")
    found = audited(job(outcome=None, finished_at=None), job("b2", 2), request)

    assert broken(found) == {"batch-lost", "job-unfinished"}
    assert list(found.stories) == ["b1"]
    assert "2.00 s: received (attempt 1)" in found.stories["b1"]
    assert "1.50 s: POST uploads/complete was ok (202)" in found.stories["b1"]


def test_a_censored_batch_may_still_end(audited):
    """
    The run ended before it did.
    """
    found = audited(job(outcome=None, finished_at=None, censored=True))

    assert found.violations == ()
    assert found.unfinished == 1


def test_a_job_that_ended_twice_is_doubled(audited):
    """
    Two rows have the same job and an outcome.
    """
    assert broken(audited(job(), job())) == {"job-ended-twice"}


def test_a_second_execution_is_found(audited):
    """
    A job enters the first state of the machine once in its first attempt.
    """
    assert broken(audited(job(), step(), step(at=6.0))) == {"execution-doubled"}


def test_a_retried_state_is_no_second_execution(audited):
    """
    Its attempts are numbered.
    """
    assert broken(audited(job(), step(outcome="FAILED"), step(attempt=2, at=5.0))) == set()


def test_an_execution_that_still_runs_is_found(audited):
    """
    Although its job has ended.
    """
    assert broken(audited(job(), step(), step(state="Zip", at=4.0, outcome=None))) == {"execution-running"}


@pytest.mark.parametrize(("engine", "rules"), [("simpy", {"counter-disagrees"}), ("live", set())])
def test_the_counter_of_a_simulated_run_must_agree(audited, engine, rules):
    """
    A live service may have other clients.
    """
    metric = MetricRow(9.0, "media_batches_created_total", '{"status":"READY"}', 2)

    assert broken(audited(job(), metric, engine=engine)) == rules


def test_each_source_has_its_audit_in_the_file(audited, tmp_path):
    """
    A newer one replaces that of the same source only.
    """
    audit = audited(job(outcome=None, finished_at=None))
    newer = replace(audit, violations=())
    write_audit(tmp_path, "stack", audit)
    write_audit(tmp_path, "tables", audit)
    write_audit(tmp_path, "tables", newer)

    assert read_audits(tmp_path) == {"stack": audit, "tables": newer}


def test_a_folder_without_the_file_has_no_audit(tmp_path):
    """
    Runs of earlier versions were not audited.
    """
    assert read_audits(tmp_path) == {}


def test_a_damaged_file_is_named(tmp_path):
    """
    As any other part of a run folder.
    """
    (tmp_path / "audit.json").write_text('{"audits": {"tables": {}}}')

    with pytest.raises(
        RunUnreadable, match=r"audit\.json is not a valid audit: audits\.tables\.\w+: [^\n]+$"
    ):
        read_audits(tmp_path)


@pytest.mark.parametrize(("engine", "rules"), [("simpy", {"execution-doubled"}), ("live", set())])
def test_a_job_without_an_execution_is_wrong_in_a_simulated_run(audited, engine, rules):
    """
    A live run may lack the histories that a restarted local AWS has forgotten.
    """
    assert broken(audited(job(), job("b2", 2), step(), engine=engine)) == rules


def test_executions_of_other_clients_are_not_judged(audited):
    """
    A stack may serve somebody else during the run; the rows of a lost worker are missing.
    """
    assert broken(audited(job(), step(), step(99), step(99, at=4.0))) == set()
