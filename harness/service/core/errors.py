"""
The errors of the service.

::

    MediaError
    ├── NotFound       ListingNotFound, ListingStatusInvalid, BatchNotFound, JobNotFound,
    │                  UserDeleted (the API answers 401)                                  404
    ├── Forbidden      NotPhotographer, NotOwner, ProjectNotAllowed, SignatureInvalid      403
    ├── Conflict       BatchConflict, BatchStatusInvalid, ListingStatusConflict,
    │                  UploadMissing, SizeMismatch, ChecksumMismatch                       409
    ├── Gone           UploadUrlExpired                                                    410
    ├── Invalid        ManifestInvalid, CallbackInvalid                                    400
    └── Unavailable    a database or cloud service timed out, throttled or is down         503
                       Deadlock (the use case is tried a second time)

Every error has a stable ``reason``: a code that clients may rely on. The docstring of a class is also its
example message in the OpenAPI document.

A pipeline step raises one of two more errors, the only names the state machine matches:
``Retryable`` (try again) and ``Rejected`` (do not try again).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class MediaError(Exception):
    """The service refuses the request."""

    reason: ClassVar[str] = "MEDIA_ERROR"

    def __init_subclass__(cls, *, reason: str | None = None) -> None:
        if reason is not None:
            cls.reason = reason


class NotFound(MediaError):
    """The requested object does not exist, or the caller cannot see it."""


class ListingNotFound(NotFound, reason="LISTING_NOT_FOUND"):
    """The listing does not exist."""


class ListingStatusInvalid(NotFound, reason="LISTING_STATUS_INVALID"):
    """The listing does not accept uploads in its current status."""

    # 404 when a batch is created; `ListingStatusConflict`, 409, when it is completed.


class BatchNotFound(NotFound, reason="BATCH_NOT_FOUND"):
    """The listing has no such batch."""


class JobNotFound(NotFound, reason="JOB_NOT_FOUND"):
    """The job does not exist."""


class UserDeleted(NotFound, reason="USER_DELETED"):
    """The user is deleted."""


class Forbidden(MediaError, reason="FORBIDDEN"):
    """The caller is authenticated but does not have the permission."""


class NotPhotographer(Forbidden, reason="NOT_PHOTOGRAPHER"):
    """The caller is not the photographer of the listing's active booking."""


class NotOwner(Forbidden, reason="NOT_OWNER"):
    """The caller is not the owner of the listing."""


class ProjectNotAllowed(Forbidden, reason="PROJECT_NOT_ALLOWED"):
    """Project files are accepted for development listings only."""


class SignatureInvalid(Forbidden, reason="SIGNATURE_INVALID"):
    """The callback signature is missing or wrong."""


class Conflict(MediaError, reason="CONFLICT"):
    """The current state does not allow the request."""


class ListingStatusConflict(Conflict, reason="LISTING_STATUS_INVALID"):
    """The listing no longer accepts uploads."""


class BatchConflict(Conflict, reason="BATCH_CONFLICT"):
    """The listing already has an open batch with this reference."""


class BatchStatusInvalid(Conflict, reason="BATCH_STATUS_INVALID"):
    """The status of the batch does not allow the request."""


class UploadMissing(Conflict, reason="UPLOAD_MISSING"):
    """A file of the batch is not in the bucket."""


class SizeMismatch(Conflict, reason="SIZE_MISMATCH"):
    """The size of a file differs from the announced size."""


class ChecksumMismatch(Conflict, reason="CHECKSUM_MISMATCH"):
    """The SHA-256 of a stored file differs from the announced checksum."""


class Gone(MediaError, reason="GONE"):
    """The request came too late."""


class UploadUrlExpired(Gone, reason="UPLOAD_URL_EXPIRED"):
    """A file is missing and its upload URL has expired; create a new batch."""


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


class Unavailable(MediaError, reason="UNAVAILABLE"):
    """The database or a cloud service does not answer; try again."""


class Deadlock(Unavailable):
    """The database rolled the transaction back, because it and another one waited for each other."""


class Retryable(Exception):
    """A pipeline step failed for a reason that may pass: the state machine tries again."""


class Rejected(Exception):
    """A pipeline step cannot succeed with this input: the state machine does not try again."""
