"""Made-up media: right where they should be right, broken where they should be broken."""

import io

import av
import pytest
from PIL import Image, ImageOps

from harness.lab.workload.media import scenes
from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media import Defect, content, spoilt
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.lab.workload.upload_batch import UploadFile

CORNERS = [scenes.TOP_LEFT, scenes.TOP_RIGHT, scenes.BOTTOM_LEFT, scenes.BOTTOM_RIGHT]


def opened(file: MediaFile) -> Image.Image:
    return Image.open(io.BytesIO(file.content))


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    x, y = image.width // 10, image.height // 10
    places = [(x, y), (image.width - x, y), (x, image.height - y), (image.width - x, image.height - y)]
    return [image.convert("RGB").getpixel(place) for place in places]


def close(left, right):
    pairs = [(a, b) for one, other in zip(left, right, strict=True) for a, b in zip(one, other, strict=True)]
    return all(abs(a - b) < 12 for a, b in pairs)


class TestPhotographs:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_its_orientation_turns_the_stored_pixels_upright(self, orientation):
        """Pillow, which knows EXIF, shows the corners where they belong."""
        image = opened(photograph(1, 160, 120, orientation=orientation))

        upright = ImageOps.exif_transpose(image)

        assert image.getexif()[0x0112] == orientation
        assert upright.size == (160, 120)
        assert close(corners(upright), CORNERS)

    def test_a_turned_photograph_is_not_upright_as_stored(self):
        """Or the orientation would have nothing to do."""
        for orientation in range(2, 9):
            assert not close(corners(opened(photograph(1, 160, 120, orientation=orientation))), CORNERS)

    def test_a_jpeg_carries_what_must_not_be_published(self):
        """Where it was taken, with what, and a profile."""
        image = opened(photograph(1, 160, 120))

        assert image.getexif().get_ifd(0x8825)[1] == "S"
        assert image.getexif()[0x010F] == "Harness"
        assert image.info["icc_profile"]

    def test_a_png_is_transparent_in_the_middle(self):
        """And opaque at the corners."""
        image = opened(photograph(1, 160, 120, kind="png"))

        assert image.format == "PNG"
        assert image.getpixel((80, 60))[3] == 0
        assert image.getpixel((1, 1))[3] == 255

    def test_a_heic_is_one(self):
        """By its brand; only HEIF decoders read it."""
        file = photograph(1, 64, 48, kind="heic")

        assert file.content[4:12] == b"ftypheic"
        assert (file.content_type, file.extension) == ("image/heic", ".heic")

    @pytest.mark.parametrize("kind", ["jpeg", "png", "heic"])
    def test_the_same_seed_gives_the_same_bytes(self, kind):
        """And another seed another picture."""
        first = photograph(1, 64, 48, kind=kind).content
        photograph.__globals__["_" + kind].cache_clear()

        assert photograph(1, 64, 48, kind=kind).content == first
        assert photograph(2, 64, 48, kind=kind).content != first

    def test_what_does_not_exist_is_refused(self):
        """EXIF knows eight orientations, we three kinds."""
        with pytest.raises(ValueError, match="orientation 9"):
            photograph(1, orientation=9)
        with pytest.raises(ValueError, match="'gif'"):
            photograph(1, kind="gif")


class TestVideos:
    @pytest.mark.parametrize("rotation", [0, 90, 180, 270])
    def test_its_rotation_turns_the_stored_pictures_upright(self, rotation):
        """A player turns them clockwise by what the file says, and the corners are right."""
        file = video(1, 160, 120, duration=0.2, rotation=rotation)
        with av.open(io.BytesIO(file.content)) as container:
            frame = next(container.decode(video=0))

        upright = frame.to_image().rotate(frame.rotation, expand=True)

        assert frame.rotation % 360 == -rotation % 360
        assert upright.size == (160, 120)
        assert close(corners(upright), CORNERS)

    def test_it_has_the_length_and_sound_asked_for(self):
        """H.264 pictures and AAC sound, or silence."""
        with av.open(io.BytesIO(video(1, 160, 120, duration=1.0).content)) as container:
            assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
            assert container.duration / av.time_base == pytest.approx(1.0, abs=0.05)
        with av.open(io.BytesIO(video(1, 160, 120, duration=1.0, audio=False).content)) as container:
            assert [stream.type for stream in container.streams] == ["video"]

    def test_the_same_seed_gives_the_same_bytes(self):
        """Made anew, not remembered."""
        first = video(1, 160, 120, duration=0.2).content
        video.cache_clear()

        assert video(1, 160, 120, duration=0.2).content == first


def test_a_document_points_at_its_own_objects():
    """Every offset of the cross-reference table is where an object begins."""
    content = document(3, 5000).content

    start = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    rows = content[start:].split(b"\n")[3:9]
    assert content[start : start + 4] == b"xref"
    assert [content[int(row[:10]) :].split(b" obj")[0] for row in rows] == [b"%d 0" % n for n in range(1, 7)]
    assert 4700 < len(content) < 5000


class TestDefects:
    def test_a_cut_file_is_shorter(self):
        """Three fifths are left."""
        assert len(spoilt(MediaFile(b"0123456789", "image/jpeg", ".jpg"), Defect.TRUNCATED).content) == 6

    def test_a_flipped_byte_changes_nothing_but_itself(self):
        """The size stays, so that only the checksum tells."""
        assert spoilt(MediaFile(b"abc", "image/jpeg", ".jpg"), Defect.FLIPPED_BYTE).content == b"a\x9dc"

    def test_an_empty_file(self):
        """Nothing at all."""
        assert spoilt(photograph(1, 64, 48), Defect.EMPTY).content == b""

    def test_a_document_that_says_it_is_a_photograph(self):
        """The content type stays."""
        file = spoilt(photograph(1, 64, 48), Defect.PDF_AS_JPEG)

        assert file.content.startswith(b"%PDF")
        assert file.content_type == "image/jpeg"

    def test_a_bomb_is_a_small_file_with_a_large_picture(self, monkeypatch):
        """It opens as a PNG of 225 million pixels."""
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        file = spoilt(photograph(1, 64, 48, kind="png"), Defect.BOMB)

        assert len(file.content) < 50_000
        assert opened(file).size == (15_000, 15_000)


class TestPlannedFiles:
    def test_a_photo_as_planned(self):
        """Its size when upright and its EXIF orientation."""
        planned = UploadFile(
            "a1-1", 1, "PHOTO_VERTICAL", "p.jpg", "image/jpeg", 9, 120, 160, exif_orientation=6
        )

        image = opened(content(planned))

        assert image.size == (160, 120)
        assert ImageOps.exif_transpose(image).size == (120, 160)

    def test_a_video_as_planned(self):
        """Its size and length."""
        planned = UploadFile("a1-1", 1, "VIDEO_HORIZONTAL", "v.mp4", "video/mp4", 9, 160, 120, seconds=0.4)

        with av.open(io.BytesIO(content(planned).content)) as container:
            assert container.streams.video[0].width == 160
            assert container.duration / av.time_base == pytest.approx(0.4, abs=0.05)

    def test_a_corrupt_file_is_cut_short(self):
        """It arrives whole and does not decode."""
        planned = UploadFile("a1-1", 1, "PROJECT_DOC", "d.pdf", "application/pdf", 2000, corrupt=True)

        assert b"%%EOF" not in content(planned).content
