"""
What the service can answer instead of a result.

::

    MediaError
    ├── NotFound       ListingNotFound, ListingStatusInvalid, BatchNotFound, JobNotFound   404
    ├── Forbidden      NotPhotographer, NotOwner, ProjectNotAllowed                        403
    ├── Conflict       BatchConflict, BatchStatusInvalid, ListingStatusConflict,
    │                  UploadMissing, SizeMismatch, ChecksumMismatch                       409
    ├── Gone           UploadUrlExpired                                                    410
    ├── Invalid        ManifestInvalid, CallbackInvalid                                    400
    └── Unavailable    a vendor timed out, throttled or is down                            503

Every error has a stable ``reason``, the code clients may rely on.
The pipeline sorts failures into two more, the only names the state machine matches:
``Retryable`` (try again) and ``Rejected`` (never try again).
"""

from collections.abc import Sequence
from dataclasses import dataclass


class MediaError(Exception):
    """Base of everything the service refuses on purpose."""

    reason = "MEDIA_ERROR"

    @property
    def message(self) -> str:
        """What happened, in one English sentence, for people."""
        return str(self)


class NotFound(MediaError):
    """The thing named does not exist, or not for this caller."""


class ListingNotFound(NotFound):
    """No such listing."""

    reason = "LISTING_NOT_FOUND"


class ListingStatusInvalid(NotFound):
    """The listing exists but does not take uploads now (404 on create)."""

    reason = "LISTING_STATUS_INVALID"


class BatchNotFound(NotFound):
    """No such live batch on this listing."""

    reason = "BATCH_NOT_FOUND"


class JobNotFound(NotFound):
    """A callback names a job nobody created."""

    reason = "JOB_NOT_FOUND"


class Forbidden(MediaError):
    """The caller is known, and may not."""

    reason = "FORBIDDEN"


class NotPhotographer(Forbidden):
    """Photos and videos belong to the photographer of the active booking."""

    reason = "NOT_PHOTOGRAPHER"


class NotOwner(Forbidden):
    """Project files belong to the owner of the listing."""

    reason = "NOT_OWNER"


class ProjectNotAllowed(Forbidden):
    """Project files are for development listings only."""

    reason = "PROJECT_NOT_ALLOWED"


class SignatureInvalid(Forbidden):
    """The callback is not signed with our secret."""

    reason = "SIGNATURE_INVALID"


class Conflict(MediaError):
    """The request is right but not now."""

    reason = "CONFLICT"


class ListingStatusConflict(Conflict):
    """The listing left the upload status between create and complete (409)."""

    reason = "LISTING_STATUS_INVALID"


class BatchConflict(Conflict):
    """A live batch of the listing already has this reference."""

    reason = "BATCH_CONFLICT"


class BatchStatusInvalid(Conflict):
    """The batch is not in a status that allows this."""

    reason = "BATCH_STATUS_INVALID"


class UploadMissing(Conflict):
    """A file of the manifest is not in the bucket."""

    reason = "UPLOAD_MISSING"


class SizeMismatch(Conflict):
    """The stored object has another size than the manifest says."""

    reason = "SIZE_MISMATCH"


class ChecksumMismatch(Conflict):
    """The stored object has another SHA-256 than the manifest says."""

    reason = "CHECKSUM_MISMATCH"


class Gone(MediaError):
    """Too late."""

    reason = "GONE"


class UploadUrlExpired(Gone):
    """A file is missing and its upload URL has expired: start a new batch."""

    reason = "UPLOAD_URL_EXPIRED"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One complaint about one field of a request."""

    field: str
    message: str


class Invalid(MediaError):
    """The request itself is wrong."""

    reason = "MANIFEST_INVALID"

    def __init__(self, message: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class ManifestInvalid(Invalid):
    """The list of files breaks a rule; ``errors`` says which, file by file."""


class CallbackInvalid(Invalid):
    """The pipeline said something we do not understand."""


class Unavailable(MediaError):
    """Something the service leans on does not answer. Try again."""

    reason = "UNAVAILABLE"


class Retryable(Exception):
    """A pipeline step failed in a way that may pass: the state machine retries."""


class Rejected(Exception):
    """A pipeline step will never succeed on this input: the state machine gives up."""
