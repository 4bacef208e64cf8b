"""
What one arrival's batch leaves in the run folder: its end-to-end times and a row for each job.

``ready`` runs from the intended start to READY, ``processing`` from when complete (or retry) was granted
to READY. READY is known to lie between the last poll that did not see it and the first that did; the
service's own time is used as far as it lies in there, else the upper end; the width is recorded too.
What is not over when the run is, is kept as a lower bound. Times are float seconds since the run began.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.lab.load.clients.api_session import ApiSession
from harness.lab.load.clients.payloads import Payloads
from harness.lab.load.clients.response_check import RequestOutcome
from harness.lab.load.generator.recorder import WorkerRecorder
from harness.lab.load.progress import Tally
from harness.lab.load.run_plan import PlannedArrival, RunPlan
from harness.lab.results.metric_names import labels_text
from harness.lab.results.rows import BatchRow, MetricRow

RESOLUTION_METRIC = "Load/ReadyResolution"
"""Width of the interval READY was seen in [s], one datum a job."""

WAITS_FOR_READY = frozenset({"photo_shoot", "project_documents", "retry"})


@dataclass(frozen=True)
class RunStage:
    """
    What all visits of one worker share.

    Attributes:
        clock: Seconds since the run began.
        began_at: When that was [epoch s], for the service's own times.
        open_session: Gives a visit its HTTP session.
    """

    plan: RunPlan
    clock: Callable[[], float]
    began_at: float
    recorder: WorkerRecorder
    tally: Tally
    payloads: Payloads
    open_session: Callable[[PlannedArrival, float, str], ApiSession]


@dataclass(frozen=True, slots=True)
class ObservedJob:
    """
    One run of the pipeline over the batch: when it was due, asked for, and granted.
    """

    job_id: int
    attempt: int
    due_at: float
    asked_at: float
    granted_at: float


class BatchRecorder:
    """
    The story of one batch, told when it is known.

    Attributes:
        created_at: When the batch was announced, if it was.
        job: The job under way, if one is.
    """

    def __init__(
        self, stage: RunStage, session: ApiSession, arrival: PlannedArrival, intended_at: float
    ) -> None:
        self._stage = stage
        self._session = session
        self._arrival = arrival
        self._intended_at = intended_at
        self._is_ready_told = arrival.batch.flow not in WAITS_FOR_READY
        self._attempts = 0
        self.created_at: float | None = None
        self.job: ObservedJob | None = None

    def granted(self, job_id: int, *, due_at: float, asked_at: float, granted_at: float) -> ObservedJob:
        """Note that the service took the batch into processing."""
        self._attempts += 1
        self.job = ObservedJob(job_id, self._attempts, due_at, asked_at, granted_at)
        return self.job

    def ended(
        self, job: ObservedJob, status: Mapping[str, Any], not_before: float, observed_at: float
    ) -> None:
        """
        Record that a job is over.

        Args:
            status: What the service answered.
            not_before: When it was asked last and it was not over yet.
        """
        is_ready = status["status"] == "READY"
        outcome = RequestOutcome.OK if is_ready else RequestOutcome.FAILED
        error = None if is_ready else _error_code(status.get("error"))
        received_at, finished_at = self._time(status, "submittedAt"), self._time(status, "finishedAt")
        ended_at = _within(not_before, finished_at, observed_at)
        self._tell_ready(outcome, ended_at, error)
        self._observe(
            "processing", outcome, _within(job.asked_at, received_at, job.granted_at), ended_at, error
        )
        labels = labels_text({"Family": self._arrival.batch.family})
        self._stage.recorder.add(MetricRow(observed_at, RESOLUTION_METRIC, labels, observed_at - not_before))
        row = self._row(job)._replace(
            received_at=received_at,
            started_at=self._time(status, "startedAt"),
            finished_at=finished_at,
            observed_at=observed_at,
            outcome=status["status"],
            error_code=error,
        )
        self._stage.recorder.add(row)
        self.job = None

    def stopped(self, reason: str) -> None:
        """Record that the flow ended before the batch did."""
        self._tell_ready(RequestOutcome.FAILED, self._stage.clock(), reason)

    def censored(self, reason: str | None = None) -> None:
        """Record as a lower bound what has not ended."""
        now = self._stage.clock()
        self._tell_ready(RequestOutcome.CENSORED, now, reason)
        if self.job is not None:
            self._observe("processing", RequestOutcome.CENSORED, self.job.granted_at, now, reason)
            self._stage.recorder.add(self._row(self.job)._replace(censored=True))
            self.job = None

    def never_started(self) -> None:
        """Record that the arrival had no turn before the run ended."""
        if self._is_ready_told:
            self._observe(
                "start", RequestOutcome.CENSORED, self._intended_at, self._stage.clock(), "NEVER_STARTED"
            )
        else:
            self.censored("NEVER_STARTED")

    def _tell_ready(self, outcome: RequestOutcome, at: float, error: str | None) -> None:
        if self._is_ready_told:
            return
        self._is_ready_told = True
        if outcome is RequestOutcome.OK:
            self._stage.tally.batch_ready(at - self._intended_at)
        else:
            self._stage.tally.counts["not_ready"] += 1
        self._observe("ready", outcome, self._intended_at, at, error)

    def _observe(
        self, name: str, outcome: RequestOutcome, since: float, until: float, error: str | None
    ) -> None:
        self._session.observe(name, outcome, since, until, self._bytes, error)

    @property
    def _bytes(self) -> int:
        return sum(self._stage.payloads.of(file).size for file in self._arrival.batch.files)

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
            bytes=self._bytes,
            intended_at=job.due_at,
            created_at=self.created_at,
            received_at=job.granted_at,
        )

    def _time(self, status: Mapping[str, Any], name: str) -> float | None:
        """Return one of the service's own times as seconds since the run began."""
        told = status.get(name)
        return None if told is None else datetime.fromisoformat(told).timestamp() - self._stage.began_at


def _within(earliest: float, told: float | None, latest: float) -> float:
    """Return the service's own time as far as it can be true; its clock may be another than ours."""
    return latest if told is None else min(max(told, earliest), latest)


def _error_code(error: Any) -> str | None:
    return str(error.get("code", error)) if isinstance(error, Mapping) else error
