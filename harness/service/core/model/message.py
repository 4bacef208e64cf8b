"""
The queue message that asks for a job to be run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harness.service.core.errors import Invalid
from harness.service.core.model.batch import Batch
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job


@dataclass(frozen=True, slots=True)
class JobMessage:
    """
    What travels through SQS. ``assets`` are ``{"key", "type", …}`` as the state machine expects them.
    """

    job_id: JobId
    batch_id: BatchId
    listing_id: ListingId
    attempt: int
    assets: tuple[Mapping[str, object], ...]
    traceparent: str | None = None

    @classmethod
    def of(cls, job: Job, batch: Batch) -> "JobMessage":
        """The message that asks for *job*; a lost one can be made again at any time."""
        traceparent = job.input_payload.get("traceparent")
        return cls(
            job_id=job.id,
            batch_id=batch.id,
            listing_id=batch.listing_id,
            attempt=job.attempt,
            assets=tuple(upload.document for upload in batch.uploads),
            traceparent=str(traceparent) if traceparent else None,
        )

    @property
    def execution_input(self) -> dict[str, object]:
        """What the state machine is started with."""
        return {
            "jobId": self.job_id,
            "batchId": self.batch_id,
            "listingId": self.listing_id,
            "attempt": self.attempt,
            "traceparent": self.traceparent,
            "assets": [dict(asset) for asset in self.assets],
        }

    @property
    def body(self) -> str:
        return json.dumps(
            {
                "jobId": self.job_id,
                "batchId": self.batch_id,
                "listingId": self.listing_id,
                "attempt": self.attempt,
                "assets": [dict(asset) for asset in self.assets],
            },
            separators=(",", ":"),
        )

    @property
    def attributes(self) -> dict[str, str]:
        """SQS message attributes; ``Traceparent`` only when there is one."""
        ids = {"ListingId": str(self.listing_id), "BatchId": self.batch_id, "JobId": str(self.job_id)}
        return ids | ({"Traceparent": self.traceparent} if self.traceparent else {})

    @classmethod
    def parse(cls, body: str, attributes: Mapping[str, str]) -> "JobMessage":
        """
        Read a received message.

        Raises:
            Invalid: The body is not a job message.
        """
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
            raise Invalid(f"Not a job message: {error!r}") from None
