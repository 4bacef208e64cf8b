"""The queue message that starts a job."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harness.service.core.errors import Invalid
from harness.service.core.model.batch import Batch
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job


@dataclass(frozen=True, slots=True)
class JobMessage:
    """One message of the job queue; the assets are those in the input of the state machine."""

    job_id: JobId
    batch_id: BatchId
    listing_id: ListingId
    attempt: int
    assets: tuple[Mapping[str, object], ...]
    traceparent: str | None = None

    @classmethod
    def of(cls, job: Job, batch: Batch) -> "JobMessage":
        """Return the message that starts *job*; a lost message can be created again in this way."""
        return cls(
            job_id=job.id,
            batch_id=batch.id,
            listing_id=batch.listing_id,
            attempt=job.attempt,
            assets=tuple(upload.document for upload in batch.uploads),
            traceparent=job.traceparent,
        )

    @property
    def execution_input(self) -> dict[str, object]:
        return self._fields | {"traceparent": self.traceparent}

    @property
    def body(self) -> str:
        """The body of the message: JSON without whitespace."""
        return json.dumps(self._fields, separators=(",", ":"))

    @property
    def _fields(self) -> dict[str, object]:
        return {
            "jobId": self.job_id,
            "batchId": self.batch_id,
            "listingId": self.listing_id,
            "attempt": self.attempt,
            "assets": [dict(asset) for asset in self.assets],
        }

    @property
    def attributes(self) -> dict[str, str]:
        """SQS message attributes; ``Traceparent`` only if the message has one."""
        ids = {"ListingId": str(self.listing_id), "BatchId": self.batch_id, "JobId": str(self.job_id)}
        return ids | ({"Traceparent": self.traceparent} if self.traceparent else {})

    @classmethod
    def parse(cls, body: str, attributes: Mapping[str, str]) -> "JobMessage":
        """Read a received message; raise `Invalid` if the body is not a job message."""
        try:
            fields = json.loads(body)
            return cls(
                job_id=JobId(int(fields["jobId"])),
                batch_id=BatchId(str(fields["batchId"])),
                listing_id=ListingId(int(fields["listingId"])),
                attempt=int(fields["attempt"]),
                assets=tuple(dict(asset) for asset in fields["assets"]),
                traceparent=attributes.get("Traceparent"),
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise Invalid(f"Not a valid job message: {error!r}") from None
