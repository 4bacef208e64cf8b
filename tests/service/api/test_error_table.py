"""
The error table of the six endpoints, row by row. A row has the preparation (`arrange` returns body and
user), the status and the reason.
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
def test_error_table(env, make, endpoint, arrange, status, reason):
    """
    The error has the status and the stable reason of the contract, in the common error body.
    """
    body, user = arrange(env, make)

    response = env.post(endpoint, body, user)

    assert response.status_code == status, response.text
    error = response.json()
    assert error["code"] == status
    assert error["message"]
    assert error["details"]["reason"] == reason
    assert ("errors" in error["details"]) is (status == 400)


# uploads


@row("/uploads", 400, "MANIFEST_INVALID")
def no_files(env, make):
    return make.uploads() | {"files": []}, PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def sixty_one_files(env, make):
    return make.uploads(*(make.photo(f"p{n}", n) for n in range(1, 62))), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def two_files_with_one_client_id(env, make):
    return make.uploads(make.photo("same", 1), make.photo("same", 2)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def two_files_with_one_sequence(env, make):
    return make.uploads(make.photo("a", 1), make.photo("b", 1)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def photos_mixed_with_project_files(env, make):
    return make.uploads(make.photo("a", 1), make.document("b", 2), listingId=DEVELOPMENT), OPERATOR


@row("/uploads", 400, "MANIFEST_INVALID")
def the_orientation_contradicts_the_type(env, make):
    return make.uploads(make.photo(orientation="VERTICAL")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_zip_as_upload(env, make):
    return make.uploads(make.photo(mediaType="ZIP")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_thumbnail_as_upload(env, make):
    return make.uploads(make.photo(mediaType="THUMBNAIL")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def an_unsupported_content_type(env, make):
    return make.uploads(make.photo(contentType="image/gif")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_video_called_photo(env, make):
    return make.uploads(make.photo(contentType="video/mp4")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def an_empty_file(env, make):
    return make.uploads(make.photo(bytes=0)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_file_over_256_mebibytes(env, make):
    return make.uploads(make.photo(bytes=256 * 1024 * 1024 + 1)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_batch_over_one_gibibyte(env, make):
    return make.uploads(*(make.photo(f"p{n}", n, bytes=250_000_000) for n in range(1, 6))), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_checksum_of_another_length(env, make):
    return make.uploads(make.photo(checksum="sha256:abc")), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_sequence_of_zero(env, make):
    return make.uploads(make.photo(sequence=0)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_title_of_256_characters(env, make):
    return make.uploads(make.photo(title="t" * 256)), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_reference_of_101_characters(env, make):
    return make.uploads(batchReference="r" * 101), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_blank_reference(env, make):
    return make.uploads(batchReference="   "), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def a_listing_id_in_quotes(env, make):
    return make.uploads(listingId="42"), PHOTOGRAPHER


@row("/uploads", 400, "MANIFEST_INVALID")
def no_listing_id(env, make):
    return {"batchReference": "morning", "files": [make.photo()]}, PHOTOGRAPHER


@row("/uploads", 403, "NOT_PHOTOGRAPHER")
def a_stranger_uploads_photos(env, make):
    return make.uploads(), STRANGER


@row("/uploads", 403, "NOT_PHOTOGRAPHER")
def the_owner_uploads_photos(env, make):
    return make.uploads(), OWNER


@row("/uploads", 403, "NOT_PHOTOGRAPHER")
def a_photographer_whose_booking_was_replaced(env, make):
    env.listings.add_booking(LISTING, photographer_id=5, status=BookingStatus.ACCEPTED)
    return make.uploads(), PHOTOGRAPHER


@row("/uploads", 403, "NOT_PHOTOGRAPHER")
def a_photographer_whose_booking_is_not_approved(env, make):
    env.listings.add_booking(LISTING, photographer_id=STRANGER, status=BookingStatus.PENDING_APPROVAL)
    return make.uploads(), STRANGER


@row("/uploads", 403, "NOT_OWNER")
def the_photographer_uploads_project_files(env, make):
    return make.uploads(make.document(), listingId=DEVELOPMENT), PHOTOGRAPHER


@row("/uploads", 403, "PROJECT_NOT_ALLOWED")
def project_files_for_an_ordinary_listing(env, make):
    return make.uploads(make.document()), OWNER


@row("/uploads", 404, "LISTING_NOT_FOUND")
def an_unknown_listing(env, make):
    return make.uploads(listingId=999), STRANGER


@row("/uploads", 404, "LISTING_STATUS_INVALID")
def a_listing_that_has_its_photos(env, make):
    env.listings.set_status(ListingId(LISTING), ListingStatus.PENDING_OWNER_APPROVAL)
    return make.uploads(), PHOTOGRAPHER


@row("/uploads", 409, "BATCH_CONFLICT")
def a_reference_that_is_still_open(env, make):
    env.create()
    return make.uploads(), PHOTOGRAPHER


@row("/uploads", 503, "UNAVAILABLE")
def creating_while_the_database_is_down(env, make):
    env.media.available = False
    return make.uploads(), PHOTOGRAPHER


# uploads/complete


def _uploaded(env: Any) -> Any:
    created = env.create()
    env.upload(created)
    return created


def _file(body: Any, **changes: object) -> Any:
    return body | {"files": [body["files"][0] | changes]}


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def an_unknown_client_id(env, make):
    return _file(env.completion(_uploaded(env)), clientId="other"), PHOTOGRAPHER


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def another_key(env, make):
    return _file(env.completion(_uploaded(env)), s3Key="42/raw/other.jpg"), PHOTOGRAPHER


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def only_half_of_the_files(env, make):
    created = env.create(make.photo("a", 1), make.photo("b", 2))
    env.upload(created)
    body = env.completion(created)
    return body | {"files": body["files"][:1]}, PHOTOGRAPHER


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def a_file_named_twice(env, make):
    body = env.completion(_uploaded(env))
    return body | {"files": body["files"] * 2}, PHOTOGRAPHER


@row("/uploads/complete", 400, "MANIFEST_INVALID")
def no_etag(env, make):
    body = env.completion(_uploaded(env))
    del body["files"][0]["etag"]
    return body, PHOTOGRAPHER


@row("/uploads/complete", 403, "NOT_PHOTOGRAPHER")
def a_stranger_completes(env, make):
    return env.completion(_uploaded(env)), STRANGER


@row("/uploads/complete", 403, "NOT_OWNER")
def the_photographer_completes_project_files(env, make):
    created = env.create(make.document(), user=OWNER, listingId=DEVELOPMENT)
    return env.completion(created, DEVELOPMENT), PHOTOGRAPHER


@row("/uploads/complete", 404, "LISTING_NOT_FOUND")
def completing_on_an_unknown_listing(env, make):
    return env.completion(_uploaded(env), listing=999), PHOTOGRAPHER


@row("/uploads/complete", 404, "BATCH_NOT_FOUND")
def completing_an_unknown_batch(env, make):
    return env.completion(_uploaded(env), batchId=NO_BATCH), PHOTOGRAPHER


@row("/uploads/complete", 404, "BATCH_NOT_FOUND")
def completing_a_batch_of_another_listing(env, make):
    return env.completion(_uploaded(env), listing=DEVELOPMENT), PHOTOGRAPHER


@row("/uploads/complete", 404, "BATCH_NOT_FOUND")
def completing_a_deleted_batch(env, make):
    created = _uploaded(env)
    _delete(env, created)
    return env.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "BATCH_STATUS_INVALID")
def completing_twice(env, make):
    created = _uploaded(env)
    env.complete(created)
    return env.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "LISTING_STATUS_INVALID")
def the_listing_was_approved_between_create_and_complete(env, make):
    created = _uploaded(env)
    env.listings.set_status(ListingId(LISTING), ListingStatus.PENDING_ADMIN_REVIEW)
    return env.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "UPLOAD_MISSING")
def a_file_that_was_not_uploaded(env, make):
    return env.completion(env.create()), PHOTOGRAPHER


@row("/uploads/complete", 409, "SIZE_MISMATCH")
def an_object_of_another_size(env, make):
    created = env.create()
    stored = env.storage.put(created["files"][0]["s3Key"], b"the bytes of front")
    env.storage.objects[stored.key] = replace(stored, bytes=17)
    return env.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "SIZE_MISMATCH")
def a_client_that_sent_another_size(env, make):
    return _file(env.completion(_uploaded(env)), bytes=17), PHOTOGRAPHER


@row("/uploads/complete", 409, "CHECKSUM_MISMATCH")
def an_object_with_other_content(env, make):
    created = env.create()
    env.storage.put(created["files"][0]["s3Key"], b"the bytes of backs")
    return env.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 409, "CHECKSUM_MISMATCH")
def an_object_without_checksum(env, make):
    created = env.create()
    env.storage.put_announced(created["files"][0]["s3Key"], size=18, checksum=None)
    return env.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 410, "UPLOAD_URL_EXPIRED")
def a_missing_file_whose_url_has_expired(env, make):
    created = env.create()
    env.clock.advance(901)
    return env.completion(created), PHOTOGRAPHER


@row("/uploads/complete", 503, "UNAVAILABLE")
def completing_while_the_bucket_is_down(env, make):
    created = _uploaded(env)
    env.storage.available = False
    return env.completion(created), PHOTOGRAPHER


# uploads/status


def _query(created: Any, listing: int = LISTING, **changes: object) -> Any:
    return {"listingId": listing, "batchId": created["batchId"]} | changes


@row("/uploads/status", 400, "MANIFEST_INVALID")
def a_status_without_batch_id(env, make):
    return {"listingId": LISTING}, PHOTOGRAPHER


@row("/uploads/status", 403, "NOT_PHOTOGRAPHER")
def a_stranger_queries_the_status(env, make):
    return _query(env.create()), STRANGER


@row("/uploads/status", 404, "LISTING_NOT_FOUND")
def the_status_on_an_unknown_listing(env, make):
    return _query(env.create(), listing=999), PHOTOGRAPHER


@row("/uploads/status", 404, "BATCH_NOT_FOUND")
def the_status_of_an_unknown_batch(env, make):
    return {"listingId": LISTING, "batchId": NO_BATCH}, PHOTOGRAPHER


@row("/uploads/status", 404, "BATCH_NOT_FOUND")
def the_status_of_a_text_that_is_not_a_uuid(env, make):
    return {"listingId": LISTING, "batchId": "the one from this morning"}, PHOTOGRAPHER


@row("/uploads/status", 404, "BATCH_NOT_FOUND")
def the_status_of_a_batch_of_another_listing(env, make):
    return _query(env.create(), listing=DEVELOPMENT), PHOTOGRAPHER


@row("/uploads/status", 404, "BATCH_NOT_FOUND")
def the_status_of_a_deleted_batch(env, make):
    created = env.create()
    _delete(env, created)
    return _query(created), PHOTOGRAPHER


@row("/uploads/status", 503, "UNAVAILABLE")
def the_status_while_the_database_is_down(env, make):
    created = env.create()
    env.media.available = False
    return _query(created), PHOTOGRAPHER


# downloads/query


@row("/downloads/query", 400, "MANIFEST_INVALID")
def downloads_of_listing_zero(env, make):
    return {"listingId": 0}, PHOTOGRAPHER


@row("/downloads/query", 403, "NOT_PHOTOGRAPHER")
def a_stranger_downloads(env, make):
    env.ready()
    return {"listingId": LISTING}, STRANGER


@row("/downloads/query", 404, "LISTING_NOT_FOUND")
def downloads_of_an_unknown_listing(env, make):
    return {"listingId": 999}, PHOTOGRAPHER


@row("/downloads/query", 404, "BATCH_NOT_FOUND")
def downloads_of_an_unknown_batch(env, make):
    return {"listingId": LISTING, "batchId": NO_BATCH}, PHOTOGRAPHER


@row("/downloads/query", 404, "BATCH_NOT_FOUND")
def downloads_of_a_batch_of_another_listing(env, make):
    created, _ = env.ready()
    return _query(created, listing=DEVELOPMENT), PHOTOGRAPHER


@row("/downloads/query", 404, "BATCH_NOT_FOUND")
def downloads_of_a_deleted_batch(env, make):
    created, _ = env.ready()
    _delete(env, created)
    return _query(created), PHOTOGRAPHER


@row("/downloads/query", 409, "BATCH_STATUS_INVALID")
def downloads_of_a_batch_that_is_not_ready(env, make):
    created, _ = env.received()
    return _query(created), PHOTOGRAPHER


# uploads/retry


@row("/uploads/retry", 400, "MANIFEST_INVALID")
def a_retry_without_reason(env, make):
    return _query(env.ready()[0]), PHOTOGRAPHER


@row("/uploads/retry", 400, "MANIFEST_INVALID")
def a_retry_with_a_blank_reason(env, make):
    return _query(env.ready()[0], reason="  "), PHOTOGRAPHER


@row("/uploads/retry", 400, "MANIFEST_INVALID")
def a_retry_with_a_reason_of_501_characters(env, make):
    return _query(env.ready()[0], reason="r" * 501), PHOTOGRAPHER


@row("/uploads/retry", 403, "NOT_PHOTOGRAPHER")
def the_owner_retries_photos(env, make):
    return _query(env.ready()[0], reason="too dark"), OWNER


@row("/uploads/retry", 403, "NOT_OWNER")
def the_photographer_retries_project_files(env, make):
    created = env.create(make.document(), user=OWNER, listingId=DEVELOPMENT)
    return _query(created, DEVELOPMENT, reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 404, "LISTING_NOT_FOUND")
def a_retry_on_an_unknown_listing(env, make):
    return _query(env.ready()[0], listing=999, reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 404, "BATCH_NOT_FOUND")
def a_retry_of_an_unknown_batch(env, make):
    return {"listingId": LISTING, "batchId": NO_BATCH, "reason": "too dark"}, PHOTOGRAPHER


@row("/uploads/retry", 404, "BATCH_NOT_FOUND")
def a_retry_of_a_batch_of_another_listing(env, make):
    return _query(env.ready()[0], listing=DEVELOPMENT, reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 409, "BATCH_STATUS_INVALID")
def a_retry_before_the_upload_is_completed(env, make):
    return _query(env.create(), reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 409, "BATCH_STATUS_INVALID")
def a_retry_of_a_received_batch(env, make):
    return _query(env.received()[0], reason="too dark"), PHOTOGRAPHER


@row("/uploads/retry", 409, "BATCH_STATUS_INVALID")
def a_retry_of_a_batch_in_the_pipeline(env, make):
    created, accepted = env.received()
    env.callback({"jobId": accepted["jobId"], "status": "RUNNING"})
    return _query(created, reason="too dark"), PHOTOGRAPHER


# uploads/delete


@row("/uploads", 404, "BATCH_NOT_FOUND")
def uploads_that_replace_an_unknown_batch(env, make):
    return make.uploads(replacesBatchId=NO_BATCH), PHOTOGRAPHER


@row("/uploads", 409, "BATCH_CONFLICT")
def photos_that_replace_project_files(env, make):
    plans = env.create(make.document(), user=OWNER, listingId=DEVELOPMENT)
    return make.uploads(listingId=DEVELOPMENT, replacesBatchId=plans["batchId"]), PHOTOGRAPHER


@row("/uploads/delete", 400, "MANIFEST_INVALID")
def a_deletion_without_reason(env, make):
    return _query(env.create()), PHOTOGRAPHER


@row("/uploads/delete", 400, "MANIFEST_INVALID")
def a_deletion_with_a_reason_of_501_characters(env, make):
    return _query(env.create(), reason="r" * 501), PHOTOGRAPHER


@row("/uploads/delete", 403, "NOT_PHOTOGRAPHER")
def the_owner_deletes_photos(env, make):
    return _query(env.create(), reason="wrong house"), OWNER


@row("/uploads/delete", 403, "NOT_OWNER")
def the_photographer_deletes_project_files(env, make):
    created = env.create(make.document(), user=OWNER, listingId=DEVELOPMENT)
    return _query(created, DEVELOPMENT, reason="wrong house"), PHOTOGRAPHER


@row("/uploads/delete", 404, "LISTING_NOT_FOUND")
def a_deletion_on_an_unknown_listing(env, make):
    return _query(env.create(), listing=999, reason="wrong house"), PHOTOGRAPHER


@row("/uploads/delete", 404, "BATCH_NOT_FOUND")
def a_deletion_of_a_batch_of_another_listing(env, make):
    return _query(env.create(), listing=DEVELOPMENT, reason="wrong house"), PHOTOGRAPHER


@row("/uploads/delete", 404, "BATCH_NOT_FOUND")
def a_second_deletion(env, make):
    created = env.create()
    env.post("/uploads/delete", _query(created, reason="wrong house"))
    return _query(created, reason="wrong house"), PHOTOGRAPHER


@row("/uploads/delete", 409, "BATCH_STATUS_INVALID")
def a_deletion_of_a_received_batch(env, make):
    return _query(env.received()[0], reason="wrong house"), PHOTOGRAPHER


@row("/uploads/delete", 409, "BATCH_STATUS_INVALID")
def a_deletion_of_a_batch_in_the_pipeline(env, make):
    created, accepted = env.received()
    env.callback({"jobId": accepted["jobId"], "status": "RUNNING"})
    return _query(created, reason="wrong house"), PHOTOGRAPHER


def _delete(env: Any, created: Any) -> None:
    with env.media.transaction() as tx:
        batch = tx.get_batch_by_id(BatchId(created["batchId"]), for_update=True)
        tx.soft_delete_batch(replace(batch, deleted_at=env.clock.now()))
