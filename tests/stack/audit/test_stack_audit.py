"""
The audit of a running stack: a whole run passes, and each kind of damage is found with its story.
"""

import json
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.stack.audit.stack_audit import StackAuditor, finished_whole

pytestmark = pytest.mark.stack

BUCKET = "toq-listing-medias"


@pytest.fixture(scope="module")
def began_at():
    return time.time()


@pytest.fixture(scope="module")
def ready(uploader, began_at):
    """
    A batch that is READY: its listing, its id and its auditor.
    """
    listing, batch = uploader.upload(photos=2, videos=0)
    assert uploader.status(listing, batch)["status"] == "READY"
    return listing, batch


@pytest.fixture
def auditor(modelled_stack, began_at, ready):
    return StackAuditor(modelled_stack, began_at)


@pytest.fixture
def rewrite(modelled_stack):
    """
    Change rows behind the service's back.
    """

    def rewrite(sql, *parameters):
        address = DatabaseAddress.parse(modelled_stack.database_url)
        with closing(Pool(address, size=1)) as pool, pool.transaction() as session:
            session.write(Statement("update", "listing_media_batches", sql), *parameters)

    return rewrite


def broken(audit):
    return {violation.rule for violation in audit.violations}


def test_a_whole_run_breaks_no_rule(auditor):
    """
    Every rule is applied, and the callbacks are counted by the logs.
    """
    found = auditor.audit()

    assert found.violations == ()
    assert found.not_applied == ()
    assert (found.batches, found.accepted, found.unfinished) == (1, 1, 0)
    ledger = auditor.ledger(auditor.rows())
    assert [(job.status, job.ends, job.messages) for job in ledger.jobs] == [("SUCCEEDED", 1, 1)]
    assert [execution.status for execution in ledger.executions] == ["SUCCEEDED"]
    assert [listing.status for listing in ledger.listings] == [7]


def test_a_download_that_is_gone_is_found(auditor, client, ready):
    """
    With the batch that offers it, and the story of the batch.
    """
    _, batch = ready
    storage = client("s3")
    key = next(
        each["Key"]
        for each in storage.list_objects_v2(Bucket=BUCKET)["Contents"]
        if f"/{batch}/" in each["Key"] and "/large/" in each["Key"]
    )
    content = storage.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    storage.delete_object(Bucket=BUCKET, Key=key)
    try:
        found = auditor.audit()
    finally:
        storage.put_object(Bucket=BUCKET, Key=key, Body=content, ContentType="image/jpeg")

    assert broken(found) == {"download-missing"}
    assert any(key in violation.text for violation in found.violations)
    assert any("SUCCEEDED" in line for line in found.stories[batch])


def test_a_download_that_does_not_decode_and_a_raw_file_that_changed_are_found(auditor, client, ready):
    """
    Content is checked, not only existence; an upload by its SHA-256.
    """
    _, batch = ready
    storage = client("s3")
    keys = [
        each["Key"] for each in storage.list_objects_v2(Bucket=BUCKET)["Contents"] if batch in each["Key"]
    ]
    large = next(key for key in keys if "/large/" in key)
    raw = next(key for key in keys if "/raw/" in key)
    contents = {key: storage.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in (large, raw)}
    for key in contents:
        storage.put_object(Bucket=BUCKET, Key=key, Body=b"damaged")
    try:
        ledger = auditor.ledger(auditor.rows())
    finally:
        for key, content in contents.items():
            storage.put_object(Bucket=BUCKET, Key=key, Body=content)

    assert set(ledger.broken) == {large, raw}
    assert "does not decode" in ledger.broken[large]
    assert "SHA-256" in ledger.broken[raw]


def test_an_object_without_a_batch_is_an_orphan(auditor, client):
    """
    Its key names no batch of the database.
    """
    storage = client("s3")
    key = "9/raw/photo/vertical/00000000-0000-0000-0000-000000000000/c1-a.jpg"
    storage.put_object(Bucket=BUCKET, Key=key, Body=b"?")
    try:
        found = auditor.audit()
    finally:
        storage.delete_object(Bucket=BUCKET, Key=key)

    assert broken(found) == {"object-orphaned"}


def test_a_batch_that_never_ended_is_open_first_and_lost_later(auditor, ready, rewrite, monkeypatch):
    """
    The reconciler ends every job within a known time; only then is a batch lost.
    """
    monkeypatch.setattr("harness.stack.audit.stack_audit.PATIENCE_S", 0.0)
    _, batch = ready
    change = "UPDATE listing_media_batches SET status = %s, received_at = %s WHERE batch_uuid = %s"
    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        rewrite(change, "PROCESSING", now, batch)
        early = auditor.audit()
        rewrite(change, "PROCESSING", now - timedelta(hours=3), batch)
        late = auditor.audit()
    finally:
        rewrite(change, "READY", now, batch)

    assert early.unfinished == 1
    assert "batch-lost" not in broken(early)
    assert late.unfinished == 0
    assert "batch-lost" in broken(late)


def test_work_is_finished_once_its_bundle_is_made_without_a_failed_file():
    """
    Before a time: what is finished after the job has ended does not count.
    """
    at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def events(output):
        details = {"name": "CreateZipBundle", "output": json.dumps(output)}
        return [{"timestamp": at}, {"timestamp": at, "stateExitedEventDetails": details}]

    whole = events({"zip": {"outputs": [{"rawKey": "a"}]}})
    with_a_failed_file = events({"zip": {"outputs": [{"rawKey": "a", "errorCode": "X"}]}})
    caught = events({"error": {"Error": "StorageUnavailable"}})
    after = at + timedelta(seconds=1)

    assert finished_whole(whole, after)
    assert not finished_whole(whole, at - timedelta(seconds=1))
    assert not finished_whole(with_a_failed_file, after)
    assert not finished_whole(caught, after)
    assert not finished_whole([], at)


def test_counts_are_compared_while_no_process_was_restarted(auditor):
    """
    A count that is missing is a violation, then.
    """
    ledger = auditor.ledger(auditor.rows())

    assert not ledger.uncounted
    assert all(counted == stored > 0 for counted, stored in ledger.counters.values())


def test_what_a_restarted_part_has_forgotten_is_no_violation(auditor):
    """
    The local AWS keeps executions in its memory, the local S3 objects, and API and worker their counts.
    """
    longer = replace(auditor, state=replace(auditor.state, started_at=auditor.state.started_at - 3600))
    ledger = longer.ledger(auditor.rows())

    assert ledger.uncounted
    assert not ledger.all_executions
    assert ledger.objects is None
    assert not ledger.broken
    assert auditor.ledger(auditor.rows()).all_executions
