"""
What one arrival's batch leaves in the run folder: its end-to-end times and a row for each job.

``ready`` lasts from the intended start to READY, ``processing`` from the acceptance of the completion (or
retry) to READY. READY happened between the last poll that did not see it and the first that did. The
service's own time is used if it lies in this interval, else the upper end; the width is recorded too. What
has not ended when the run ends is recorded as a lower bound. Times are float seconds since the run began.
"""

from dataclasses import dataclass
from datetime import datetime

from harness.lab.load.clients.answers import BatchStatusRead
from harness.lab.load.clients.api_session import ApiSession, RequestContext
from harness.lab.load.clients.payloads import Payloads
from harness.lab.load.clients.response_check import RequestOutcome
from harness.lab.load.run_plan import PlannedArrival, RunPlan
from harness.lab.results.metric_names import labels_text
from harness.lab.results.rows import BatchRow, MetricRow
from harness.lab.workload.client_flows import WAITS_FOR_READY

RESOLUTION_METRIC = "Load/ReadyResolution"
"""Width of the interval in which READY happened [s], one datum for each job."""


@dataclass(frozen=True)
class WorkerContext(RequestContext):
    """
    What all client sessions of one worker share.

    Attributes:
        began_at: When the run began [epoch s], to convert the service's own times.
    """

    plan: RunPlan
    began_at: float
    payload_of: Payloads


@dataclass(frozen=True, slots=True)
class ObservedJob:
    """
    One processing of the batch.

    Attributes:
        due_at: When the client should have requested it.
        requested_at: When the client sent the request.
        accepted_at: When the service's response came.
    """

    job_id: int
    attempt: int
    due_at: float
    requested_at: float
    accepted_at: float


class BatchRecorder:
    """
    Records what becomes of one batch.

    Attributes:
        created_at: When the batch was created; None before.
        job: The unfinished job, if there is one.
    """

    def __init__(
        self, context: WorkerContext, session: ApiSession, arrival: PlannedArrival, intended_at: float
    ) -> None:
        self._context = context
        self._session = session
        self._arrival = arrival
        self._intended_at = intended_at
        self._has_recorded_ready = arrival.batch.flow not in WAITS_FOR_READY
        if not self._has_recorded_ready:
            context.tally.unfinished[arrival.index] = intended_at
        self._attempts = 0
        self.created_at: float | None = None
        self.job: ObservedJob | None = None

    def job_accepted(self, job_id: int, *, due_at: float, requested_at: float, accepted_at: float) -> None:
        """Note that the service accepted the batch for processing."""
        self._attempts += 1
        self.job = ObservedJob(job_id, self._attempts, due_at, requested_at, accepted_at)

    def job_ended(
        self, job: ObservedJob, status: BatchStatusRead, not_before: float, observed_at: float
    ) -> None:
        """
        Record a job that has ended.

        Args:
            status: The answer that showed the end.
            not_before: When the last poll was sent that saw the job unfinished.
        """
        is_ready = status.status == "READY"
        outcome = RequestOutcome.OK if is_ready else RequestOutcome.FAILED
        error = None if is_ready or status.error is None else status.error.code
        received_at, finished_at = self._time(status.submitted_at), self._time(status.finished_at)
        ended_at = _clamped(finished_at, not_before, observed_at)
        self._record_ready(outcome, ended_at, error)
        began_at = _clamped(received_at, job.requested_at, job.accepted_at)
        self._observe("processing", outcome, began_at, ended_at, error)
        labels = labels_text({"Family": self._arrival.batch.family})
        resolution = MetricRow(observed_at, RESOLUTION_METRIC, labels, observed_at - not_before)
        self._context.recorder.add(resolution)
        row = self._row(job)._replace(
            received_at=received_at,
            started_at=self._time(status.started_at),
            finished_at=finished_at,
            observed_at=observed_at,
            outcome=status.status,
            error_code=error,
        )
        self._context.recorder.add(row)
        self.job = None

    def flow_failed(self, reason: str) -> None:
        """Record that the flow ended before the batch was READY."""
        self._record_ready(RequestOutcome.FAILED, self._context.clock(), reason)

    def censor(self, reason: str | None = None) -> None:
        """Record as lower bounds what has not ended."""
        now = self._context.clock()
        self._record_ready(RequestOutcome.CENSORED, now, reason)
        if self.job is not None:
            self._observe("processing", RequestOutcome.CENSORED, self.job.accepted_at, now, reason)
            self._context.recorder.add(self._row(self.job)._replace(censored=True))
            self.job = None

    def never_started(self) -> None:
        """Record that the arrival was not started before the run ended."""
        reason, now = "NEVER_STARTED", self._context.clock()
        if self._has_recorded_ready:
            self._observe("start", RequestOutcome.CENSORED, self._intended_at, now, reason)
        else:
            self.censor(reason)

    def _record_ready(self, outcome: RequestOutcome, at: float, error: str | None) -> None:
        """Record the end-to-end time of the batch, once."""
        if self._has_recorded_ready:
            return
        self._has_recorded_ready = True
        self._context.tally.unfinished.pop(self._arrival.index, None)
        if outcome is RequestOutcome.OK:
            self._context.tally.batch_ready(at - self._intended_at)
        else:
            self._context.tally.counts["not_ready"] += 1
        self._observe("ready", outcome, self._intended_at, at, error)

    def _observe(
        self, name: str, outcome: RequestOutcome, since: float, until: float, error: str | None
    ) -> None:
        self._session.observe(name, outcome, since, until, self.bytes, error)

    @property
    def bytes(self) -> int:
        """Size of all uploads of the batch."""
        return sum(self._context.payload_of(file).size for file in self._arrival.batch.files)

    def _row(self, job: ObservedJob) -> BatchRow:
        batch = self._arrival.batch
        return BatchRow(
            batch_id=self._session.batch_id or "",
            listing_id=self._arrival.listing.listing_id,
            job_id=job.job_id,
            attempt=job.attempt,
            family=batch.family,
            photos=len(batch.photos),
            videos=len(batch.videos),
            documents=len(batch.project_files),
            bytes=self.bytes,
            intended_at=job.due_at,
            created_at=self.created_at,
            received_at=job.accepted_at,
        )

    def _time(self, at: datetime | None) -> float | None:
        """Return one of the service's own times as seconds since the run began."""
        return None if at is None else at.timestamp() - self._context.began_at


def _clamped(time: float | None, earliest: float, latest: float) -> float:
    """Return the service's time within what is possible: its clock may differ from ours."""
    return latest if time is None else min(max(time, earliest), latest)
