"""The rules of the audit: each takes a ledger, and yields what breaks it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.audit.ledger import AuditedBatch, AuditedJob, Ledger, Violation

READY, FAILED, PENDING_UPLOAD = "READY", "FAILED", "PENDING_UPLOAD"
SUCCEEDED = "SUCCEEDED"
GIVEN_UP = "STUCK_TIMEOUT"
"""The error of a job that took too long: the service ended it, its execution ends by its own time limit."""

WAITING, ADVANCED = 6, 7
"""The statuses of a listing before and after its media are ready."""

Broken = Iterator[tuple[str, str]]
"""The subject and the sentence of each violation."""


@dataclass(frozen=True, slots=True)
class AuditRule:
    """
    One rule.

    Attributes:
        says: What must hold.
        needs: The parts of the ledger that must be known.
    """

    id: str
    says: str
    check: Callable[[Ledger], Broken]
    needs: tuple[str, ...] = ()

    def applies_to(self, ledger: Ledger) -> bool:
        return all(getattr(ledger, name) is not None for name in self.needs)

    def violations(self, ledger: Ledger) -> Iterator[Violation]:
        for subject, text in self.check(ledger):
            yield Violation(self.id, subject, text)


def _lost(ledger: Ledger) -> Broken:
    for batch in ledger.batches:
        if batch.accepted and batch.status not in (READY, FAILED) and not batch.is_open:
            yield batch.id, f"was accepted and is {batch.status}"


def _unfinished(ledger: Ledger) -> Broken:
    open_batches = ledger.open_batches
    for job in ledger.jobs:
        if job.status not in (SUCCEEDED, FAILED) and job.batch_id not in open_batches:
            yield f"job {job.id}", f"of batch {job.batch_id} is {job.status}"


def _doubled(ledger: Ledger) -> Broken:
    for job in ledger.jobs:
        if job.ends is not None and job.status in (SUCCEEDED, FAILED) and job.ends != 1:
            yield f"job {job.id}", f"of batch {job.batch_id} was ended {job.ends} times"


def _jobless(ledger: Ledger) -> Broken:
    with_job = {job.batch_id for job in ledger.jobs}
    for batch in ledger.batches:
        if batch.accepted and batch.id not in with_job:
            yield batch.id, "was accepted and has no job"


def _disagreeing(ledger: Ledger) -> Broken:
    newest = _newest_jobs(ledger)
    for batch in ledger.batches:
        job = newest.get(batch.id)
        expected = {SUCCEEDED: READY, FAILED: FAILED}.get(job.status) if job else None
        if job and expected and not batch.is_deleted and batch.status != expected:
            yield batch.id, f"is {batch.status}, but its newest job {job.id} is {job.status}"


def _deleted_in_pipeline(ledger: Ledger) -> Broken:
    for batch in ledger.batches:
        if batch.is_deleted and batch.status not in (READY, FAILED, PENDING_UPLOAD):
            yield batch.id, f"was deleted while it was {batch.status}"


def _unsent(ledger: Ledger) -> Broken:
    for job in ledger.jobs:
        if job.messages == 0:
            yield f"job {job.id}", f"of batch {job.batch_id} never had a message"
    if ledger.unsent and not ledger.open_batches:
        yield "the outbox", f"has {ledger.unsent} messages that were not sent, or not acknowledged"


def _executions(ledger: Ledger) -> Broken:
    known = {job.id: job for job in ledger.jobs}
    counts = Counter(execution.job_id for execution in ledger.executions or ())
    for execution in ledger.executions or ():
        if execution.job_id not in known:
            yield execution.name, "has no job"
    for job in ledger.jobs:
        if counts[job.id] > 1:
            yield f"job {job.id}", f"has {counts[job.id]} executions"
        if job.status == SUCCEEDED and not counts[job.id] and ledger.all_executions:
            yield f"job {job.id}", "succeeded without an execution"


def _running_executions(ledger: Ledger) -> Broken:
    open_batches = ledger.open_batches
    may_run = {job.id for job in ledger.jobs if job.batch_id in open_batches or job.error_code == GIVEN_UP}
    for execution in ledger.executions or ():
        if execution.status == "RUNNING" and execution.job_id not in may_run:
            yield execution.name, "still runs"


def _listings(ledger: Ledger) -> Broken:
    batches: dict[int, list[AuditedBatch]] = defaultdict(list)
    for batch in ledger.batches:
        batches[batch.listing_id].append(batch)
    ready_once = {job.batch_id for job in ledger.jobs if job.status == SUCCEEDED}
    for listing in ledger.listings or ():
        advancing = [
            batch for batch in batches[listing.id] if batch.family == "SHOOT" or listing.is_development
        ]
        live_ready = [batch for batch in advancing if batch.status == READY and not batch.is_deleted]
        in_pipeline = [
            batch
            for batch in batches[listing.id]
            if not batch.is_deleted and batch.status not in (READY, FAILED, PENDING_UPLOAD)
        ]
        if listing.status == WAITING and live_ready and not in_pipeline:
            yield f"listing {listing.id}", f"did not advance, though batch {live_ready[0].id} is READY"
        if listing.status == ADVANCED and not any(batch.id in ready_once for batch in advancing):
            yield f"listing {listing.id}", "advanced without a batch that was READY"


def _missing_downloads(ledger: Ledger) -> Broken:
    objects = ledger.objects
    ready_once = {job.batch_id for job in ledger.jobs if job.status == SUCCEEDED}
    live = {batch.id: batch for batch in ledger.batches if batch.id in ready_once and not batch.is_deleted}
    bundled = {asset.batch_id for asset in ledger.assets or () if asset.type == "ZIP"}
    for batch_id in live.keys() - bundled:
        yield batch_id, "was READY and has no ZIP"
    for asset in ledger.assets or ():
        if asset.batch_id not in live:
            continue
        if asset.processed_key is None:
            yield asset.batch_id, f"was READY, but {asset.source_key} has no download"
        for key in asset.keys:
            if objects is not None and key not in objects:
                yield asset.batch_id, f"offers {key}, which is not in the bucket"
            elif key in ledger.broken:
                yield asset.batch_id, f"offers {key}, which is broken: {ledger.broken[key]}"


def _foreign_outputs(ledger: Ledger) -> Broken:
    """Derived keys have the id of the job that made them in the part after the UUID of the batch."""
    newest: dict[str, int] = {}
    for job in ledger.jobs:
        if job.status == SUCCEEDED:
            newest[job.batch_id] = max(job.id, newest.get(job.batch_id, 0))
    for asset in ledger.assets or ():
        if asset.type == "ZIP":
            continue
        for key in asset.keys:
            made_by = _job_of(key, asset.batch_id)
            if made_by != newest.get(asset.batch_id):
                yield asset.batch_id, f"offers {key}, which is not of its newest successful job"
                break


def _orphan_objects(ledger: Ledger) -> Broken:
    batches = {batch.id: batch for batch in ledger.batches}
    jobs = {(job.batch_id, job.id) for job in ledger.jobs}
    for key in ledger.objects or ():
        owner = next((part for part in key.split("/") if part in batches), None)
        if owner is None:
            yield key, "belongs to no batch"
        elif "/raw/" in key:
            uploads = batches[owner].uploads
            if uploads is not None and key not in uploads:
                yield key, f"is no file of batch {owner}"
        elif (owner, _job_of(key, owner)) not in jobs:
            yield key, f"was made by no job of batch {owner}"


def _orphan_rows(ledger: Ledger) -> Broken:
    batches = {batch.id for batch in ledger.batches}
    for job in ledger.jobs:
        if job.batch_id not in batches:
            yield f"job {job.id}", "has no batch"
    for asset in ledger.assets or ():
        if asset.batch_id not in batches:
            yield asset.source_key, "has no batch"


def _counters(ledger: Ledger) -> Broken:
    if ledger.open_batches:
        return  # Counters and rows were not read at the same instant.
    for name, (counted, stored) in (ledger.counters or {}).items():
        if counted > stored or (counted != stored and not ledger.uncounted):
            yield name, f"counted {counted:g}, the database has {stored:g}"


def _thrown_away(ledger: Ledger) -> Broken:
    finished = {execution.job_id for execution in ledger.executions or () if execution.finished_work}
    for job in ledger.jobs:
        if job.status == FAILED and job.id in finished:
            code = job.error_code or "no code"
            yield f"job {job.id}", f"of batch {job.batch_id} FAILED ({code}), but its work was finished"


def _newest_jobs(ledger: Ledger) -> Mapping[str, AuditedJob]:
    newest: dict[str, AuditedJob] = {}
    for job in ledger.jobs:
        if job.batch_id not in newest or job.id > newest[job.batch_id].id:
            newest[job.batch_id] = job
    return newest


def _job_of(key: str, batch_id: str) -> int | None:
    number = key.partition(f"/{batch_id}/")[2].partition("/")[0]
    return int(number) if number.isdigit() else None


RULES = (
    AuditRule("batch-lost", "every accepted batch is READY or FAILED", _lost),
    AuditRule("job-unfinished", "every job has ended", _unfinished),
    AuditRule("job-ended-twice", "one terminal callback is applied to a job", _doubled),
    AuditRule("job-missing", "every accepted batch has a job", _jobless),
    AuditRule("batch-disagrees", "a batch is what its newest job says", _disagreeing),
    AuditRule("deleted-in-pipeline", "no batch is deleted while it is in the pipeline", _deleted_in_pipeline),
    AuditRule("message-lost", "every job has a message, and every message was sent", _unsent, ("unsent",)),
    AuditRule(
        "execution-doubled", "one execution for a job, one job for an execution", _executions, ("executions",)
    ),
    AuditRule("execution-running", "no execution is left running", _running_executions, ("executions",)),
    AuditRule(
        "listing-disagrees",
        "a listing advances when its media are ready, not before",
        _listings,
        ("listings",),
    ),
    AuditRule("download-missing", "what was READY can be downloaded", _missing_downloads, ("assets",)),
    AuditRule("output-foreign", "downloads are of the newest successful job", _foreign_outputs, ("assets",)),
    AuditRule("object-orphaned", "every object belongs to a job or an upload", _orphan_objects, ("objects",)),
    AuditRule("row-orphaned", "every job and asset belongs to a batch", _orphan_rows),
    AuditRule("counter-disagrees", "the counters are what the database says", _counters, ("counters",)),
    AuditRule("work-thrown-away", "a job whose work was finished succeeds", _thrown_away, ("executions",)),
)
"""All rules, the most serious first."""
