"""
The use case `TagMediaObjects`: the tags by which the lifecycle rules of the bucket select objects.
"""

import pytest

from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import MediaStage
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import ListingId

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)
URLS_EXPIRED = 901
"""After this time no upload URL of a new batch is valid [s]."""


def store_derived(env, job_id):
    """Put derived objects of a job into the bucket and return their keys."""
    keys = [f"{env.folder(job_id)}/large/1.jpg", f"{env.folder(job_id, 'zip')}/full.zip"]
    keys.append(f"{env.folder(job_id)}/hls/1/index-00001.ts")
    for key in keys:
        env.storage.put_announced(key, size=1, checksum=Sha256("0" * 64))
    return keys


class TestTagMediaObjects:
    def test_raw_files_of_a_ready_batch_are_tagged_once(self, env, files):
        """
        The derived objects get no tag: people download them.
        """
        accepted = env.ready(files.photo(1), files.photo(2))
        store_derived(env, accepted.job_id)
        env.clock.advance(URLS_EXPIRED)
        raw = {upload.key for upload in env.batch_of(accepted.job_id).uploads}

        assert (env.tag(), env.tag()) == (1, 0)

        assert env.storage.stages == dict.fromkeys(raw, MediaStage.RAW_DONE)

    @pytest.mark.parametrize("state", ["received", "processing", "failed"])
    def test_other_batches_are_not_tagged(self, env, state):
        """
        Their raw files are still needed.
        """
        getattr(env, state)()
        env.clock.advance(URLS_EXPIRED)

        assert env.tag() == 0
        assert env.storage.stages == {}

    def test_every_object_of_a_deleted_batch_is_tagged(self, env):
        """
        Found by prefix: HLS segments and the objects of failed jobs are in no row.
        """
        other = env.opened(reference="other")
        env.upload(other)
        accepted = env.ready()
        derived = store_derived(env, accepted.job_id)
        raw = [upload.key for upload in env.batch_of(accepted.job_id).uploads]
        env.clock.advance(URLS_EXPIRED)
        env.tag()
        env.delete_batch(env.photographer, APARTMENT, env.batch_of(accepted.job_id).id, "wrong house")

        assert (env.tag(), env.tag()) == (1, 0)

        assert env.storage.stages == dict.fromkeys([*raw, *derived], MediaStage.DELETED)

    def test_a_deleted_batch_waits_for_the_end_of_its_upload_urls(self, env):
        """
        An upload after the tagging would be an object without tag, for ever.
        """
        created = env.opened()
        env.delete_batch(env.photographer, APARTMENT, created.batch_id, "not needed")
        completed = env.batch_of(env.ready(reference="other").job_id)
        env.delete_batch(env.photographer, APARTMENT, completed.id, "wrong house")
        env.clock.advance(900)
        assert env.tag() == 0
        env.upload(created)
        env.clock.advance(1)

        assert env.tag() == 2

        assert set(env.storage.stages.values()) == {MediaStage.DELETED}

    def test_nothing_is_lost_while_the_bucket_does_not_answer(self, env):
        """
        The batch is READY at once, and its files are tagged later.
        """
        env.ready()
        env.clock.advance(URLS_EXPIRED)
        env.storage.available = False
        with pytest.raises(Unavailable):
            env.tag()
        env.storage.available = True

        assert env.tag() == 1
        assert list(env.storage.stages.values()) == [MediaStage.RAW_DONE]

    def test_an_object_that_cannot_be_tagged_does_not_hold_back_the_others(self, env, monkeypatch):
        """
        Its batch stays pending; the error is raised after the last batch.
        """
        refused = env.batch_of(env.ready(reference="first").job_id)
        tagged = env.batch_of(env.ready(reference="second", listing=DEVELOPMENT).job_id)
        env.clock.advance(URLS_EXPIRED)
        tag = env.storage.tag

        def refuse(key, stage):
            if key == refused.uploads[0].key:
                raise ValueError("AccessDenied")
            tag(key, stage)

        monkeypatch.setattr(env.storage, "tag", refuse)

        with pytest.raises(ExceptionGroup, match="1 failed, 1 done"):
            env.tag()

        assert list(env.storage.stages) == [tagged.uploads[0].key]

    def test_a_deletion_while_the_files_are_tagged_is_not_overwritten(self, env, monkeypatch):
        """
        The other worker was slow: the batch is pending again, and ends with the tag of deleted objects.
        """
        batch = env.batch_of(env.ready().job_id)
        env.clock.advance(URLS_EXPIRED)
        tag = env.storage.tag

        def tag_slowly(key, stage):
            monkeypatch.setattr(env.storage, "tag", tag)
            env.delete_batch(env.photographer, APARTMENT, batch.id, "wrong house")
            assert env.tag() == 1  # the other worker
            return tag(key, stage)

        monkeypatch.setattr(env.storage, "tag", tag_slowly)
        env.tag()
        assert list(env.storage.stages.values()) == [MediaStage.RAW_DONE]

        assert env.tag() == 1
        assert list(env.storage.stages.values()) == [MediaStage.DELETED]

    def test_a_round_is_limited(self, env):
        """
        Under load the tags leave the bucket to the pipeline; deleted batches come first.
        """
        for number in range(3):
            env.ready(reference=f"{number}", listing=DEVELOPMENT)
        env.clock.advance(URLS_EXPIRED)
        last = env.media.list_batches_by_listing(DEVELOPMENT)[0]
        env.delete_batch(env.photographer, DEVELOPMENT, last.id, "x")

        assert env.tag(limit=1) == 1

        assert set(env.storage.stages.values()) == {MediaStage.DELETED}
        assert env.tag(limit=2) == 2
