"""The Lambda function that checks the files."""

import re
from fractions import Fraction

import pytest

from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.service.core.errors import Rejected
from harness.service.pipeline.validate import handler
from tests.media_defects import Defect, damaged, many_scans, with_pixel_aspect, zeroed
from tests.media_state_machine import transcoding_job

PHOTO = photograph(1, 320, 240)


class TestSorting:
    def test_files_are_sorted_by_kind(self, pipeline):
        """Photos and renders are images, PDFs are documents, videos are videos."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", PHOTO)
        pipeline.upload("plan", "PROJECT_DOC", document(1))
        pipeline.upload("render", "PROJECT_RENDER", photograph(2, 64, 48, kind="png"))
        pipeline.upload("tour", "VIDEO_HORIZONTAL", video(1, 320, 180, duration=0.4))

        validation = handler(pipeline.execution_input)

        assert [asset["filename"] for asset in validation["images"]] == ["a.jpg", "render.png"]
        assert [asset["filename"] for asset in validation["documents"]] == ["plan.pdf"]
        assert [asset["filename"] for asset in validation["videos"]] == ["tour.mp4"]
        assert validation["hasVideos"] is True
        assert validation["startedAt"].endswith("+00:00")

    def test_a_batch_without_videos_says_so(self, pipeline):
        """The state machine checks ``hasVideos`` before the Map state."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", PHOTO)

        assert handler(pipeline.execution_input)["hasVideos"] is False

    @pytest.mark.parametrize("kind", ["jpeg", "png", "heic"])
    def test_every_kind_of_photo_is_accepted(self, pipeline, kind):
        """JPEG, PNG and HEIC can be decoded."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", photograph(1, 64, 48, kind=kind))

        assert len(handler(pipeline.execution_input)["images"]) == 1

    def test_names_that_differ_only_in_their_extension_stay_apart(self, pipeline):
        """Both become JPEGs, so their stems must differ."""
        first = pipeline.upload("a", "PHOTO_HORIZONTAL", PHOTO)
        second = pipeline.upload("a", "PHOTO_HORIZONTAL", photograph(1, 64, 48, kind="png"))
        name = first["key"].removesuffix(".jpg") + ".png"
        pipeline.client.copy_object(
            Bucket="toq-listing-medias", Key=name, CopySource=f"toq-listing-medias/{second['key']}"
        )
        second["key"] = name

        images = handler(pipeline.execution_input)["images"]

        assert [image["stem"] for image in images] == ["c1-a", "c1-a-png"]


class TestVideos:
    def test_a_rotated_video_has_its_displayed_size(self, pipeline):
        """A phone stores a vertical video as a horizontal one with a rotation."""
        pipeline.upload("v", "VIDEO_VERTICAL", video(1, 180, 320, duration=0.4, rotation=90))

        found = handler(pipeline.execution_input)["videos"][0]

        assert (found["width"], found["height"]) == (180, 320)
        assert found["hasAudio"] is True
        assert found["durationSeconds"] == pytest.approx(0.4, abs=0.05)

    def test_a_video_without_audio_has_no_audio_settings(self, pipeline):
        """With AudioDescriptions MediaConvert would search for an audio track."""
        pipeline.upload("v", "VIDEO_HORIZONTAL", video(1, 320, 180, duration=0.4, audio=False))

        settings = transcoding_job(handler(pipeline.execution_input)["videos"][0])["Settings"]

        outputs = [output for group in settings["OutputGroups"] for output in group["Outputs"]]
        assert len(outputs) == 3
        assert not any("AudioDescriptions" in output for output in outputs)

    def test_everything_of_a_video_goes_into_one_folder_of_this_job(self, pipeline):
        """The prefix has listing, type, batch and job, so that a retry overwrites nothing."""
        pipeline.upload("v", "VIDEO_HORIZONTAL", video(1, 320, 180, duration=0.4))

        prefix = handler(pipeline.execution_input)["videos"][0]["prefix"]

        assert prefix == "42/processed/video/horizontal/0b0e7a34-5a52-4c8f-9f43-000000000001/7"


class TestRejections:
    def test_a_missing_file(self, pipeline):
        """The error names the missing object."""
        asset = pipeline.upload("a", "PHOTO_HORIZONTAL", PHOTO)
        pipeline.client.delete_object(Bucket="toq-listing-medias", Key=asset["key"])

        with pytest.raises(Rejected, match=rf"^UPLOAD_MISSING: {asset['key']}: "):
            handler(pipeline.execution_input)

    def test_another_size(self, pipeline):
        """A file with another size is refused before it is read."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", PHOTO, bytes=1)

        with pytest.raises(Rejected, match=r"^SIZE_MISMATCH: "):
            handler(pipeline.execution_input)

    def test_another_checksum(self, pipeline):
        """The checksum detects one changed byte."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", damaged(PHOTO, Defect.FLIPPED_BYTE), checksum="ab" * 32)

        with pytest.raises(Rejected, match=r"^CHECKSUM_MISMATCH: "):
            handler(pipeline.execution_input)

    @pytest.mark.parametrize(
        "file",
        [
            pytest.param(damaged(PHOTO, Defect.TRUNCATED), id="truncated JPEG"),
            pytest.param(damaged(photograph(1, 64, 48, kind="png"), Defect.TRUNCATED), id="truncated PNG"),
            pytest.param(damaged(photograph(1, 64, 48, kind="heic"), Defect.TRUNCATED), id="truncated HEIC"),
            pytest.param(MediaFile(b"\xff\xd8\xff\xe0", "image/jpeg", ".jpg"), id="only a header"),
            pytest.param(MediaFile(b"plain text", "image/jpeg", ".jpg"), id="text"),
            pytest.param(
                MediaFile(zeroed(photograph(1, 1600, 1200).content, 10_000), "image/jpeg", ".jpg"),
                id="JPEG with zeros",
            ),
        ],
    )
    def test_images_that_do_not_decode(self, pipeline, file):
        """Size and checksum are right, but the content is not an image."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", file)

        with pytest.raises(Rejected, match=r"^DECODE_FAILED: 42/raw/photo/horizontal/") as refused:
            handler(pipeline.execution_input)

        assert not re.search(r"/tmp|<|object at 0x", str(refused.value))

    @pytest.mark.parametrize(
        ("file", "code"),
        [
            pytest.param(damaged(PHOTO, Defect.PDF_AS_JPEG), "CONTENT_TYPE_MISMATCH", id="a PDF"),
            pytest.param(
                MediaFile(photograph(1, 64, 48, kind="png").content, "image/jpeg", ".jpg"),
                "CONTENT_TYPE_MISMATCH",
                id="a PNG",
            ),
            pytest.param(
                damaged(photograph(1, 64, 48, kind="png"), Defect.BOMB), "IMAGE_TOO_LARGE", id="a bomb"
            ),
            pytest.param(
                MediaFile(many_scans(800), "image/jpeg", ".jpg"), "IMAGE_TOO_COMPLEX", id="800 scans"
            ),
        ],
    )
    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
    def test_other_refusals_have_their_own_codes(self, pipeline, file, code):
        """A client can tell a wrong label from a damaged file."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", file)

        with pytest.raises(Rejected, match=rf"^{code}: 42/raw/photo/horizontal/"):
            handler(pipeline.execution_input)

    def test_an_image_larger_than_the_functions_memory(self, pipeline, monkeypatch):
        """The limit follows from the function, so more memory accepts larger images."""
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "257")
        pipeline.upload("a", "PHOTO_HORIZONTAL", photograph(1, 800, 600, kind="png"))

        with pytest.raises(Rejected, match=r"^IMAGE_TOO_LARGE: .*needs 1 MB, this function has 1 MB"):
            handler(pipeline.execution_input)

    def test_every_bad_file_is_named(self, pipeline):
        """One line for each; the good files are not mentioned."""
        good = pipeline.upload("a", "PHOTO_HORIZONTAL", PHOTO)
        cut = pipeline.upload("b", "PHOTO_HORIZONTAL", damaged(PHOTO, Defect.TRUNCATED))
        changed = pipeline.upload("c", "PHOTO_HORIZONTAL", PHOTO, checksum="ab" * 32)

        with pytest.raises(Rejected) as refused:
            handler(pipeline.execution_input)

        first, second = str(refused.value).splitlines()
        assert first.startswith(f"DECODE_FAILED: {cut['key']}: ")
        assert second.startswith(f"CHECKSUM_MISMATCH: {changed['key']}: ")
        assert good["key"] not in str(refused.value)

    @pytest.mark.parametrize(
        "file",
        [
            pytest.param(damaged(video(1, 320, 180), Defect.TRUNCATED), id="cut short, index first"),
            pytest.param(MediaFile(b"\0" * 4000, "video/mp4", ".mp4"), id="zeros"),
            pytest.param(
                MediaFile(zeroed(video(1, 640, 360).content, 4000), "video/mp4", ".mp4"), id="zeros inside"
            ),
            pytest.param(
                MediaFile(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "video/mp4", ".mp4"), id="playlist"
            ),
        ],
    )
    def test_videos_that_do_not_play(self, pipeline, file):
        """A video is read to its end; a playlist is not followed."""
        pipeline.upload("v", "VIDEO_HORIZONTAL", file)

        with pytest.raises(Rejected, match=r"^DECODE_FAILED: ") as refused:
            handler(pipeline.execution_input)

        assert "/tmp" not in str(refused.value)

    @pytest.mark.parametrize("aspect", [Fraction(1, 5000), Fraction(5000)])
    def test_videos_that_are_displayed_as_a_line(self, pipeline, aspect):
        """Pixels of an extreme format give a size that no transcoder makes."""
        file = with_pixel_aspect(video(1, 320, 180, duration=0.2), aspect)
        asset = pipeline.upload("v", "VIDEO_HORIZONTAL", file)

        with pytest.raises(Rejected, match=rf"^VIDEO_SIZE_UNSUPPORTED: {asset['key']}: "):
            handler(pipeline.execution_input)

    @pytest.mark.parametrize("content", [b"no header %%EOF", b"%PDF-1.4 cut sho"])
    def test_documents_without_beginning_or_end(self, pipeline, content):
        """A PDF must have its header and its trailer."""
        pipeline.upload("plan", "PROJECT_DOC", MediaFile(content, "application/pdf", ".pdf"))

        with pytest.raises(Rejected, match=r"^DECODE_FAILED: "):
            handler(pipeline.execution_input)

    def test_a_batch_without_files(self, pipeline):
        """The input must have at least one file."""
        with pytest.raises(Rejected, match=r"^INPUT_INVALID: "):
            handler(pipeline.execution_input)

    def test_an_asset_of_unknown_type(self, pipeline):
        """Derived types cannot be uploaded."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", PHOTO, type="THUMBNAIL")

        with pytest.raises(Rejected, match=r"^INPUT_INVALID: .*THUMBNAIL"):
            handler(pipeline.execution_input)
