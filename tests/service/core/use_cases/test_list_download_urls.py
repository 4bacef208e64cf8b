"""
URLs for everything a batch offers.
"""

from datetime import timedelta

import pytest

from harness.service.core.errors import (
    BatchNotFound,
    BatchStatusInvalid,
    ListingNotFound,
    NotPhotographer,
)
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.use_cases.list_download_urls import DownloadItem, ListDownloadUrlsRequest

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)
NEWEST = ListDownloadUrlsRequest(APARTMENT)


class TestListDownloadUrls:
    def test_groups_files_by_media_type(self, world, files):
        """
        The bundle, and for every type its files by sequence, with a preview each.
        """
        job = world.ready(files.photo(2), files.photo(1), files.video(3)).job_id

        downloads = world.downloads(world.owner, NEWEST)

        assert downloads.batch_id == world.batch_of(job).id
        assert (downloads.generated_at, downloads.ttl) == (world.clock.now(), 3600)
        assert downloads.zip.url == f"memory://bucket/zip/{job}/full.zip?ttl=3600"
        assert downloads.zip.expires_at == world.clock.now() + timedelta(hours=1)
        assert [(group.type, len(group.items)) for group in downloads.groups] == [
            ("PHOTO_HORIZONTAL", 2),
            ("VIDEO_VERTICAL", 1),
        ]
        assert downloads.groups[0].items[0] == DownloadItem(
            label="large",
            url=f"memory://bucket/processed/{job}/1/large.jpg?ttl=3600",
            preview=f"memory://bucket/processed/{job}/1/thumbnail.jpg?ttl=3600",
            resolution="1200x800",
            title="Title 1",
            sequence=1,
        )

    def test_file_that_is_offered_as_it_came_is_the_original(self, world, files):
        """
        A PDF has no renditions.
        """
        accepted = world.processing(files.document(1), listing=DEVELOPMENT, by=world.owner)
        key = world.batch_of(accepted.job_id).uploads[0].key
        world.handle(world.success(accepted.job_id, outputs=[{"rawKey": key, "processedKey": key}]))

        downloads = world.downloads(world.owner, ListDownloadUrlsRequest(DEVELOPMENT))

        item = downloads.groups[0].items[0]
        assert (item.label, item.preview, item.resolution) == ("original", None, None)

    def test_without_a_batch_the_newest_ready_one_counts(self, world):
        """
        A newer batch that is not READY does not hide the one that is.
        """
        world.received(reference="open")
        first = world.processing(reference="first")
        second = world.processing(reference="second")
        world.handle(world.success(second.job_id))
        world.handle(world.success(first.job_id))

        assert world.downloads(world.owner, NEWEST).batch_id == world.batch_of(second.job_id).id

    def test_nothing_ready_is_nothing_to_say(self, world):
        """
        204, as long as no batch was named.
        """
        world.processing()

        assert world.downloads(world.owner, NEWEST) is None

    def test_named_batch_must_be_ready(self, world):
        """
        409 for the client that asks too early.
        """
        batch_id = world.batch_of(world.processing().job_id).id

        with pytest.raises(BatchStatusInvalid):
            world.downloads(world.owner, ListDownloadUrlsRequest(APARTMENT, batch_id))

    def test_retry_that_failed_offers_nothing_explicitly(self, world):
        """
        The batch shows FAILED, though its earlier objects are still there.
        """
        batch_id = world.batch_of(world.ready().job_id).id
        world.handle(world.failure(world.retried(batch_id).job_id))

        with pytest.raises(BatchStatusInvalid):
            world.downloads(world.owner, ListDownloadUrlsRequest(APARTMENT, batch_id))

    def test_retry_that_succeeded_offers_the_new_objects(self, world):
        """
        Two bundles exist; the newest is the current one.
        """
        batch_id = world.batch_of(world.ready().job_id).id
        again = world.retried(batch_id).job_id
        world.handle(world.success(again))

        downloads = world.downloads(world.owner, NEWEST)

        assert downloads.zip.url == f"memory://bucket/zip/{again}/full.zip?ttl=3600"
        assert downloads.groups[0].items[0].url.startswith(f"memory://bucket/processed/{again}/")

    def test_unknown_deleted_and_foreign_batches_are_not_found(self, world):
        """
        404, before anybody asks who is asking; a deleted batch is not the newest either.
        """
        batch_id = world.batch_of(world.ready().job_id).id

        with pytest.raises(ListingNotFound):
            world.downloads(world.stranger, ListDownloadUrlsRequest(ListingId(99)))
        with pytest.raises(BatchNotFound):
            world.downloads(world.stranger, ListDownloadUrlsRequest(APARTMENT, BatchId("none")))
        with pytest.raises(BatchNotFound):
            world.downloads(world.stranger, ListDownloadUrlsRequest(DEVELOPMENT, batch_id))
        world.delete(batch_id)
        with pytest.raises(BatchNotFound):
            world.downloads(world.owner, ListDownloadUrlsRequest(APARTMENT, batch_id))
        assert world.downloads(world.owner, NEWEST) is None

    def test_strangers_may_not(self, world):
        """
        403, ready or not.
        """
        with pytest.raises(NotPhotographer):
            world.downloads(world.stranger, NEWEST)
