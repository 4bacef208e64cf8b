"""The first Lambda: nothing goes on that is missing, changed or broken."""

import json

import pytest

from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.service.core.errors import Rejected
from harness.service.pipeline.validate import handler
from tests.media_defects import Defect, damaged

PHOTO = photograph(1, 320, 240)


class TestSorting:
    def test_files_are_sorted_by_what_becomes_of_them(self, studio):
        """Photos and renders are images, PDFs are documents, videos are videos."""
        studio.upload("a", "PHOTO_HORIZONTAL", PHOTO)
        studio.upload("plan", "PROJECT_DOC", document(1))
        studio.upload("render", "PROJECT_RENDER", photograph(2, 64, 48, kind="png"))
        studio.upload("tour", "VIDEO_HORIZONTAL", video(1, 320, 180, duration=0.4))

        validation = handler(studio.execution_input)

        assert [asset["filename"] for asset in validation["images"]] == ["a.jpg", "render.png"]
        assert [asset["filename"] for asset in validation["documents"]] == ["plan.pdf"]
        assert [asset["filename"] for asset in validation["videos"]] == ["tour.mp4"]
        assert validation["hasVideos"] is True
        assert validation["startedAt"].endswith("+00:00")

    def test_a_batch_without_videos_says_so(self, studio):
        """The state machine asks ``hasVideos`` before it starts the Map."""
        studio.upload("a", "PHOTO_HORIZONTAL", PHOTO)

        assert handler(studio.execution_input)["hasVideos"] is False

    @pytest.mark.parametrize("kind", ["jpeg", "png", "heic"])
    def test_every_kind_of_photo_is_accepted(self, studio, kind):
        """JPEG, PNG and HEIC decode."""
        studio.upload("a", "PHOTO_HORIZONTAL", photograph(1, 64, 48, kind=kind))

        assert len(handler(studio.execution_input)["images"]) == 1

    def test_names_that_differ_only_in_their_extension_stay_apart(self, studio):
        """Both become JPEGs: without a stem of their own, one would overwrite the other."""
        first = studio.upload("a", "PHOTO_HORIZONTAL", PHOTO)
        second = studio.upload("a", "PHOTO_HORIZONTAL", photograph(1, 64, 48, kind="png"))
        twin = first["key"].removesuffix(".jpg") + ".png"
        studio.client.copy_object(
            Bucket="toq-listing-medias", Key=twin, CopySource=f"toq-listing-medias/{second['key']}"
        )
        second["key"] = twin

        images = handler(studio.execution_input)["images"]

        assert [image["stem"] for image in images] == ["c1-a", "c1-a-png"]


class TestVideos:
    def test_a_rotated_video_has_the_size_people_see(self, studio):
        """A telephone held upright stores a landscape picture and a rotation."""
        studio.upload("v", "VIDEO_VERTICAL", video(1, 180, 320, duration=0.4, rotation=90))

        found = handler(studio.execution_input)["videos"][0]

        assert (found["width"], found["height"]) == (180, 320)
        assert found["hasAudio"] is True
        assert found["durationSeconds"] == pytest.approx(0.4, abs=0.05)

    def test_a_silent_video_asks_for_no_sound(self, studio):
        """No AudioDescriptions, or MediaConvert would look for a track that is not there."""
        studio.upload("v", "VIDEO_HORIZONTAL", video(1, 320, 180, duration=0.4, audio=False))

        settings = handler(studio.execution_input)["videos"][0]["jobSettings"]

        outputs = [output for group in settings["OutputGroups"] for output in group["Outputs"]]
        assert len(outputs) == 2
        assert not any("AudioDescriptions" in output for output in outputs)

    def test_everything_of_a_video_goes_into_one_folder_of_this_job(self, studio):
        """The prefix names listing, type, batch and job, so that a retry overwrites nothing."""
        studio.upload("v", "VIDEO_HORIZONTAL", video(1, 320, 180, duration=0.4))

        prefix = handler(studio.execution_input)["videos"][0]["prefix"]

        assert prefix == "42/processed/video/horizontal/0b0e7a34-5a52-4c8f-9f43-000000000001/7"

    def test_forty_videos_fit_into_a_state(self, studio):
        """Step Functions carries at most 256 KiB from state to state, the input twice over."""
        studio.upload("a" * 80, "VIDEO_HORIZONTAL", video(1, 1920, 1080, duration=0.1))
        found = handler(studio.execution_input)["videos"][0]

        each = len(json.dumps(found)) + len(json.dumps(studio.assets[0]))

        assert 40 * each < 256 * 1024


