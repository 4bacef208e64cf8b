"""
Who is refused what, and how: the error table of the five endpoints, row by row.

A row is: what the world looks like and what is sent (`arrange` gives body and user), then status and reason.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.listing import BookingStatus, ListingStatus

LISTING = 42
DEVELOPMENT = 43
PHOTOGRAPHER = 1
OWNER = 2
OPERATOR = 3
STRANGER = 4

NO_BATCH = "00000000-0000-4000-8000-000000000000"

Row = tuple[Any, int]
Arrange = Callable[[Any, Any], Row]

ROWS: list[Any] = []


def row(endpoint: str, status: int, reason: str | None) -> Callable[[Arrange], Arrange]:
    def add(arrange: Arrange) -> Arrange:
        name = f"{endpoint[1:]}: {arrange.__name__} -> {status} {reason}"
        ROWS.append(pytest.param(endpoint, arrange, status, reason, id=name.replace("_", " ")))
        return arrange

    return add


@pytest.mark.parametrize(("endpoint", "arrange", "status", "reason"), ROWS)
def test_error_table(world, make, endpoint, arrange, status, reason):
    """
    The refusal has the status and the stable reason of the contract, in the one error body.
    """
    body, user = arrange(world, make)

    response = world.post(endpoint, body, user)

    assert response.status_code == status, response.text
    error = response.json()
    assert error["code"] == status
    assert error["message"]
    assert error["details"]["reason"] == reason
    assert ("errors" in error["details"]) is (status == 400)


# uploads


@row("/uploads", 400, "MANIFEST_INVALID")
def no_files(world, make):
    return make.uploads() | {"files": []}, PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def sixty_one_files(world, make):
    return make.uploads(*(make.photo(f"p{n}", n) for n in range(1, 62))), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def two_files_with_one_client_id(world, make):
    return make.uploads(make.photo("same", 1), make.photo("same", 2)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def two_files_in_one_place(world, make):
    return make.uploads(make.photo("a", 1), make.photo("b", 1)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def photos_mixed_with_project_files(world, make):
    return make.uploads(make.photo("a", 1), make.document("b", 2), listingId=DEVELOPMENT), OPERATOR


@row("/uploads", 400, "MANIFEST_INVALID")
def the_orientation_contradicts_the_type(world, make):
    return make.uploads(make.photo(orientation="VERTICAL")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_zip_as_upload(world, make):
    return make.uploads(make.photo(mediaType="ZIP")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_thumbnail_as_upload(world, make):
    return make.uploads(make.photo(mediaType="THUMBNAIL")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_content_type_nobody_processes(world, make):
    return make.uploads(make.photo(contentType="image/gif")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_video_called_photo(world, make):
    return make.uploads(make.photo(contentType="video/mp4")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def an_empty_file(world, make):
    return make.uploads(make.photo(bytes=0)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_file_over_256_mebibytes(world, make):
    return make.uploads(make.photo(bytes=256 * 1024 * 1024 + 1)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_batch_over_one_gibibyte(world, make):
    return make.uploads(*(make.photo(f"p{n}", n, bytes=250_000_000) for n in range(1, 6))), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_checksum_of_another_length(world, make):
    return make.uploads(make.photo(checksum="sha256:abc")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_sequence_of_zero(world, make):
    return make.uploads(make.photo(sequence=0)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_title_of_256_characters(world, make):
    return make.uploads(make.photo(title="t" * 256)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_reference_of_101_characters(world, make):
    return make.uploads(batchReference="r" * 101), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_blank_reference(world, make):
    return make.uploads(batchReference="   "), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_listing_id_in_quotes(world, make):
    return make.uploads(listingId="42"), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def no_listing_id(world, make):
    return {"batchReference": "morning", "files": [make.photo()]}, PHOTOGRAPHER


@row("/uploads", 403, "NOT_PHOTOGRAPHER")
def a_stranger_brings_photos(world, make):
    return make.uploads(), STRANGER


@row("/uploads", 403, "NOT_PHOTOGRAPHER")
def the_owner_brings_photos(world, make):
    return make.uploads(), OWNER


@row("/uploads", 403, "NOT_PHOTOGRAPHER")
def a_photographer_whose_booking_was_displaced(world, make):
    world.listings.add_booking(LISTING, photographer_id=5, status=BookingStatus.ACCEPTED)
    return make.uploads(), PHOTOGRAPHER


@row("/uploads", 403, "NOT_PHOTOGRAPHER")
def a_photographer_whose_booking_is_not_approved(world, make):
    world.listings.add_booking(LISTING, photographer_id=STRANGER, status=BookingStatus.PENDING_APPROVAL)
    return make.uploads(), STRANGER


@row("/uploads", 403, "NOT_OWNER")
def the_photographer_brings_project_files(world, make):
    return make.uploads(make.document(), listingId=DEVELOPMENT), PHOTOGRAPHER


@row("/uploads", 403, "PROJECT_NOT_ALLOWED")
def project_files_for_an_ordinary_listing(world, make):
    return make.uploads(make.document()), OWNER


@row("/uploads", 404, "LISTING_NOT_FOUND")
def an_unknown_listing(world, make):
    return make.uploads(listingId=999), STRANGER


@row("/uploads", 404, "LISTING_STATUS_INVALID")
def a_listing_that_has_its_photos(world, make):
    world.listings.set_status(ListingId(LISTING), ListingStatus.PENDING_OWNER_APPROVAL)
    return make.uploads(), PHOTOGRAPHER


@row("/uploads", 409, "BATCH_CONFLICT")
def a_reference_that_is_still_open(world, make):
    world.create()
    return make.uploads(), PHOTOGRAPHER


@row("/uploads", 503, "UNAVAILABLE")
def creating_while_the_database_is_down(world, make):
    world.media.available = False
    return make.uploads(), PHOTOGRAPHER


# uploads/complete


def _uploaded(world: Any) -> Any:
    created = world.create()
    world.upload(created)
    return created


def _file(body: Any, **changes: object) -> Any:
    return body | {"files": [body["files"][0] | changes]}


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def an_unknown_client_id(world, make):
    return _file(world.completion(_uploaded(world)), clientId="other"), PHOTOGRAPHER


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def another_key(world, make):
    return _file(world.completion(_uploaded(world)), s3Key="42/raw/other.jpg"), PHOTOGRAPHER


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def only_half_of_the_files(world, make):
    created = world.create(make.photo("a", 1), make.photo("b", 2))
    world.upload(created)
    body = world.completion(created)
    return body | {"files": body["files"][:1]}, PHOTOGRAPHER


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def a_file_named_twice(world, make):
    body = world.completion(_uploaded(world))
    return body | {"files": body["files"] * 2}, PHOTOGRAPHER


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def no_etag(world, make):
    body = world.completion(_uploaded(world))
    del body["files"][0]["etag"]
    return body, PHOTOGRAPHER


@row("/uploads/complete", 403, "NOT_PHOTOGRAPHER")
def a_stranger_completes(world, make):
    return world.completion(_uploaded(world)), STRANGER


@row("/uploads/complete", 403, "NOT_OWNER")
def the_photographer_completes_project_files(world, make):
    created = world.create(make.document(), user=OWNER, listingId=DEVELOPMENT)
    return world.completion(created, DEVELOPMENT), PHOTOGRAPHER


@row("/uploads/complete", 404, "LISTING_NOT_FOUND")
def completing_on_an_unknown_listing(world, make):
    return world.completion(_uploaded(world), listing=999), PHOTOGRAPHER


@row("/uploads/complete", 404, "BATCH_NOT_FOUND")
def completing_an_unknown_batch(world, make):
    return world.completion(_uploaded(world), batchId=NO_BATCH), PHOTOGRAPHER


@row("/uploads/complete", 404, "BATCH_NOT_FOUND")
def completing_a_batch_of_another_listing(world, make):
    return world.completion(_uploaded(world), listing=DEVELOPMENT), PHOTOGRAPHER


@row("/uploads/complete", 404, "BATCH_NOT_FOUND")
def completing_a_deleted_batch(world, make):
    created = _uploaded(world)
    _delete(world, created)
    return world.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "BATCH_STATUS_INVALID")
def completing_twice(world, make):
    created = _uploaded(world)
    world.complete(created)
    return world.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "LISTING_STATUS_INVALID")
def the_listing_moved_on_between_create_and_complete(world, make):
    created = _uploaded(world)
    world.listings.set_status(ListingId(LISTING), ListingStatus.PENDING_OWNER_APPROVAL)
    return world.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "UPLOAD_MISSING")
def a_file_that_was_not_uploaded(world, make):
    return world.completion(world.create()), PHOTOGRAPHER


@row("/uploads/complete", 409, "SIZE_MISMATCH")
def an_object_of_another_size(world, make):
    created = world.create()
    stored = world.storage.put(created["files"][0]["s3Key"], b"the bytes of front")
    world.storage.objects[stored.key] = replace(stored, bytes=17)
    return world.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "SIZE_MISMATCH")
def a_client_that_sent_another_size(world, make):
    return _file(world.completion(_uploaded(world)), bytes=17), PHOTOGRAPHER


@row("/uploads/complete", 409, "CHECKSUM_MISMATCH")
def an_object_with_other_content(world, make):
    created = world.create()
    world.storage.put(created["files"][0]["s3Key"], b"the bytes of backs")
    return world.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "CHECKSUM_MISMATCH")
def an_object_without_checksum(world, make):
    created = world.create()
    world.storage.put_announced(created["files"][0]["s3Key"], size=18, checksum=None)
    return world.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 410, "UPLOAD_URL_EXPIRED")
def a_missing_file_whose_url_has_expired(world, make):
    created = world.create()
    world.clock.advance(901)
    return world.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 503, "UNAVAILABLE")
def completing_while_the_bucket_is_down(world, make):
    created = _uploaded(world)
    world.storage.available = False
    return world.completion(created), PHOTOGRAPHER


# uploads/status


def _asked(created: Any, listing: int = LISTING, **changes: object) -> Any:
    return {"listingId": listing, "batchId": created["batchId"]} | changes


@row("/uploads/status", 400, "MANIFEST_INVALID")
def a_status_without_batch_id(world, make):
    return {"listingId": LISTING}, PHOTOGRAPHER


@row("/uploads/status", 403, "NOT_PHOTOGRAPHER")
def a_stranger_looks(world, make):
    return _asked(world.create()), STRANGER


@row("/uploads/status", 404, "LISTING_NOT_FOUND")
def the_status_on_an_unknown_listing(world, make):
    return _asked(world.create(), listing=999), PHOTOGRAPHER


@row("/uploads/status", 404, "BATCH_NOT_FOUND")
def the_status_of_an_unknown_batch(world, make):
    return {"listingId": LISTING, "batchId": NO_BATCH}, PHOTOGRAPHER


@row("/uploads/status", 404, "BATCH_NOT_FOUND")
def the_status_of_something_that_is_no_uuid(world, make):
    return {"listingId": LISTING, "batchId": "the one from this morning"}, PHOTOGRAPHER


@row("/uploads/status", 404, "BATCH_NOT_FOUND")
def the_status_of_a_batch_of_another_listing(world, make):
    return _asked(world.create(), listing=DEVELOPMENT), PHOTOGRAPHER


@row("/uploads/status", 404, "BATCH_NOT_FOUND")
def the_status_of_a_deleted_batch(world, make):
    created = world.create()
    _delete(world, created)
    return _asked(created), PHOTOGRAPHER


@row("/uploads/status", 503, "UNAVAILABLE")
def the_status_while_the_database_is_down(world, make):
    created = world.create()
    world.media.available = False
    return _asked(created), PHOTOGRAPHER


# downloads/query


@row("/downloads/query", 400, "MANIFEST_INVALID")
def downloads_of_a_listing_called_zero(world, make):
    return {"listingId": 0}, PHOTOGRAPHER


@row("/downloads/query", 403, "NOT_PHOTOGRAPHER")
def a_stranger_downloads(world, make):
    world.ready()
    return {"listingId": LISTING}, STRANGER


@row("/downloads/query", 404, "LISTING_NOT_FOUND")
def downloads_of_an_unknown_listing(world, make):
    return {"listingId": 999}, PHOTOGRAPHER


@row("/downloads/query", 404, "BATCH_NOT_FOUND")
def downloads_of_an_unknown_batch(world, make):
    return {"listingId": LISTING, "batchId": NO_BATCH}, PHOTOGRAPHER


@row("/downloads/query", 404, "BATCH_NOT_FOUND")
def downloads_of_a_batch_of_another_listing(world, make):
    created, _ = world.ready()
    return _asked(created, listing=DEVELOPMENT), PHOTOGRAPHER


@row("/downloads/query", 404, "BATCH_NOT_FOUND")
def downloads_of_a_deleted_batch(world, make):
    created, _ = world.ready()
    _delete(world, created)
    return _asked(created), PHOTOGRAPHER


@row("/downloads/query", 409, "BATCH_STATUS_INVALID")
def downloads_of_a_batch_that_is_not_ready(world, make):
    created, _ = world.received()
    return _asked(created), PHOTOGRAPHER


# uploads/retry


@row("/uploads/retry", 400, "MANIFEST_INVALID")
def a_retry_without_reason(world, make):
    return _asked(world.ready()[0]), PHOTOGRAPHER


@row("/uploads/retry", 400, "MANIFEST_INVALID")
def a_retry_with_a_blank_reason(world, make):
    return _asked(world.ready()[0], reason="  "), PHOTOGRAPHER


@row("/uploads/retry", 400, "MANIFEST_INVALID")
def a_retry_with_a_reason_of_501_characters(world, make):
    return _asked(world.ready()[0], reason="r" * 501), PHOTOGRAPHER


@row("/uploads/retry", 403, "NOT_PHOTOGRAPHER")
def the_owner_retries_photos(world, make):
    return _asked(world.ready()[0], reason="too dark"), OWNER


@row("/uploads/retry", 403, "NOT_OWNER")
def the_photographer_retries_project_files(world, make):
    created = world.create(make.document(), user=OWNER, listingId=DEVELOPMENT)
    return _asked(created, DEVELOPMENT, reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 404, "LISTING_NOT_FOUND")
def a_retry_on_an_unknown_listing(world, make):
    return _asked(world.ready()[0], listing=999, reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 404, "BATCH_NOT_FOUND")
def a_retry_of_an_unknown_batch(world, make):
    return {"listingId": LISTING, "batchId": NO_BATCH, "reason": "too dark"}, PHOTOGRAPHER


@row("/uploads/retry", 404, "BATCH_NOT_FOUND")
def a_retry_of_a_batch_of_another_listing(world, make):
    return _asked(world.ready()[0], listing=DEVELOPMENT, reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 409, "BATCH_STATUS_INVALID")
def a_retry_before_the_upload_is_completed(world, make):
    return _asked(world.create(), reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 409, "BATCH_STATUS_INVALID")
def a_retry_of_a_received_batch(world, make):
    return _asked(world.received()[0], reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 409, "BATCH_STATUS_INVALID")
def a_retry_of_a_batch_in_the_pipeline(world, make):
    created, accepted = world.received()
    world.callback({"jobId": accepted["jobId"], "status": "RUNNING"})
    return _asked(created, reason="too dark"), PHOTOGRAPHER


def _delete(world: Any, created: Any) -> None:
    with world.media.transaction() as tx:
        tx.soft_delete_batch(BatchId(created["batchId"]), at=world.clock.now())
