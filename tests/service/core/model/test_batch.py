"""
The transitions of a batch.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.core.errors import BatchNotFound, BatchStatusInvalid
from harness.service.core.model.batch import Batch, BatchStatus, Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.failure import Failure
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
UPLOAD = Upload(
    ManifestFile("c1", MediaType.PHOTO_VERTICAL, "a.jpg", "image/jpeg", 10, Sha256("0" * 64), 1), "key"
)

MOVES = {
    "receive": lambda batch, at: batch.receive(batch.uploads, at=at),
    "start_processing": lambda batch, at: batch.start_processing(at=at),
    "mark_ready": lambda batch, at: batch.mark_ready(at=at),
    "fail": lambda batch, at: batch.fail(Failure("CODE", "why"), at=at),
    "abandon": lambda batch, at: batch.abandon(at=at),
    "retry": lambda batch, at: batch.retry(at=at),
}
ARROWS = {
    ("PENDING_UPLOAD", "receive", "RECEIVED"),
    ("PENDING_UPLOAD", "abandon", "FAILED"),
    ("RECEIVED", "start_processing", "PROCESSING"),
    ("RECEIVED", "fail", "FAILED"),
    ("PROCESSING", "start_processing", "PROCESSING"),
    ("PROCESSING", "mark_ready", "READY"),
    ("PROCESSING", "fail", "FAILED"),
    ("READY", "retry", "PROCESSING"),
    ("FAILED", "retry", "PROCESSING"),
}


def fresh() -> Batch:
    return Batch(
        BatchId("b"), ListingId(1), "ref", UserId(10), BatchStatus.PENDING_UPLOAD, (UPLOAD,), issued_at=NOON
    )


class TestBatch:
    @given(st.lists(st.sampled_from(sorted(MOVES)), max_size=12))
    def test_only_the_transitions_of_the_diagram_are_allowed(self, names):
        """
        After any sequence of calls the batch has made only transitions of the diagram.
        """
        batch, now = fresh(), NOON
        for name in names:
            now += timedelta(seconds=1)
            try:
                moved = MOVES[name](batch, now)
            except BatchStatusInvalid:
                abandoned = name == "retry" and batch.received_at is None
                assert abandoned or not any(arrow[:2] == (batch.status, name) for arrow in ARROWS)
                continue
            assert (batch.status, name, moved.status) in ARROWS
            batch = moved

    @given(st.lists(st.sampled_from(sorted(MOVES)), max_size=12))
    def test_times_are_in_order(self, names):
        """
        Issue, reception, start and end are in this order, each with its own time.
        """
        batch, now = fresh(), NOON
        for name in names:
            now += timedelta(seconds=1)
            try:
                batch = MOVES[name](batch, now)
            except BatchStatusInvalid:
                continue
            times = [
                batch.issued_at,
                batch.received_at,
                batch.processing_started_at,
                batch.processing_finished_at,
            ]
            known = [time for time in times if time]
            assert known == sorted(known)
            assert bool(batch.processing_finished_at) == batch.status.terminal

    def test_abandoned_batch_cannot_be_retried(self):
        """
        The upload was never completed, so there is nothing to process.
        """
        abandoned = fresh().abandon(at=NOON)

        with pytest.raises(BatchStatusInvalid, match="The upload of the batch was never completed"):
            abandoned.retry(at=NOON)

    def test_retry_clears_the_error_and_restarts_the_duration(self):
        """
        The processing duration of a retried batch starts at the retry.
        """
        failed = fresh().receive((UPLOAD,), at=NOON).fail(Failure("CODE", "why"), at=NOON)

        retried = failed.retry(at=NOON + timedelta(hours=1))

        assert (retried.error_code, retried.error_detail) == (None, None)
        assert retried.received_at == NOON + timedelta(hours=1)

    def test_error_code_fits_its_column(self):
        """
        A code is cut at 50 characters, the size of the column.
        """
        failed = fresh().receive((UPLOAD,), at=NOON).fail(Failure("X" * 80, "why"), at=NOON)

        assert failed.error_code == "X" * 50

    def test_batch_of_another_listing_is_not_found(self):
        """
        A request with the wrong listing does not reveal that the batch exists.
        """
        with pytest.raises(BatchNotFound):
            fresh().must_belong_to(ListingId(2))
