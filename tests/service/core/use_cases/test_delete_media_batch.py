"""
The use case `DeleteMediaBatch`, and the deletion of replaced batches.
"""

import pytest

from harness.service.core.errors import (
    BatchConflict,
    BatchNotFound,
    BatchStatusInvalid,
    Invalid,
    ListingNotFound,
    NotOwner,
    NotPhotographer,
)
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.listing import ListingStatus

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)
UNKNOWN = BatchId("00000000-0000-4000-8000-000000000000")


def batch_id_of(env, accepted):
    return env.batch_of(accepted.job_id).id


def deleted_at(env, batch_id):
    return env.media.get_batch_by_id(batch_id, include_deleted=True).deleted_at


class TestDeleteMediaBatch:
    def test_a_deleted_batch_is_unknown_everywhere(self, env):
        """
        Status, downloads, completion, retry and a second deletion are 404, and downloads without a batch find
        nothing.
        """
        created = env.opened(reference="evening")
        env.upload(created)
        accepted = env.ready()
        ready = batch_id_of(env, accepted)

        for batch_id in (ready, created.batch_id):
            assert env.delete_batch(env.photographer, APARTMENT, batch_id, "wrong house").batch_id == batch_id

        requests = [
            lambda: env.status(env.photographer, APARTMENT, ready),
            lambda: env.downloads(env.photographer, APARTMENT, ready),
            lambda: env.retried(ready),
            lambda: env.delete_batch(env.photographer, APARTMENT, ready, "again"),
            lambda: env.complete(env.photographer, **env.completion(created)),
        ]
        for request in requests:
            with pytest.raises(BatchNotFound):
                request()
        assert env.downloads(env.photographer, APARTMENT) is None

    def test_the_reference_is_free_and_the_history_stays(self, env):
        """
        The jobs stay, and the row has the time, the user and the reason.
        """
        first = env.opened()
        env.clock.advance(60)

        deleted = env.delete_batch(env.photographer, APARTMENT, first.batch_id, "  wrong house ")

        assert env.opened().batch_id != first.batch_id
        batch = env.media.get_batch_by_id(first.batch_id, include_deleted=True)
        assert batch.deleted_at == deleted.deleted_at == env.clock.now()
        assert batch.status is BatchStatus.PENDING_UPLOAD
        assert batch.processing_metadata["deletion"] == {"requestedBy": 10, "reason": "wrong house"}

    @pytest.mark.parametrize("state", ["received", "processing"])
    def test_a_batch_in_the_pipeline_is_refused(self, env, state):
        """
        A deleted batch is not shown, so its job must have ended before.
        """
        batch_id = batch_id_of(env, getattr(env, state)())

        with pytest.raises(BatchStatusInvalid):
            env.delete_batch(env.operator, APARTMENT, batch_id, "wrong house")

    def test_who_may_delete_is_who_may_retry(self, env, files):
        """
        Photos: photographer and operator; project files: owner and operator.
        """
        photos = env.opened()
        plans = env.opened(files.document(1), listing=DEVELOPMENT, by=env.owner)

        for caller in (env.owner, env.stranger):
            with pytest.raises(NotPhotographer):
                env.delete_batch(caller, APARTMENT, photos.batch_id, "x")
        for caller in (env.photographer, env.stranger):
            with pytest.raises(NotOwner):
                env.delete_batch(caller, DEVELOPMENT, plans.batch_id, "x")
        assert env.delete_batch(env.owner, DEVELOPMENT, plans.batch_id, "x")
        assert env.delete_batch(env.operator, APARTMENT, photos.batch_id, "x")

    def test_unknown_listings_and_batches_and_missing_reasons(self, env):
        """
        A batch of another listing is unknown too.
        """
        batch_id = env.opened().batch_id

        with pytest.raises(ListingNotFound):
            env.delete_batch(env.operator, ListingId(99), batch_id, "x")
        for listing, batch in ((DEVELOPMENT, batch_id), (APARTMENT, UNKNOWN)):
            with pytest.raises(BatchNotFound):
                env.delete_batch(env.operator, listing, batch, "x")
        for reason in ("", "  ", "r" * 501):
            with pytest.raises(Invalid):
                env.delete_batch(env.operator, APARTMENT, batch_id, reason)

    def test_a_deletion_evaluates_the_advance_of_the_listing(self, env):
        """
        A listing that was set back has a READY batch; the deletion of a sibling counts as an end.
        """
        env.ready(reference="good")
        env.listings.set_status(APARTMENT, ListingStatus.PENDING_PHOTO_PROCESSING)
        sibling = env.opened(reference="bad")

        env.delete_batch(env.photographer, APARTMENT, sibling.batch_id, "not needed")

        assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    def test_a_deleted_batch_does_not_advance_the_listing(self, env):
        """
        Without a live READY batch the listing stays.
        """
        bad = batch_id_of(env, env.ready(reference="bad"))
        env.listings.set_status(APARTMENT, ListingStatus.PENDING_PHOTO_PROCESSING)

        env.delete_batch(env.photographer, APARTMENT, bad, "wrong house")

        assert env.listing_status() is ListingStatus.PENDING_PHOTO_PROCESSING


