"""
The use case `CreateUploadBatch`.
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
    def test_gives_each_file_a_key_and_a_signed_url(self, env, files):
        """
        The result has one upload per file, in the order of the manifest.
        """
        created = env.opened(files.photo(1), files.video(2))

        batch = env.media.get_batch_by_id(created.batch_id)
        assert batch.status is BatchStatus.PENDING_UPLOAD
        assert batch.issued_at == env.clock.now()
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
        assert env.instruments.entered == {BatchStatus.PENDING_UPLOAD: 1}

    def test_stores_the_uploader(self, env, files):
        """
        The column named after the photographer has the uploader, who may be the owner.
        """
        created = env.opened(files.document(1), listing=DEVELOPMENT, by=env.owner)

        assert env.media.get_batch_by_id(created.batch_id).uploaded_by == 20

    def test_several_open_batches_are_allowed(self, env):
        """
        Their references must differ.
        """
        env.opened(reference="morning")
        env.opened(reference="evening")

        assert len(env.media.list_batches_by_listing(APARTMENT)) == 2

    @pytest.mark.parametrize("reference", ["", "   ", "r" * 101])
    def test_reference_has_1_to_100_characters(self, env, reference):
        """
        A reference of blanks is empty.
        """
        with pytest.raises(ManifestInvalid) as refused:
            env.opened(reference=reference)

        assert refused.value.errors[0].field == "batchReference"

    def test_reference_of_an_open_batch_is_a_conflict(self, env):
        """
        The second request with the same reference is probably a repeated request.
        """
        env.opened(reference="morning")

        with pytest.raises(BatchConflict):
            env.opened(reference=" morning ")

    def test_reference_is_free_again_when_the_batch_has_ended(self, env):
        """
        A failed batch can be replaced by a new one with the same reference.
        """
        env.failed(reference="morning")

        assert env.opened(reference="morning")

    def test_reference_is_free_again_when_the_batch_is_deleted(self, env):
        """
        A deleted batch does not block its reference.
        """
        env.delete(env.opened(reference="morning").batch_id)

        assert env.opened(reference="morning")

    def test_reference_is_unique_per_listing(self, env):
        """
        Batches of two listings may have the same reference.
        """
        env.opened(reference="morning", listing=APARTMENT)

        assert env.opened(reference="morning", listing=DEVELOPMENT)

    def test_unknown_listing_comes_before_forbidden(self, env):
        """
        An unknown listing is 404 also for a user without permission.
        """
        with pytest.raises(ListingNotFound):
            env.opened(listing=NOWHERE, by=env.stranger)

    def test_strangers_do_not_learn_the_status_of_a_listing(self, env):
        """
        The permission is checked before the status.
        """
        env.listings.set_status(APARTMENT, ListingStatus.PUBLISHED)

        with pytest.raises(NotPhotographer):
            env.opened(by=env.stranger)

    @pytest.mark.parametrize("status", [s for s in ListingStatus if s != 6])
    def test_only_listings_waiting_for_media_accept_uploads(self, env, status):
        """
        All other statuses of the seventeen are refused, for a listing that is not a development.
        """
        env.listings.set_status(APARTMENT, status)

        with pytest.raises(ListingStatusInvalid):
            env.opened()

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            (lambda listings: listings.set_status(APARTMENT, ListingStatus(7)), ListingStatusInvalid),
            (lambda listings: listings.delete_listing(APARTMENT), ListingNotFound),
        ],
        ids=["advanced", "deleted"],
    )
    def test_a_listing_that_changes_meanwhile_accepts_no_batch(self, env, monkeypatch, change, error):
        """
        Its status is read again under its lock: another batch may become READY while the URLs are signed.
        """
        sign = env.storage.sign_upload

        def sign_slowly(*arguments, **options):
            change(env.listings)
            return sign(*arguments, **options)

        monkeypatch.setattr(env.storage, "sign_upload", sign_slowly)

        with pytest.raises(error):
            env.opened()
        assert env.media.list_batches_by_listing(APARTMENT) == []

    @pytest.mark.parametrize("status", list(ListingStatus))
    @pytest.mark.parametrize("family", ["photos", "project"])
    def test_developments_accept_each_family_until_the_approval(self, env, files, status, family):
        """
        The first family may advance the listing; the other one is accepted after it, in statuses 6 and 7.
        """
        env.listings.set_status(DEVELOPMENT, status)
        choices = {"photos": (files.photo(1), env.photographer), "project": (files.document(1), env.owner)}
        file, by = choices[family]

        if status in (6, 7):
            assert env.opened(file, listing=DEVELOPMENT, by=by)
        else:
            with pytest.raises(ListingStatusInvalid):
                env.opened(file, listing=DEVELOPMENT, by=by)

    @pytest.mark.parametrize("first", ["photos", "project"])
    def test_development_holds_both_families_in_any_order(self, env, files, first):
        """
        The second family is created and completed after the first one advanced the listing.
        """
        uploads = [(files.photo(1), env.photographer), (files.document(1), env.owner)]
        for file, by in uploads if first == "photos" else reversed(uploads):
            job = env.ready(file, listing=DEVELOPMENT, by=by)
            assert env.batch_status(job.job_id) is BatchStatus.READY
            assert env.listing_status(DEVELOPMENT) is ListingStatus.PENDING_OWNER_APPROVAL

    def test_statuses_are_configurable_by_family(self, new_env, files):
        """
        Developments may accept project files in another status.
        """
        drafts = {Family.SHOOT: frozenset({ListingStatus(6)}), Family.PROJECT: frozenset({ListingStatus(1)})}
        env = new_env(policy=AccessPolicy(upload_statuses=drafts))
        env.listings.set_status(DEVELOPMENT, ListingStatus.DRAFT)

        assert env.opened(files.document(1), listing=DEVELOPMENT, by=env.owner)
        with pytest.raises(ListingStatusInvalid):
            env.opened(files.photo(1), listing=DEVELOPMENT)


class TestWhoMayCreate:
    @pytest.mark.parametrize("who", ["photographer", "operator"])
    def test_photos_belong_to_the_photographer(self, env, who):
        """
        The photographer of the booking and operators may upload photos.
        """
        assert env.opened(by=getattr(env, who))

    @pytest.mark.parametrize("who", ["owner", "stranger"])
    def test_other_users_may_not_upload_photos(self, env, who):
        """
        Also the owner of the listing may not.
        """
        with pytest.raises(NotPhotographer):
            env.opened(by=getattr(env, who))

    @pytest.mark.parametrize("who", ["owner", "operator"])
    def test_project_files_belong_to_the_owner(self, env, files, who):
        """
        The owner of a development and operators may upload project files.
        """
        assert env.opened(files.document(1), listing=DEVELOPMENT, by=getattr(env, who))

    @pytest.mark.parametrize("who", ["photographer", "stranger"])
    def test_other_users_may_not_upload_project_files(self, env, files, who):
        """
        Also the photographer of the booking may not.
        """
        with pytest.raises(NotOwner):
            env.opened(files.document(1), listing=DEVELOPMENT, by=getattr(env, who))

    @pytest.mark.parametrize("who", ["owner", "operator"])
    def test_project_files_are_for_developments(self, env, files, who):
        """
        An apartment accepts no project files from any user.
        """
        with pytest.raises(ProjectNotAllowed):
            env.opened(files.document(1), listing=APARTMENT, by=getattr(env, who))

    @pytest.mark.parametrize("status", ["PENDING_APPROVAL", "REJECTED", "RESCHEDULED", "CANCELLED"])
    def test_booking_that_is_not_effective_is_ignored(self, env, status):
        """
        A newer booking replaces an older one only if it is effective.
        """
        env.listings.add_booking(APARTMENT, photographer_id=40, status=BookingStatus(status))

        assert env.opened(by=env.photographer)
        with pytest.raises(NotPhotographer):
            env.opened(by=env.stranger, reference="other")

    @pytest.mark.parametrize("status", ["ACCEPTED", "ACTIVE", "DONE"])
    def test_newer_booking_replaces_the_older_one(self, env, status):
        """
        A listing has one photographer at a time.
        """
        env.listings.add_booking(APARTMENT, photographer_id=40, status=BookingStatus(status))

        assert env.opened(by=env.stranger)
        with pytest.raises(NotPhotographer):
            env.opened(by=env.photographer, reference="other")
