"""Generated media, and media with defects."""

import io

import av
import pytest
from PIL import Image, ImageOps

from harness.lab.workload.media import scenes
from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media_content import content
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.lab.workload.upload_batch import FileDamage, UploadFile
from tests.media_defects import Defect, damaged

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
        """Pillow applies the EXIF orientation: the corners are in their places."""
        image = opened(photograph(1, 160, 120, orientation=orientation))

        upright = ImageOps.exif_transpose(image)

        assert image.getexif()[0x0112] == orientation
        assert upright.size == (160, 120)
        assert close(corners(upright), CORNERS)

    def test_a_rotated_photo_is_not_stored_upright(self):
        """Only the EXIF orientation makes it upright."""
        for orientation in range(2, 9):
            assert not close(corners(opened(photograph(1, 160, 120, orientation=orientation))), CORNERS)

    def test_a_jpeg_has_private_metadata(self):
        """It has a GPS position, a camera and a colour profile."""
        image = opened(photograph(1, 160, 120))

        assert image.getexif().get_ifd(0x8825)[1] == "S"
        assert image.getexif()[0x010F] == "Harness"
        assert image.info["icc_profile"]

    def test_a_png_is_transparent_in_the_middle(self):
        """The corners are opaque."""
        image = opened(photograph(1, 160, 120, kind="png"))

        assert image.format == "PNG"
        assert image.getpixel((80, 60))[3] == 0
        assert image.getpixel((1, 1))[3] == 255

    def test_a_heic_file_has_its_brand(self):
        """The file type box contains the brand heic."""
        file = photograph(1, 64, 48, kind="heic")

        assert file.content[4:12] == b"ftypheic"
        assert (file.content_type, file.extension) == ("image/heic", ".heic")

    @pytest.mark.parametrize("kind", ["jpeg", "png", "heic"])
    def test_the_same_seed_gives_the_same_bytes(self, kind):
        """Another seed gives another picture."""
        first = photograph(1, 64, 48, kind=kind).content
        photograph.cache_clear()

        assert photograph(1, 64, 48, kind=kind).content == first
        assert photograph(2, 64, 48, kind=kind).content != first

    def test_an_unknown_kind_or_orientation_is_refused(self):
        """There are eight orientations and three kinds."""
        with pytest.raises(ValueError, match="orientation 9"):
            photograph(1, orientation=9)
        with pytest.raises(ValueError, match="'gif'"):
            photograph(1, kind="gif")


class TestVideos:
    @pytest.mark.parametrize("rotation", [0, 90, 180, 270])
    def test_its_rotation_turns_the_stored_pictures_upright(self, rotation):
        """A player rotates them clockwise by the recorded angle: the corners are in their places."""
        file = video(1, 160, 120, duration=0.2, rotation=rotation)
        with av.open(io.BytesIO(file.content)) as container:
            frame = next(container.decode(video=0))

        upright = frame.to_image().rotate(frame.rotation, expand=True)

        assert frame.rotation % 360 == -rotation % 360
        assert upright.size == (160, 120)
        assert close(corners(upright), CORNERS)

    def test_length_and_sound_are_as_requested(self):
        """H.264 pictures with AAC sound, or without sound."""
        with av.open(io.BytesIO(video(1, 160, 120, duration=1.0).content)) as container:
            assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
            assert container.duration / av.time_base == pytest.approx(1.0, abs=0.05)
        with av.open(io.BytesIO(video(1, 160, 120, duration=1.0, audio=False).content)) as container:
            assert [stream.type for stream in container.streams] == ["video"]

    def test_the_same_seed_gives_the_same_bytes(self):
        """The second video is generated again, not taken from the cache."""
        first = video(1, 160, 120, duration=0.2).content
        video.cache_clear()

        assert video(1, 160, 120, duration=0.2).content == first


def test_the_cross_reference_table_of_a_document_is_correct():
    """Every offset of the table is the beginning of an object."""
    content = document(3, 5000).content

    start = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    rows = content[start:].split(b"\n")[3:9]
    assert content[start : start + 4] == b"xref"
    assert [content[int(row[:10]) :].split(b" obj")[0] for row in rows] == [b"%d 0" % n for n in range(1, 7)]
    assert 4700 < len(content) < 5000


class TestDefects:
    def test_a_truncated_file_is_shorter(self):
        """Three fifths of it remain."""
        assert len(damaged(MediaFile(b"0123456789", "image/jpeg", ".jpg"), Defect.TRUNCATED).content) == 6

    def test_a_flipped_byte_changes_nothing_but_itself(self):
        """The size stays the same; only the checksum differs."""
        assert damaged(MediaFile(b"abc", "image/jpeg", ".jpg"), Defect.FLIPPED_BYTE).content == b"a\x9dc"

    def test_an_empty_file(self):
        """An empty file has no bytes."""
        assert damaged(photograph(1, 64, 48), Defect.EMPTY).content == b""

    def test_a_document_with_the_type_of_a_photo(self):
        """The content is a PDF, the content type that of a JPEG."""
        file = damaged(photograph(1, 64, 48), Defect.PDF_AS_JPEG)

        assert file.content.startswith(b"%PDF")
        assert file.content_type == "image/jpeg"

    def test_a_bomb_is_a_small_file_with_a_large_picture(self, monkeypatch):
        """A PNG of less than 50 kB has 225 million pixels."""
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        file = damaged(photograph(1, 64, 48, kind="png"), Defect.BOMB)

        assert len(file.content) < 50_000
        assert opened(file).size == (15_000, 15_000)


class TestPlannedFiles:
    def test_a_photo_as_planned(self):
        """It has the planned sides when upright, and the planned EXIF orientation."""
        planned = UploadFile(
            "a1-1", 1, "PHOTO_VERTICAL", "p.jpg", "image/jpeg", 9, 120, 160, exif_orientation=6
        )

        image = opened(content(planned))

        assert image.size == (160, 120)
        assert ImageOps.exif_transpose(image).size == (120, 160)

    def test_a_video_as_planned(self):
        """It has the planned sides and the planned length."""
        planned = UploadFile("a1-1", 1, "VIDEO_HORIZONTAL", "v.mp4", "video/mp4", 9, 160, 120, seconds=0.4)

        with av.open(io.BytesIO(content(planned).content)) as container:
            assert container.streams.video[0].width == 160
            assert container.duration / av.time_base == pytest.approx(0.4, abs=0.05)

    def test_a_truncated_file_has_no_end(self):
        """The end of the PDF is missing."""
        planned = UploadFile(
            "a1-1", 1, "PROJECT_DOC", "d.pdf", "application/pdf", 2000, damage=FileDamage.TRUNCATED
        )

        assert b"%%EOF" not in content(planned).content
