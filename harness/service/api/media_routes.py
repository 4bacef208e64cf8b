"""The six media endpoints under ``/api/v2/listings/media``."""

from http import HTTPStatus

from fastapi import APIRouter, Security
from fastapi.security import HTTPBearer
from starlette.responses import Response

from harness.service.api.authenticated_call import AuthenticatedCall, AuthenticatedRoute
from harness.service.api.error_documentation import errors
from harness.service.api.operation_links import AFTER_CREATION
from harness.service.api.request_models import (
    CompleteUploads,
    CreateUploads,
    DeleteBatch,
    QueryDownloads,
    QueryStatus,
    RetryBatch,
)
from harness.service.api.response_models import (
    BatchDeleted,
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

_COMMON = (ManifestInvalid, NotPhotographer, ListingNotFound, Unavailable)
_CONTROL = (*_COMMON, NotOwner, ProjectNotAllowed)

routes = APIRouter(
    prefix=PREFIX,
    tags=["media batches"],
    route_class=AuthenticatedRoute,
    # For the OpenAPI document only: the route class checks the token.
    dependencies=[Security(HTTPBearer(auto_error=False, bearerFormat="JWT"))],
)


@routes.post(
    "/uploads",
    status_code=HTTPStatus.CREATED,
    response_model=UploadsCreated,
    responses={
        201: {"links": AFTER_CREATION},
        **errors(*_CONTROL, ListingStatusInvalid, BatchNotFound, BatchConflict),
    },
)
def create_upload_batch(call: AuthenticatedCall, body: CreateUploads) -> Response:
    """Create a batch and get an upload URL for each of its files."""
    call.log(listing_id=body.listing_id)
    created = call.service.create_upload_batch(
        call.caller(),
        body.listing_id,
        body.batch_reference,
        [file.to_core() for file in body.files],
        replaces=body.replaces_batch_id,
    )
    call.log(batch_id=created.batch_id)
    return answer(HTTPStatus.CREATED, UploadsCreated, created)


@routes.post(
    "/uploads/complete",
    status_code=HTTPStatus.ACCEPTED,
    response_model=UploadsAccepted,
    responses=errors(
        *_CONTROL,
        BatchNotFound,
        BatchStatusInvalid,
        ListingStatusConflict,
        UploadMissing,
        SizeMismatch,
        ChecksumMismatch,
        UploadUrlExpired,
    ),
)
def complete_upload_batch(call: AuthenticatedCall, body: CompleteUploads) -> Response:
    """Report that all files of a batch are uploaded, and start its processing."""
    call.log(listing_id=body.listing_id, batch_id=body.batch_id)
    accepted = call.service.complete_upload_batch(
        call.caller(),
        body.listing_id,
        body.batch_id,
        [file.to_core() for file in body.files],
        traceparent=call.traceparent,
    )
    call.log(job_id=accepted.job_id)
    return answer(HTTPStatus.ACCEPTED, UploadsAccepted, accepted)


@routes.post("/uploads/status", response_model=BatchStatusReport, responses=errors(*_COMMON, BatchNotFound))
def get_batch_status(call: AuthenticatedCall, body: QueryStatus) -> Response:
    """Get the status of a batch."""
    call.log(listing_id=body.listing_id, batch_id=body.batch_id)
    report = call.service.get_batch_status(call.caller(), body.listing_id, body.batch_id)
    call.log(job_id=report.processing and report.processing.job_id)
    return answer(HTTPStatus.OK, BatchStatusReport, report)


@routes.post(
    "/downloads/query",
    response_model=DownloadUrls,
    responses={
        204: {"description": "The request has no batch, and no batch was ever READY."},
        **errors(*_COMMON, BatchNotFound, BatchStatusInvalid),
    },
)
def list_download_urls(call: AuthenticatedCall, body: QueryDownloads) -> Response:
    """Get the download URLs of a batch that is or was READY; a retry takes nothing away."""
    call.log(listing_id=body.listing_id, batch_id=body.batch_id)
    found = call.service.list_download_urls(call.caller(), body.listing_id, body.batch_id)
    if found is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    call.log(batch_id=found.batch_id)
    return answer(HTTPStatus.OK, DownloadUrls, found)


@routes.post(
    "/uploads/retry",
    status_code=HTTPStatus.ACCEPTED,
    response_model=RetryAccepted,
    responses=errors(*_CONTROL, BatchNotFound, BatchStatusInvalid),
)
def retry_media_batch(call: AuthenticatedCall, body: RetryBatch) -> Response:
    """Process a READY or FAILED batch again."""
    call.log(listing_id=body.listing_id, batch_id=body.batch_id)
    retried = call.service.retry_media_batch(
        call.caller(), body.listing_id, body.batch_id, body.reason, traceparent=call.traceparent
    )
    call.log(job_id=retried.job_id)
    return answer(HTTPStatus.ACCEPTED, RetryAccepted, retried)


@routes.post(
    "/uploads/delete",
    response_model=BatchDeleted,
    responses=errors(*_CONTROL, BatchNotFound, BatchStatusInvalid),
)
def delete_media_batch(call: AuthenticatedCall, body: DeleteBatch) -> Response:
    """Delete a batch that is not in the pipeline; from then on it is unknown, and its reference is free."""
    call.log(listing_id=body.listing_id, batch_id=body.batch_id)
    deleted = call.service.delete_media_batch(call.caller(), body.listing_id, body.batch_id, body.reason)
    return answer(HTTPStatus.OK, BatchDeleted, deleted)
