"""The batches of arrivals."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.workload.client_flows import MAX_FILE_BYTES, RefusedAttempt
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import MAX_BATCH_BYTES, arrival_of


def mix_of(*flows, seed=1, replication=0, **others):
    return Mix(
        Scenario.model_validate(
            {
                "question": "?",
                "seed": seed,
                "duration_s": 100,
                "arrivals": [{"stages": [{"hold_per_s": 1, "for_s": 100}]}],
                "flows": flows,
                **others,
            }
        ),
        replication,
    )


class TestBatch:
    @pytest.mark.no_cover
    @given(st.integers(0, 10**9), st.integers(0, 10**9))
    def test_it_depends_on_its_number_alone(self, arrival, earlier):
        """
        Batches that were drawn before do not change it.
        """
        fresh, used = mix_of({"name": "photo_shoot"}), mix_of({"name": "photo_shoot"})
        used.batch(earlier)

        assert fresh.batch(arrival) == used.batch(arrival)

    def test_flows_have_their_weights(self):
        """
        Of 10,000 arrivals weights 3 : 1 give 7,500 ± 143 shoots (99.9 %).
        """
        mix = mix_of({"name": "photo_shoot", "weight": 3, "photos": 1}, {"name": "viewer", "weight": 1})
        flows = Counter(mix.batch(arrival).flow for arrival in range(10_000))

        assert abs(flows["photo_shoot"] - 7_500) < 143

    def test_files_are_named_and_numbered(self):
        """
        Client ids name the arrival, sequences run from 1, photos before videos.
        """
        batch = mix_of({"name": "photo_shoot", "photos": 2, "videos": 1}).batch(41)

        assert [file.client_id for file in batch.files] == ["a41-1", "a41-2", "a41-3"]
        assert [file.sequence for file in batch.files] == [1, 2, 3]
        assert [file.filename for file in batch.files] == ["photo-01.jpg", "photo-02.jpg", "video-03.mp4"]
        assert (len(batch.photos), len(batch.videos), batch.family) == (2, 1, "SHOOT")
        assert arrival_of("a41-3") == (41, 3)
        assert arrival_of("canary") is None

    def test_sizes_follow_their_distributions(self):
        """
        Constants are unchanged; a 4:3 picture of 12 megapixels has 4000 × 3000 pixels.
        """
        batch = mix_of(
            {
                "name": "photo_shoot",
                "photos": 1,
                "videos": 1,
                "vertical_ratio": 0,
                "rotated_ratio": 0,
                "photo_megapixels": 12,
                "photo_bytes": 1000,
                "video_seconds": 10,
                "video_bytes_per_s": 500,
            }
        ).batch(0)
        photo, video = batch.files

        assert (photo.media_type, photo.width, photo.height) == ("PHOTO_HORIZONTAL", 4000, 3000)
        assert (photo.bytes, photo.exif_orientation, photo.pixels) == (1000, 1, 12_000_000)
        assert (video.media_type, video.width, video.height) == ("VIDEO_HORIZONTAL", 1920, 1080)
        assert (video.bytes, video.seconds, video.pixels) == (5000, 10, 0)

    def test_vertical_files_are_higher_than_wide(self):
        """
        The media type and the sides show that a file is vertical.
        """
        batch = mix_of({"name": "photo_shoot", "photos": 1, "videos": 1, "vertical_ratio": 1}).batch(0)

        assert [file.media_type for file in batch.files] == ["PHOTO_VERTICAL", "VIDEO_VERTICAL"]
        assert all(file.height > file.width for file in batch.files)

    def test_every_exif_orientation_occurs(self):
        """
        All rotated: orientations 2 to 8, each about as often (99.9 % of 7,000).
        """
        mix = mix_of({"name": "photo_shoot", "photos": 1, "videos": 0, "rotated_ratio": 1})
        seen = Counter(mix.batch(arrival).files[0].exif_orientation for arrival in range(7_000))

        assert set(seen) == {2, 3, 4, 5, 6, 7, 8}
        assert all(abs(count - 1_000) < 97 for count in seen.values())

    def test_project_batches_have_documents_and_renders(self):
        """
        Documents have no pixels, renders do, and both count as project files.
        """
        batch = mix_of({"name": "project_documents", "documents": 2, "renders": 1}).batch(0)

        assert [file.media_type for file in batch.files] == ["PROJECT_DOC", "PROJECT_DOC", "PROJECT_RENDER"]
        assert [file.pixels > 0 for file in batch.files] == [False, False, True]
        assert (batch.family, len(batch.project_files), len(batch.images)) == ("PROJECT", 3, 1)

    def test_a_viewer_has_no_files(self):
        """
        A viewer only reads.
        """
        assert mix_of({"name": "viewer"}).batch(0).files == ()

    def test_forbidden_arrivals_send_every_kind_of_request(self):
        """
        Each kind occurs, and only in forbidden arrivals.
        """
        mix = mix_of({"name": "forbidden"}, {"name": "photo_shoot", "photos": 1})
        batches = [mix.batch(arrival) for arrival in range(300)]

        assert {batch.attempt for batch in batches if batch.flow == "forbidden"} == set(RefusedAttempt)
        assert {batch.attempt for batch in batches if batch.flow == "photo_shoot"} == {None}


class TestLimits:
    @pytest.mark.parametrize(
        "photos", [0, {"distribution": "uniform", "low": 59, "high": 200}], ids=["none", "too many"]
    )
    def test_a_batch_has_one_to_sixty_files(self, photos):
        """
        These are the limits of the service.
        """
        mix = mix_of({"name": "photo_shoot", "photos": photos, "videos": 0, "photo_bytes": 1})

        assert 1 <= len(mix.batch(0).files) <= 60

    def test_a_batch_stays_below_a_gibibyte(self):
        """
        Of sixty photos of 50 MiB those that fit are kept; no file exceeds 256 MiB.
        """
        many = mix_of({"name": "photo_shoot", "photos": 58, "videos": 0, "photo_bytes": 50 * 2**20}).batch(0)
        sizes = {"distribution": "uniform", "low": 2**28, "high": 2**40}
        huge = mix_of({"name": "photo_shoot", "photos": 1, "videos": 0, "photo_bytes": sizes}).batch(0)

        assert len(many.files) == 20
        assert many.bytes <= MAX_BATCH_BYTES
        assert huge.bytes == MAX_FILE_BYTES


class TestFaults:
    def test_corrupt_files_come_at_their_rate_and_in_their_window(self):
        """
        Every tenth file from 50 s to 60 s (99.9 % of 3,000), none before or after.
        """
        fault = {"action": "harness:media:corrupt-file", "rate": 0.1, "at": 50, "for": "10 s"}
        mix = mix_of({"name": "photo_shoot", "photos": 3, "videos": 0}, faults=[fault])

        def corrupt(at):
            return sum(
                file.damage == "corrupt" for arrival in range(1_000) for file in mix.batch(arrival, at).files
            )

        assert abs(corrupt(50) - 300) < 54
        assert corrupt(49.9) == corrupt(60) == 0

    def test_of_several_damages_a_file_has_the_first(self):
        """
        An oversized picture stays one; videos are not struck by it, and are truncated.
        """
        faults = [{"action": f"harness:media:{name}"} for name in ("oversize-file", "truncate-file")]
        files = mix_of({"name": "photo_shoot", "photos": 2, "videos": 1}, faults=faults).batch(3).files

        assert [file.damage for file in files] == ["oversized", "oversized", "truncated"]

    @pytest.mark.parametrize(
        ("action", "name"), [("sqs:duplicate-message", "doubled"), ("media:expire-upload-url", "late")]
    )
    def test_a_share_of_the_arrivals_is_struck(self, action, name):
        """
        Three of ten (99.9 % of 1,000), in the window.
        """
        fault = {"action": f"harness:{action}", "rate": 0.3, "at": 50, "for": "10 s"}
        mix = mix_of({"name": "photo_shoot"}, faults=[fault])

        def struck(at):
            return sum(getattr(mix.batch(arrival, at), name) for arrival in range(1_000))

        assert abs(struck(50) - 300) < 48
        assert struck(49.9) == struck(60) == 0

    def test_a_fault_does_not_change_the_files(self):
        """
        With poisoned messages the batches have the same files as without.
        """
        healthy = mix_of({"name": "photo_shoot"})
        poisoned = mix_of({"name": "photo_shoot"}, faults=[{"action": "harness:sqs:poison-message"}])

        assert poisoned.batch(5).poisoned
        assert not healthy.batch(5).poisoned
        assert poisoned.batch(5).files == healthy.batch(5).files
