"""What is committed during a rehearsal, and the rules that can be checked only at that moment."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from harness.audit.ledger import Violation
from harness.service.adapters.memory.media_repository import InMemoryMediaRepository
from harness.service.audited import error_code
from harness.service.core.errors import JobNotFound
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.failure import STUCK_TIMEOUT, UPLOAD_ABANDONED
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.rehearsal.faulty_ports import Call
from harness.service.rehearsal.rehearsed_process import Surroundings
from harness.service.rehearsal.virtual_step_functions import VirtualStepFunctions, arn_of

IN_PIPELINE = [status for status in BatchStatus if status.in_pipeline]
P, R, X, OK, NO = (
    BatchStatus.PENDING_UPLOAD,
    BatchStatus.RECEIVED,
    BatchStatus.PROCESSING,
    BatchStatus.READY,
    BatchStatus.FAILED,
)
LEGAL = {(P, R), (P, NO), (R, X), (R, OK), (R, NO), (X, X), (X, OK), (X, NO), (OK, X), (NO, X)}
"""Status before and after a commit; a callback may report start and end together."""
LISTED = 1000


class CommitObserver:
    """
    Follows the commits, sends and acknowledgements.

    Attributes:
        entered: How often a commit left a batch in each status that it did not have before.
        ends: How often each job was ended.
        ready: The batches that have been READY.
        finished_before: The jobs whose work was finished when they ended.
        messages: How many messages each job has had in the outbox.
        numbers: The number of each batch in the story, in order of creation.
    """

    def __init__(
        self,
        around: Surroundings,
        rows: InMemoryMediaRepository,
        clock: Clock,
        workflow: VirtualStepFunctions,
        upload_ttl: float,
        stuck_timeout: float,
    ) -> None:
        self.entered: Counter[BatchStatus] = Counter()
        self.ends: Counter[JobId] = Counter()
        self.ready: set[BatchId] = set()
        self.finished_before: set[JobId] = set()
        self.messages: Counter[JobId] = Counter()
        self.numbers: dict[BatchId, int] = {}
        self.violations: list[Violation] = []
        self._around = around
        self._rows = rows
        self._clock = clock
        self._workflow = workflow
        self._upload_ttl = upload_ttl
        self._stuck_timeout = stuck_timeout
        self._statuses: dict[BatchId, BatchStatus] = {}

    def committed(self, commands: Sequence[Call]) -> None:
        """Follow one commit."""
        for name, arguments, result in commands:
            # In the order of the commands: the story tells them so.
            match name:
                case "create_batch":
                    self._created(arguments[0])
                case "update_batch_status":
                    self._changed(arguments[0])
                case "soft_delete_batch":
                    self._around.tell(f"batch {self._number(arguments[0].id)} is deleted")
                case "create_job":
                    self._around.tell(f"batch {self._number(result.batch_id)} gets job {result.id}")
                case "update_job":
                    self._job_changed(arguments[0])
                case "add_to_outbox":
                    self.messages[arguments[0].job_id] += 1
                case "advance_listing" if result:
                    self._advanced(arguments[0])

    def sent(self, message: JobMessage) -> None:
        """Follow a message that was sent."""
        self._around.tell(f"the message of job {message.job_id} is in the queue")
        try:
            self._rows.get_job_by_id(message.job_id)
        except JobNotFound:
            self.note("message-orphaned", f"job {message.job_id}", "was sent, and does not exist")

    def acknowledged(self, job_id: JobId) -> None:
        """Follow the acknowledgement of a message."""
        try:
            job = self._rows.get_job_by_id(job_id)
        except JobNotFound:
            return
        started = job.execution_name in self._workflow.executions
        if not started and not job.status.terminal:
            text = f"of batch {job.batch_id}: its message was acknowledged before its execution was started"
            self.note("acknowledged-early", f"job {job_id}", text)

    def _created(self, batch: Batch) -> None:
        self.numbers[batch.id] = len(self.numbers) + 1
        self._statuses[batch.id] = batch.status
        self.entered[batch.status] += 1
        self._around.tell(f"batch {self._number(batch.id)} is created on listing {batch.listing_id}")

    def _changed(self, batch: Batch) -> None:
        before = self._statuses[batch.id]
        self._statuses[batch.id] = batch.status
        if before is not batch.status:
            self.entered[batch.status] += 1
            reason = f" ({batch.error_code})" if batch.error_code else ""
            self._around.tell(f"batch {self._number(batch.id)}: {before} → {batch.status}{reason}")
        if batch.status is BatchStatus.READY:
            self.ready.add(batch.id)
        if (before, batch.status) not in LEGAL:
            self.note("transition-illegal", batch.id, f"went from {before} to {batch.status}")
        if batch.status.terminal and batch.received_at is not None:
            self._must_be_over(batch)
        if batch.error_code == UPLOAD_ABANDONED and self._age(batch.issued_at) < self._upload_ttl:
            age = self._age(batch.issued_at)
            self.note("ended-early", batch.id, f"was abandoned after {age:.0f} s: its URLs were still valid")

    def _must_be_over(self, batch: Batch) -> None:
        newest = self._rows.list_jobs_by_batch(batch.id)[0]
        if not newest.status.terminal:
            text = f"became {batch.status} while its newest job {newest.id} was {newest.status}"
            self.note("batch-ended-early", batch.id, text)

    def _job_changed(self, job: Job) -> None:
        if not job.status.terminal:
            return
        self.ends[job.id] += 1
        if self._workflow.finished_work(arn_of(job.execution_name)) is not None:
            self.finished_before.add(job.id)
        self._around.tell(f"job {job.id} is {job.status}")
        batch = self._rows.get_batch_by_id(job.batch_id, include_deleted=True)
        since = job.started_at or batch.received_at or batch.issued_at
        if error_code(job) == STUCK_TIMEOUT and self._age(max(since, batch.issued_at)) < self._stuck_timeout:
            age = self._age(since)
            self.note("ended-early", f"job {job.id}", f"of batch {batch.id} was stuck after {age:.0f} s")

    def _advanced(self, listing_id: ListingId) -> None:
        self._around.tell(f"listing {listing_id} advances")
        for batch in self._rows.list_batches_by_listing(listing_id, statuses=IN_PIPELINE, limit=LISTED):
            text = f"advanced while batch {batch.id} was {batch.status}"
            self.note("listing-advanced-early", f"listing {listing_id}", text)

    def _age(self, moment: datetime) -> float:
        return (self._clock.now() - moment).total_seconds()

    def note(self, rule: str, subject: str, text: str) -> None:
        """Note a violation that was seen while it happened."""
        self.violations.append(Violation(rule, subject, text))
        self._around.tell(f"VIOLATION {rule}: {subject} {text}")

    def _number(self, batch_id: BatchId) -> int:
        return self.numbers[batch_id]
