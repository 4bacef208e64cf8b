"""
The use case `ListDownloadUrls`.
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
from harness.service.core.use_cases.list_download_urls import DownloadItem, RenditionDownload

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)


class TestListDownloadUrls:
    def test_groups_files_by_media_type(self, env, files):
        """
        The ZIP, and for every type its files by sequence, each with a preview.
        """
        job = env.ready(files.photo(2), files.photo(1), files.video(3)).job_id

        downloads = env.downloads(env.owner, APARTMENT)

        assert downloads.batch_id == env.batch_of(job).id
        assert (downloads.generated_at, downloads.ttl) == (env.clock.now(), 3600)
        assert downloads.zip.url == f"memory://bucket/{env.folder(job, 'zip')}/full.zip?ttl=3600"
        assert downloads.zip.expires_at == env.clock.now() + timedelta(hours=1)
        assert [(group.type, len(group.items)) for group in downloads.groups] == [
            ("PHOTO_HORIZONTAL", 2),
            ("VIDEO_VERTICAL", 1),
        ]
        assert downloads.groups[0].items[0] == DownloadItem(
            label="large",
            url=f"memory://bucket/{env.folder(job)}/1/large.jpg?ttl=3600",
            preview=f"memory://bucket/{env.folder(job)}/1/thumbnail.jpg?ttl=3600",
            resolution="1200x800",
            title="Title 1",
            sequence=1,
            renditions=(
                RenditionDownload(
                    "large", f"memory://bucket/{env.folder(job)}/1/large.jpg?ttl=3600", "1200x800"
                ),
            ),
        )

    def test_every_image_size_is_a_rendition(self, env, files):
        """
        Each has its URL and resolution; the sizes of a callback without resolutions are unknown.
        """
        job = env.processing().job_id
        (output,) = env.outputs(job)
        small = output["thumbnailKey"]
        output["outputs"] = {"thumbnail": small} | output["outputs"]
        output["resolutions"] = {"thumbnail": "200x133", "large": "1200x800"}
        env.handle(env.success(job, outputs=[output]))

        item = env.downloads(env.owner, APARTMENT).groups[0].items[0]

        assert [(it.label, it.resolution) for it in item.renditions] == [
            ("thumbnail", "200x133"),
            ("large", "1200x800"),
        ]
        assert [it.url for it in item.renditions] == [item.preview, item.url]

    def test_every_mp4_is_a_rendition_and_the_poster_is_the_preview(self, env, files):
        """
        A playlist has no URL: its segments would need one each.
        """
        job = env.processing(files.video(1)).job_id
        key, folder = env.batch_of(job).uploads[0].key, env.folder(job, "processed/video/vertical")
        made = {name: f"{folder}/{name}/1.mp4" for name in ("1080p", "720p")}
        made |= {"hls": f"{folder}/hls/1/index.m3u8", "poster": f"{folder}/poster/1.0000000.jpg"}
        output = {
            "rawKey": key,
            "processedKey": made["1080p"],
            "thumbnailKey": made["poster"],
            "outputs": made,
            "resolutions": {"1080p": "1080x1920", "720p": "720x1280"},
        }
        env.handle(env.success(job, outputs=[output]))

        item = env.downloads(env.owner, APARTMENT).groups[0].items[0]

        assert item.preview == f"memory://bucket/{made['poster']}?ttl=3600"
        assert [(it.label, it.resolution, it.url) for it in item.renditions] == [
            ("1080p", "1080x1920", f"memory://bucket/{made['1080p']}?ttl=3600"),
            ("720p", "720x1280", f"memory://bucket/{made['720p']}?ttl=3600"),
        ]

    def test_file_that_is_offered_as_it_came_is_the_original(self, env, files):
        """
        A PDF has no renditions.
        """
        accepted = env.processing(files.document(1), listing=DEVELOPMENT, by=env.owner)
        key = env.batch_of(accepted.job_id).uploads[0].key
        env.handle(env.success(accepted.job_id, outputs=[{"rawKey": key, "processedKey": key}]))

        downloads = env.downloads(env.owner, DEVELOPMENT)

        item = downloads.groups[0].items[0]
        assert (item.label, item.preview, item.resolution) == ("original", None, None)
        assert item.renditions == (RenditionDownload("original", item.url, None),)

    def test_without_a_batch_the_newest_ready_one_counts(self, env):
        """
        A newer batch that is not READY is ignored.
        """
        env.received(reference="open")
        first = env.processing(reference="first")
        second = env.processing(reference="second")
        env.handle(env.success(second.job_id))
        env.handle(env.success(first.job_id))

        assert env.downloads(env.owner, APARTMENT).batch_id == env.batch_of(second.job_id).id

    def test_without_a_successful_job_there_is_no_content(self, env):
        """
        204 if the request has no batch.
        """
        env.processing()

        assert env.downloads(env.owner, APARTMENT) is None

    @pytest.mark.parametrize("state", ["processing", "failed"])
    def test_named_batch_must_have_a_successful_job(self, env, state):
        """
        409 if the batch of the request was never READY.
        """
        batch_id = env.batch_of(getattr(env, state)().job_id).id

        with pytest.raises(BatchStatusInvalid):
            env.downloads(env.owner, APARTMENT, batch_id)

    @pytest.mark.parametrize("named", [True, False])
    def test_retry_takes_nothing_away(self, env, named):
        """
        The objects of the successful job are offered while a retry runs, and after it failed.
        """
        batch_id = env.batch_of(env.ready().job_id).id
        query = (env.owner, APARTMENT, *([batch_id] if named else []))
        before = env.downloads(*query)

        again = env.retried(batch_id)
        assert env.downloads(*query) == before
        env.handle(env.failure(again.job_id))
        assert env.downloads(*query) == before

    def test_retried_batch_is_still_the_newest(self, env):
        """
        An older READY batch does not replace the newest batch with a successful job.
        """
        second = env.processing(reference="second")
        newest = env.processing(reference="newest")
        env.handle(env.success(newest.job_id))
        env.handle(env.success(second.job_id))

        env.retried(env.batch_of(newest.job_id).id)

        assert env.downloads(env.owner, APARTMENT).batch_id == env.batch_of(newest.job_id).id

    def test_retry_that_succeeded_offers_the_new_objects(self, env):
        """
        There are two ZIPs; the newest is the current one.
        """
        batch_id = env.batch_of(env.ready().job_id).id
        again = env.retried(batch_id).job_id
        env.handle(env.success(again))

        downloads = env.downloads(env.owner, APARTMENT)

        assert downloads.zip.url == f"memory://bucket/{env.folder(again, 'zip')}/full.zip?ttl=3600"
        assert downloads.groups[0].items[0].url.startswith(f"memory://bucket/{env.folder(again)}/")

    def test_unknown_deleted_and_foreign_batches_are_not_found(self, env):
        """
        404 also for a user without permission; a deleted batch is not the newest batch.
        """
        batch_id = env.batch_of(env.ready().job_id).id

        with pytest.raises(ListingNotFound):
            env.downloads(env.stranger, ListingId(99))
        with pytest.raises(BatchNotFound):
            env.downloads(env.stranger, APARTMENT, BatchId("none"))
        with pytest.raises(BatchNotFound):
            env.downloads(env.stranger, DEVELOPMENT, batch_id)
        env.delete(batch_id)
        with pytest.raises(BatchNotFound):
            env.downloads(env.owner, APARTMENT, batch_id)
        assert env.downloads(env.owner, APARTMENT) is None

    def test_strangers_may_not(self, env):
        """
        403, READY or not.
        """
        with pytest.raises(NotPhotographer):
            env.downloads(env.stranger, APARTMENT)
