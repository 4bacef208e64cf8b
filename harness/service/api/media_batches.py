"""
The five endpoints under ``/api/v2/listings/media``.
"""

from http import HTTPStatus

from fastapi import APIRouter, Security
from fastapi.security import HTTPBearer
from starlette.responses import Response

from harness.service.api.calls import AuthenticatedCall, AuthenticatedRoute
from harness.service.api.documented import errors
from harness.service.api.requests import (
    CompleteUploads,
    CreateUploads,
    QueryDownloads,
    QueryStatus,
    RetryBatch,
)
from harness.service.api.responses import (
    BatchStatusReport,
    DownloadUrls,
    RetryAccepted,
    UploadsAccepted,
    UploadsCreated,
    answer,
)
from harness.service.core.errors import (
    BatchConflict,
    BatchNotFound,
    BatchStatusInvalid,
    ChecksumMismatch,
    ListingNotFound,
    ListingStatusConflict,
    ListingStatusInvalid,
    ManifestInvalid,
    NotOwner,
    NotPhotographer,
    ProjectNotAllowed,
    SizeMismatch,
    Unavailable,
    UploadMissing,
    UploadUrlExpired,
)

PREFIX = "/api/v2/listings/media"

_INVALID = ManifestInvalid("The request is not valid.")
_NO_LISTING = ListingNotFound("There is no listing 42.")
_NO_BATCH = BatchNotFound("Listing 42 has no such batch.")
_NOT_PHOTOGRAPHER = NotPhotographer(
    "Only the photographer of the active booking may handle photos and videos."
)
_NOT_READER = NotPhotographer("Only the photographer and the owner of the listing may see its media.")
_NOT_OWNER = NotOwner("Only the owner of the listing may handle its project files.")
_NO_PROJECT = ProjectNotAllowed("Project files are accepted for development listings only.")
_DOWN = Unavailable("The database does not answer.")
_CONTROL = (_NOT_PHOTOGRAPHER, _NOT_OWNER, _NO_PROJECT)

routes = APIRouter(
    prefix=PREFIX,
    tags=["media batches"],
    route_class=AuthenticatedRoute,
    # Only for the document: the route itself has checked the token before.
    dependencies=[Security(HTTPBearer(auto_error=False, bearerFormat="JWT"))],
)


@routes.post(
    "/uploads",
    status_code=HTTPStatus.CREATED,
    response_model=UploadsCreated,
    responses=errors(
        _INVALID,
        *_CONTROL,
        _NO_LISTING,
        ListingStatusInvalid("Listing 42 does not take uploads in its present status."),
        BatchConflict("A live batch of listing 42 already has this reference."),
        _DOWN,
    ),
)
def create_upload_batch(call: AuthenticatedCall, body: CreateUploads) -> Response:
    """Announce a batch and get a URL for each of its files."""
    call.note(listing_id=body.listing_id)
    created = call.service.create_upload_batch(call.caller(), body.in_core())
    call.note(batch_id=created.batch_id)
    return answer(HTTPStatus.CREATED, UploadsCreated.of(created))


@routes.post(
    "/uploads/complete",
    status_code=HTTPStatus.ACCEPTED,
    response_model=UploadsAccepted,
    responses=errors(
        _INVALID,
        *_CONTROL,
        _NO_LISTING,
        _NO_BATCH,
        BatchStatusInvalid("The batch is RECEIVED; this needs PENDING_UPLOAD."),
        ListingStatusConflict("Listing 42 takes no uploads any more."),
        UploadMissing("A file is not in the bucket."),
        SizeMismatch("A file has 10 bytes, not 12."),
        ChecksumMismatch("A file has another SHA-256 than announced."),
        UploadUrlExpired("A file is missing and its upload URL has expired."),
        _DOWN,
    ),
)
def complete_upload_batch(call: AuthenticatedCall, body: CompleteUploads) -> Response:
    """Say that all files are uploaded, and hand the batch to the pipeline."""
    call.note(listing_id=body.listing_id, batch_id=body.batch_id)
    accepted = call.service.complete_upload_batch(call.caller(), body.in_core(call.traceparent))
    call.note(job_id=accepted.job_id)
    return answer(HTTPStatus.ACCEPTED, UploadsAccepted.of(accepted))


@routes.post(
    "/uploads/status",
    response_model=BatchStatusReport,
    responses=errors(_INVALID, _NOT_READER, _NO_LISTING, _NO_BATCH, _DOWN),
)
def get_batch_status(call: AuthenticatedCall, body: QueryStatus) -> Response:
    """Ask how a batch stands."""
    call.note(listing_id=body.listing_id, batch_id=body.batch_id)
    report = call.service.get_batch_status(call.caller(), body.in_core())
    call.note(job_id=report.processing and report.processing.job_id)
    return answer(HTTPStatus.OK, BatchStatusReport.of(report))


@routes.post(
    "/downloads/query",
    response_model=DownloadUrls,
    responses={
        204: {"description": "No batch was named and none is READY."},
        **errors(
            _INVALID,
            _NOT_READER,
            _NO_LISTING,
            _NO_BATCH,
            BatchStatusInvalid("The batch is PROCESSING; downloads need READY."),
            _DOWN,
        ),
    },
)
def list_download_urls(call: AuthenticatedCall, body: QueryDownloads) -> Response:
    """Get URLs for everything a READY batch offers."""
    call.note(listing_id=body.listing_id, batch_id=body.batch_id)
    found = call.service.list_download_urls(call.caller(), body.in_core())
    if found is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    call.note(batch_id=found.batch_id)
    return answer(HTTPStatus.OK, DownloadUrls.of(found))


@routes.post(
    "/uploads/retry",
    status_code=HTTPStatus.ACCEPTED,
    response_model=RetryAccepted,
    responses=errors(
        _INVALID,
        *_CONTROL,
        _NO_LISTING,
        _NO_BATCH,
        BatchStatusInvalid("The batch is PROCESSING; this needs READY or FAILED."),
        _DOWN,
    ),
)
def retry_media_batch(call: AuthenticatedCall, body: RetryBatch) -> Response:
    """Run the pipeline again over a batch that has ended."""
    call.note(listing_id=body.listing_id, batch_id=body.batch_id)
    retried = call.service.retry_media_batch(call.caller(), body.in_core(call.traceparent))
    call.note(job_id=retried.job_id)
    return answer(HTTPStatus.ACCEPTED, RetryAccepted.of(retried))
