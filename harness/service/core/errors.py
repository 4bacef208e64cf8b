"""
The errors of the service.

::

    MediaError
    ├── NotFound       ListingNotFound, ListingStatusInvalid, BatchNotFound, JobNotFound   404
    ├── Forbidden      NotPhotographer, NotOwner, ProjectNotAllowed, SignatureInvalid      403
    ├── Conflict       BatchConflict, BatchStatusInvalid, ListingStatusConflict,
    │                  UploadMissing, SizeMismatch, ChecksumMismatch                       409
    ├── Gone           UploadUrlExpired                                                    410
    ├── Invalid        ManifestInvalid, CallbackInvalid                                    400
    └── Unavailable    a database or cloud service timed out, throttled or is down         503

Every error has a stable ``reason``: a code that clients may rely on. The docstring of a class is also its
example message in the OpenAPI document.

A pipeline step raises one of two more errors, the only names the state machine matches:
``Retryable`` (try again) and ``Rejected`` (do not try again).
"""

from collections.abc import Sequence
from dataclasses import dataclass


class MediaError(Exception):
    """The service refuses the request."""

    reason = "MEDIA_ERROR"

    @property
    def message(self) -> str:
        """What happened, as one English sentence for people."""
        return str(self)


class NotFound(MediaError):
    """The requested object does not exist, or the caller cannot see it."""


class ListingNotFound(NotFound):
    """The listing does not exist."""

    reason = "LISTING_NOT_FOUND"


class ListingStatusInvalid(NotFound):
    """The listing does not accept uploads in its current status."""

    # 404, because a batch is being created; after that `ListingStatusConflict` is 409.
    reason = "LISTING_STATUS_INVALID"


class BatchNotFound(NotFound):
    """The listing has no such batch."""

    reason = "BATCH_NOT_FOUND"


class JobNotFound(NotFound):
    """The job does not exist."""

    reason = "JOB_NOT_FOUND"


class Forbidden(MediaError):
    """The caller is authenticated but does not have the permission."""

    reason = "FORBIDDEN"


class NotPhotographer(Forbidden):
    """The caller is not the photographer of the listing's active booking."""

    reason = "NOT_PHOTOGRAPHER"


class NotOwner(Forbidden):
    """The caller is not the owner of the listing."""

    reason = "NOT_OWNER"


class ProjectNotAllowed(Forbidden):
    """Project files are accepted for development listings only."""

    reason = "PROJECT_NOT_ALLOWED"


class SignatureInvalid(Forbidden):
    """The callback signature is missing or wrong."""

    reason = "SIGNATURE_INVALID"


class Conflict(MediaError):
    """The current state does not allow the request."""

    reason = "CONFLICT"


class ListingStatusConflict(Conflict):
    """The listing no longer accepts uploads."""

    reason = "LISTING_STATUS_INVALID"


class BatchConflict(Conflict):
    """The listing already has an open batch with this reference."""

    reason = "BATCH_CONFLICT"


class BatchStatusInvalid(Conflict):
    """The status of the batch does not allow the request."""

    reason = "BATCH_STATUS_INVALID"


class UploadMissing(Conflict):
    """A file of the batch is not in the bucket."""

    reason = "UPLOAD_MISSING"


class SizeMismatch(Conflict):
    """The size of a file differs from the announced size."""

    reason = "SIZE_MISMATCH"


class ChecksumMismatch(Conflict):
    """The SHA-256 of a stored file differs from the announced checksum."""

    reason = "CHECKSUM_MISMATCH"


class Gone(MediaError):
    """The request came too late."""

    reason = "GONE"


class UploadUrlExpired(Gone):
    """A file is missing and its upload URL has expired; create a new batch."""

    reason = "UPLOAD_URL_EXPIRED"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request."""

    field: str
    message: str


class Invalid(MediaError):
    """The request is not valid."""

    reason = "MANIFEST_INVALID"

    def __init__(self, message: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class ManifestInvalid(Invalid):
    """The request or its list of files is not valid."""


class CallbackInvalid(Invalid):
    """The callback is not valid."""


class Unavailable(MediaError):
    """The database or a cloud service does not answer; try again."""

    reason = "UNAVAILABLE"


class Retryable(Exception):
    """A pipeline step failed for a reason that may pass: the state machine tries again."""


class Rejected(Exception):
    """A pipeline step cannot succeed with this input: the state machine does not try again."""
