"""
The queue message that asks for a job to be run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harness.service.core.errors import Invalid
from harness.service.core.model.identifiers import BatchId, JobId, ListingId


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
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid(f"Not a job message: {error!r}") from None
