"""
The queue message that starts a job, and the largest state of the execution that it starts.

Step Functions limits the state. It is largest before the ZIP is made, and if that fails: it then has every
validated file, the output settings of every video, the results so far, and the error.
Sizes in bytes of UTF-8.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.service.core.errors import FieldError, Invalid, ManifestInvalid
from harness.service.core.model.batch import Batch, Upload
from harness.service.core.model.identifiers import MAX_ID, BatchId, JobId, ListingId
from harness.service.core.model.job import Job
from harness.service.core.model.manifest import ManifestFile

LARGEST_STATE = 256 * 1024 - 1

# Upper bounds of what does not depend on the names of the files. A derived key has another folder than the
# key of its file, and also the number of the job, the name of the size and perhaps an extension.
_EXECUTION = 700
_ERROR = 8400  # a cause of 4 KiB, which the input of the callback function has twice
_DERIVED_KEY = 34
_VALIDATED = 50
_IMAGE_RESULT = 420
_DOCUMENT_RESULT = 190
_VIDEO_RESULT = 2750


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
        return json.dumps(self._fields, separators=(",", ":"), ensure_ascii=False)

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
            job_id = int(fields["jobId"])
            if not 0 < job_id <= MAX_ID:
                raise ValueError("jobId is out of range")
            return cls(
                job_id=JobId(job_id),
                batch_id=BatchId(str(fields["batchId"])),
                listing_id=ListingId(int(fields["listingId"])),
                attempt=int(fields["attempt"]),
                assets=tuple(dict(asset) for asset in fields["assets"]),
                traceparent=attributes.get("Traceparent"),
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise Invalid(f"Not a valid job message: {error!r}") from None


def must_fit(uploads: Sequence[Upload]) -> None:
    """Raise `ManifestInvalid` if the state of an execution for *uploads* may become too large."""
    size = state_bound(uploads)
    if size > LARGEST_STATE:
        message = (
            f"need {size} bytes in the state of the pipeline, which has {LARGEST_STATE}: "
            "shorten names and titles, or make two batches"
        )
        raise ManifestInvalid("The batch is too large for the pipeline.", [FieldError("files", message)])


def state_bound(uploads: Sequence[Upload]) -> int:
    """Return a size that no state of an execution for *uploads* exceeds, and that is not much larger."""
    return _EXECUTION + _ERROR + sum(_size(upload) for upload in uploads)


def _size(upload: Upload) -> int:
    manifest = len(json.dumps(upload.document, ensure_ascii=False).encode())
    validated = manifest + len(PurePosixPath(upload.key).stem) + _VALIDATED
    return validated + len(upload.key) + _result(upload.file, derived=len(upload.key) + _DERIVED_KEY)


def _result(file: ManifestFile, derived: int) -> int:
    """Return the size of the settings and the result of a file, whose derived keys have a length."""
    if file.media_type.is_video:
        # The folder of all outputs and the destinations of two MP4s; the other keys are in no state so far.
        return _VIDEO_RESULT + 3 * derived
    if file.content_type.lower() == "application/pdf":
        return _DOCUMENT_RESULT + 2 * derived
    return _IMAGE_RESULT + 6 * derived
