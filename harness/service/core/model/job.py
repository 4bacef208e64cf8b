"""
A job: one execution of the pipeline for a batch. Every retry is a new job.

``PENDING → RUNNING → SUCCEEDED | FAILED``; a job may also end while it is PENDING.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from harness.service.core.errors import Conflict
from harness.service.core.model.batch import Batch
from harness.service.core.model.identifiers import BatchId, JobId


class JobStatus(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def terminal(self) -> bool:
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED)


class Provider(StrEnum):
    STEP_FUNCTIONS = "STEP_FUNCTIONS"
    MEDIACONVERT = "MEDIACONVERT"


@dataclass(frozen=True, slots=True)
class StepProgress:
    """
    How far one step of a running job is, as an event reported it.

    Attributes:
        item: Which entry of the step, if it works on several files.
        status: RUNNING, SUCCEEDED or FAILED.
        progress: Completed part [0…1].
        at: When the event happened.
    """

    name: str
    item: int
    status: str
    progress: float
    at: datetime

    @property
    def document(self) -> Mapping[str, object]:
        fields = {"name": self.name, "item": self.item, "status": self.status, "progress": self.progress}
        return fields | {"at": self.at.isoformat()}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "StepProgress":
        return cls(**{**document, "at": datetime.fromisoformat(document["at"])})


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that does not have an id yet."""

    batch_id: BatchId
    attempt: int
    input_payload: Mapping[str, object]
    provider: Provider = Provider.STEP_FUNCTIONS

    @classmethod
    def of(cls, batch: Batch, *, attempt: int, traceparent: str | None, **context: object) -> "NewJob":
        """Return a job for all files of *batch*; *context* is stored with its input."""
        payload = {
            "listingId": batch.listing_id,
            "assets": [upload.document for upload in batch.uploads],
            "traceparent": traceparent,
        }
        return cls(batch_id=batch.id, attempt=attempt, input_payload=payload | context)

    def numbered(self, job_id: JobId) -> "Job":
        """Return the PENDING job with the id that the repository assigned."""
        return Job(job_id, self.batch_id, JobStatus.PENDING, self.attempt, self.input_payload, self.provider)


@dataclass(frozen=True, slots=True)
class Job:
    """
    One execution of the pipeline.

    Attributes:
        attempt: 1 for the first job of a batch, one more for every retry.
        external_id: ARN of the Step Functions execution, once it exists.
        output_payload: While the job runs, the progress of its steps; then the summary of its result.
    """

    id: JobId
    batch_id: BatchId
    status: JobStatus
    attempt: int
    input_payload: Mapping[str, object]
    provider: Provider = Provider.STEP_FUNCTIONS
    external_id: str | None = None
    output_payload: Mapping[str, object] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def execution_name(self) -> str:
        """Name of the execution; only one execution of a name can be started."""
        return f"batch-{self.batch_id}-job-{self.id}"

    @property
    def traceparent(self) -> str | None:
        """The span of the request that created the job."""
        traceparent = self.input_payload.get("traceparent")
        return str(traceparent) if traceparent else None

    def run(self, external_id: str | None, *, at: datetime) -> "Job":
        """Return the job as RUNNING; a start time that is known already stays."""
        if self.status.terminal:
            raise Conflict(f"Job {self.id} is already {self.status}.")
        return replace(
            self,
            status=JobStatus.RUNNING,
            external_id=external_id or self.external_id,
            started_at=self.started_at or at,
        )

    @property
    def steps(self) -> tuple[StepProgress, ...]:
        """The progress of the steps that have reported it, while the job runs."""
        if self.status.terminal or self.output_payload is None:
            return ()
        return tuple(StepProgress.of(step) for step in cast(Any, self.output_payload)["steps"])

    def report(self, step: StepProgress) -> "Job":
        """Return the job with the progress of a step; an event older than the last one changes nothing."""
        others = [one for one in self.steps if (one.name, one.item) != (step.name, step.item)]
        if any(one.at >= step.at for one in self.steps if one not in others):
            return self
        steps = sorted([*others, step], key=lambda one: (one.name, one.item))
        return replace(self, output_payload={"steps": [one.document for one in steps]})

    def finish(self, status: JobStatus, output: Mapping[str, object], *, at: datetime) -> "Job":
        """Return the job as SUCCEEDED or FAILED."""
        if self.status.terminal or not status.terminal:
            raise Conflict(f"Job {self.id} is {self.status} and cannot become {status}.")
        return replace(self, status=status, output_payload=output, finished_at=at)