class TestReplacement:
    def test_the_replaced_batch_is_deleted_when_the_new_one_is_ready(self, env):
        """
        Until then it can be downloaded.
        """
        old = batch_id_of(env, env.ready(reference="old"))
        env.listings.set_status(APARTMENT, ListingStatus.PENDING_PHOTO_PROCESSING)
        accepted = env.processing(reference="new", replaces=old)
        assert env.downloads(env.photographer, APARTMENT, old)

        env.handle(env.success(accepted.job_id))

        assert deleted_at(env, old) == env.clock.now()
        new = batch_id_of(env, accepted)
        assert env.downloads(env.photographer, APARTMENT).batch_id == new
        metadata = env.media.get_batch_by_id(old, include_deleted=True).processing_metadata
        assert metadata["deletion"] == {"replacedBy": new}

    def test_a_new_batch_that_fails_replaces_nothing(self, env):
        """
        It replaces the old one once a retry succeeds.
        """
        old = env.opened(reference="old").batch_id
        new = batch_id_of(env, env.failed(reference="new", replaces=old))
        assert deleted_at(env, old) is None

        env.handle(env.success(env.retried(new).job_id))

        assert deleted_at(env, old)

    @pytest.mark.parametrize("end", ["success", "failure"])
    def test_a_replaced_batch_in_the_pipeline_is_deleted_when_its_job_ends(self, env, end):
        """
        Its job ends as usual, and then it is deleted, READY or FAILED.
        """
        old = batch_id_of(env, env.failed(reference="old"))
        new = env.processing(reference="new", replaces=old)
        retried = env.retried(old)
        env.handle(env.success(new.job_id))
        assert deleted_at(env, old) is None

        env.handle(getattr(env, end)(retried.job_id))

        assert deleted_at(env, old) == env.clock.now()
        assert env.job(retried.job_id).status.terminal
        assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    def test_a_replaced_batch_may_be_deleted_before(self, env):
        """
        The new batch becomes READY, although there is nothing left to delete.
        """
        old = env.opened(reference="old").batch_id
        new = env.processing(reference="new", replaces=old)
        env.delete_batch(env.photographer, APARTMENT, old, "not needed")

        env.handle(env.success(new.job_id))

        assert env.batch_status(new.job_id) is BatchStatus.READY

    def test_only_a_batch_of_the_same_listing_and_family_can_be_replaced(self, env, files):
        """
        A batch of another listing, a deleted or an unknown one is 404, one of the other family 409.
        """
        elsewhere = env.opened(listing=APARTMENT).batch_id
        plans = env.opened(files.document(1), listing=DEVELOPMENT, by=env.owner).batch_id
        gone = env.opened(listing=DEVELOPMENT, reference="gone").batch_id
        env.delete_batch(env.photographer, DEVELOPMENT, gone, "x")

        for replaced, error in (
            (elsewhere, BatchNotFound),
            (gone, BatchNotFound),
            (UNKNOWN, BatchNotFound),
            (plans, BatchConflict),
        ):
            with pytest.raises(error):
                env.opened(listing=DEVELOPMENT, reference="new", replaces=replaced)
        assert len(env.media.list_batches_by_listing(DEVELOPMENT)) == 1