class TestRejections:
    def test_a_missing_file(self, studio):
        """What is not in the bucket is named."""
        asset = studio.upload("a", "PHOTO_HORIZONTAL", PHOTO)
        studio.client.delete_object(Bucket="toq-listing-medias", Key=asset["key"])

        with pytest.raises(Rejected, match=rf"^UPLOAD_MISSING: {asset['key']} "):
            handler(studio.execution_input)

    def test_another_size(self, studio):
        """A file of another size is refused before it is read."""
        studio.upload("a", "PHOTO_HORIZONTAL", PHOTO, bytes=1)

        with pytest.raises(Rejected, match=r"^SIZE_MISMATCH: "):
            handler(studio.execution_input)

    def test_another_checksum(self, studio):
        """One flipped byte of the right size is seen by its checksum."""
        studio.upload("a", "PHOTO_HORIZONTAL", damaged(PHOTO, Defect.FLIPPED_BYTE), checksum="ab" * 32)

        with pytest.raises(Rejected, match=r"^CHECKSUM_MISMATCH: "):
            handler(studio.execution_input)

    @pytest.mark.parametrize(
        "file",
        [
            pytest.param(damaged(PHOTO, Defect.TRUNCATED), id="truncated JPEG"),
            pytest.param(damaged(photograph(1, 64, 48, kind="png"), Defect.TRUNCATED), id="truncated PNG"),
            pytest.param(damaged(photograph(1, 64, 48, kind="heic"), Defect.TRUNCATED), id="truncated HEIC"),
            pytest.param(damaged(PHOTO, Defect.PDF_AS_JPEG), id="PDF labelled JPEG"),
            pytest.param(damaged(photograph(1, 64, 48, kind="png"), Defect.BOMB), id="bomb"),
            pytest.param(MediaFile(b"GIF89a", "image/jpeg", ".jpg"), id="only a header"),
        ],
    )
    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
    def test_images_that_do_not_decode(self, studio, file):
        """Their size and checksum are right; only decoding them tells."""
        studio.upload("a", "PHOTO_HORIZONTAL", file)

        with pytest.raises(Rejected, match=r"^DECODE_FAILED: 42/raw/photo/horizontal/"):
            handler(studio.execution_input)

    @pytest.mark.parametrize(
        "file",
        [
            pytest.param(damaged(video(1, 320, 180), Defect.TRUNCATED), id="cut short, index first"),
            pytest.param(MediaFile(b"\0" * 4000, "video/mp4", ".mp4"), id="zeros"),
            pytest.param(
                MediaFile(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "video/mp4", ".mp4"), id="playlist"
            ),
        ],
    )
    def test_videos_that_do_not_play(self, studio, file):
        """A video is read to its end; a playlist in disguise is never followed."""
        studio.upload("v", "VIDEO_HORIZONTAL", file)

        with pytest.raises(Rejected, match=r"^DECODE_FAILED: "):
            handler(studio.execution_input)

    @pytest.mark.parametrize("content", [b"no header %%EOF", b"%PDF-1.4 cut sho"])
    def test_documents_without_beginning_or_end(self, studio, content):
        """A PDF has its header at the beginning and its trailer at the end."""
        studio.upload("plan", "PROJECT_DOC", MediaFile(content, "application/pdf", ".pdf"))

        with pytest.raises(Rejected, match=r"^DECODE_FAILED: "):
            handler(studio.execution_input)

    def test_a_batch_without_files(self, studio):
        """An execution started with nothing has nothing to succeed with."""
        with pytest.raises(Rejected, match=r"^INPUT_INVALID: "):
            handler(studio.execution_input)

    def test_an_asset_of_unknown_type(self, studio):
        """Thumbnails and bundles are made, never uploaded."""
        studio.upload("a", "PHOTO_HORIZONTAL", PHOTO, type="THUMBNAIL")

        with pytest.raises(Rejected, match=r"^INPUT_INVALID: .*THUMBNAIL"):
            handler(studio.execution_input)
