"""
Announcing a batch.
"""

import pytest

from harness.service.core.errors import (
    BatchConflict,
    ListingNotFound,
    ListingStatusInvalid,
    ManifestInvalid,
    NotOwner,
    NotPhotographer,
    ProjectNotAllowed,
)
from harness.service.core.model.access_policy import AccessPolicy
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.identifiers import ListingId
from harness.service.core.model.listing import BookingStatus, ListingStatus
from harness.service.core.model.media_type import Family

APARTMENT, DEVELOPMENT, NOWHERE = ListingId(1), ListingId(2), ListingId(99)


class TestCreateUploadBatch:
    def test_gives_each_file_a_key_and_a_signed_url(self, world, files):
        """
        The photographer gets a place for every file, in the order of the manifest.
        """
        created = world.opened(files.photo(1), files.video(2))

        batch = world.media.get_batch_by_id(created.batch_id)
        assert batch.status is BatchStatus.PENDING_UPLOAD
        assert batch.issued_at == world.clock.now()
        assert batch.received_at is None
        assert created.upload_ttl == 900
        assert [slot.key for slot in created.slots] == [
            f"1/raw/photo/horizontal/{created.batch_id}/c1-1.jpg",
            f"1/raw/video/vertical/{created.batch_id}/c2-2.mp4",
        ]
        assert created.slots[0].signed.headers == {
            "Content-Type": "image/jpeg",
            "x-amz-checksum-sha256": files.photo(1).checksum.base64,
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": "alias/toq-media-processing",
        }
        assert world.instruments.entered == {BatchStatus.PENDING_UPLOAD: 1}

    def test_remembers_who_uploads(self, world, files):
        """
        The column named after the photographer holds the uploader, who may be the owner.
        """
        created = world.opened(files.document(1), listing=DEVELOPMENT, by=world.owner)

        assert world.media.get_batch_by_id(created.batch_id).uploaded_by == 20

    def test_several_open_batches_are_allowed(self, world):
        """
        Only the reference must differ.
        """
        world.opened(reference="morning")
        world.opened(reference="evening")

        assert len(world.media.list_batches_by_listing(APARTMENT)) == 2

    @pytest.mark.parametrize("reference", ["", "   ", "r" * 101])
    def test_reference_has_1_to_100_characters(self, world, reference):
        """
        A reference is needed to tell batches apart, so blanks do not count.
        """
        with pytest.raises(ManifestInvalid) as refused:
            world.opened(reference=reference)

        assert refused.value.errors[0].field == "batchReference"

    def test_reference_of_an_open_batch_is_taken(self, world):
        """
        Twice the same reference is most likely twice the same click.
        """
        world.opened(reference="morning")

        with pytest.raises(BatchConflict):
            world.opened(reference=" morning ")

    def test_reference_is_free_again_when_the_batch_has_ended(self, world):
        """
        Failed batches may be replaced by a new one of the same name.
        """
        world.failed(reference="morning")

        assert world.opened(reference="morning")

    def test_reference_is_free_again_when_the_batch_is_deleted(self, world):
        """
        A deleted batch stands in nobody's way.
        """
        world.delete(world.opened(reference="morning").batch_id)

        assert world.opened(reference="morning")

    def test_reference_is_taken_on_its_own_listing_only(self, world):
        """
        Two listings may both have a morning.
        """
        world.opened(reference="morning", listing=APARTMENT)

        assert world.opened(reference="morning", listing=DEVELOPMENT)

    def test_unknown_listing_comes_before_the_question_who_asks(self, world):
        """
        404 before 403.
        """
        with pytest.raises(ListingNotFound):
            world.opened(listing=NOWHERE, by=world.stranger)

    def test_strangers_do_not_learn_the_status_of_a_listing(self, world):
        """
        403 before the status.
        """
        world.listings.set_status(APARTMENT, ListingStatus.PUBLISHED)

        with pytest.raises(NotPhotographer):
            world.opened(by=world.stranger)

    @pytest.mark.parametrize("status", [s for s in ListingStatus if s != 6])
    def test_only_listings_waiting_for_media_take_uploads(self, world, status):
        """
        In every other of the seventeen statuses it is as if there were nothing to upload to.
        """
        world.listings.set_status(APARTMENT, status)

        with pytest.raises(ListingStatusInvalid):
            world.opened()

    def test_statuses_are_configurable_by_family(self, new_world, files):
        """
        Developments may take project files before any photographer came.
        """
        drafts = {Family.SHOOT: frozenset({ListingStatus(6)}), Family.PROJECT: frozenset({ListingStatus(1)})}
        world = new_world(policy=AccessPolicy(upload_statuses=drafts))
        world.listings.set_status(DEVELOPMENT, ListingStatus.DRAFT)

        assert world.opened(files.document(1), listing=DEVELOPMENT, by=world.owner)
        with pytest.raises(ListingStatusInvalid):
            world.opened(files.photo(1), listing=DEVELOPMENT)


class TestWhoMayCreate:
    @pytest.mark.parametrize("who", ["photographer", "operator"])
    def test_photos_belong_to_the_photographer(self, world, who):
        """
        The photographer of the booking, and operators.
        """
        assert world.opened(by=getattr(world, who))

    @pytest.mark.parametrize("who", ["owner", "stranger"])
    def test_nobody_else_uploads_photos(self, world, who):
        """
        Not even the owner of the listing.
        """
        with pytest.raises(NotPhotographer):
            world.opened(by=getattr(world, who))

    @pytest.mark.parametrize("who", ["owner", "operator"])
    def test_project_files_belong_to_the_owner(self, world, files, who):
        """
        The owner of a development, and operators.
        """
        assert world.opened(files.document(1), listing=DEVELOPMENT, by=getattr(world, who))

    @pytest.mark.parametrize("who", ["photographer", "stranger"])
    def test_nobody_else_uploads_project_files(self, world, files, who):
        """
        Not even the photographer of the booking.
        """
        with pytest.raises(NotOwner):
            world.opened(files.document(1), listing=DEVELOPMENT, by=getattr(world, who))

    @pytest.mark.parametrize("who", ["owner", "operator"])
    def test_project_files_are_for_developments(self, world, files, who):
        """
        An apartment has no project, whoever asks.
        """
        with pytest.raises(ProjectNotAllowed):
            world.opened(files.document(1), listing=APARTMENT, by=getattr(world, who))

    @pytest.mark.parametrize("status", ["PENDING_APPROVAL", "REJECTED", "RESCHEDULED", "CANCELLED"])
    def test_booking_that_does_not_count_makes_no_photographer(self, world, status):
        """
        A newer booking displaces the old one only if it is on.
        """
        world.listings.add_booking(APARTMENT, photographer_id=40, status=BookingStatus(status))

        assert world.opened(by=world.photographer)
        with pytest.raises(NotPhotographer):
            world.opened(by=world.stranger, reference="other")

    @pytest.mark.parametrize("status", ["ACCEPTED", "ACTIVE", "DONE"])
    def test_newer_booking_displaces_the_older_one(self, world, status):
        """
        There is one photographer at a time.
        """
        world.listings.add_booking(APARTMENT, photographer_id=40, status=BookingStatus(status))

        assert world.opened(by=world.stranger)
        with pytest.raises(NotPhotographer):
            world.opened(by=world.photographer, reference="other")
