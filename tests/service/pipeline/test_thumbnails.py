"""The Lambda function that scales images."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from harness.lab.workload.media import scenes
from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.photos import photograph
from harness.service.core.errors import Retryable
from harness.service.pipeline.media_objects import MediaObjects
from harness.service.pipeline.thumbnails import handler
from harness.service.pipeline.validate import handler as validate
from tests.media_defects import Defect, damaged, many_scans
from tests.service.pipeline.conftest import BUCKET

CORNERS = [scenes.TOP_LEFT, scenes.TOP_RIGHT, scenes.BOTTOM_LEFT, scenes.BOTTOM_RIGHT]


def state_of(pipeline):
    return pipeline.execution_input | {"validation": validate(pipeline.execution_input)}


def made_of(pipeline, file, media_type="PHOTO_HORIZONTAL"):
    """Return the images derived from one file, by size."""
    pipeline.upload("a", media_type, file)
    output = handler(state_of(pipeline))["outputs"][0]
    return {
        size: Image.open(io.BytesIO(pipeline.content(key))).convert("RGB")
        for size, key in output["outputs"].items()
    }


def corners(image):
    x, y = image.width // 10, image.height // 10
    places = [(x, y), (image.width - x, y), (x, image.height - y), (image.width - x, image.height - y)]
    return [image.getpixel(place) for place in places]


def close(left, right, tolerance=12):
    return np.abs(np.subtract(left, right)).max() <= tolerance


class TestSizes:
    def test_every_size_fits_its_box(self, pipeline):
        """4:3 in boxes of 200, 400, 800 and 1200 pixels."""
        images = made_of(pipeline, photograph(1, 1600, 1200))

        assert {size: image.size for size, image in images.items()} == {
            "thumbnail": (200, 150),
            "small": (400, 300),
            "medium": (800, 600),
            "large": (1200, 900),
        }

    def test_sizes_follow_from_the_original_not_from_each_other(self, pipeline):
        """906/1300 of 800 is 558 lines; computed from the large image, 836/1200 of 800, it would be 557."""
        images = made_of(pipeline, photograph(1, 1300, 906))

        assert [image.size for image in images.values()] == [(200, 139), (400, 279), (800, 558), (1200, 836)]

    def test_a_small_image_is_never_enlarged(self, pipeline):
        """It keeps its size in every larger box."""
        images = made_of(pipeline, photograph(1, 300, 200))

        assert {size: image.size for size, image in images.items()} == {
            "thumbnail": (200, 133),
            "small": (300, 200),
            "medium": (300, 200),
            "large": (300, 200),
        }

    @pytest.mark.parametrize("size", [(1, 1), (2000, 1), (1, 2000)])
    def test_an_image_of_one_line_has_at_least_one_pixel(self, pipeline, size):
        """No side becomes zero."""
        images = made_of(pipeline, photograph(1, *size))

        assert all(min(image.size) >= 1 for image in images.values())

    def test_the_output_has_the_size_of_the_processed_image(self, pipeline):
        """Not the size of the upload."""
        pipeline.upload("a", "PHOTO_VERTICAL", photograph(1, 900, 1600, orientation=6))

        output = handler(state_of(pipeline))["outputs"][0]

        assert (output["width"], output["height"]) == (675, 1200)
        assert output["processedKey"].endswith("/7/large/c1-a.jpg")
        assert output["thumbnailKey"].endswith("/7/thumbnail/c1-a.jpg")


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_every_orientation_becomes_upright(self, pipeline, orientation):
        """For all eight EXIF orientations every corner is in its displayed place."""
        images = made_of(pipeline, photograph(1, 640, 480, orientation=orientation))

        assert images["large"].size == (640, 480)
        for image in images.values():
            assert close(corners(image), CORNERS)

    def test_an_undefined_orientation_means_upright(self, pipeline):
        """An invalid EXIF value does not fail the image."""
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 77
        Image.fromarray(scenes.scene(1, 64, 48)).save(buffer, "JPEG", exif=exif, quality=95)

        images = made_of(pipeline, MediaFile(buffer.getvalue(), "image/jpeg", ".jpg"))

        assert close(corners(images["large"]), CORNERS)

    @pytest.mark.parametrize("kind", ["png", "heic"])
    def test_other_kinds_are_upright_too(self, pipeline, kind):
        """PNG and HEIC give the same image."""
        images = made_of(pipeline, photograph(1, 320, 240, kind=kind))

        assert close(corners(images["large"]), CORNERS)


class TestContent:
    def test_derived_images_have_no_metadata(self, pipeline):
        """No EXIF, no GPS, no profile, no comment: JPEGs at quality 85."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", photograph(1, 640, 480, orientation=6))
        keys = handler(state_of(pipeline))["outputs"][0]["outputs"].values()

        for key in keys:
            content = pipeline.content(key)
            image = Image.open(io.BytesIO(content))
            image.load()
            assert image.format == "JPEG"
            assert not image.getexif()
            assert set(image.info) <= {
                "jfif",
                "jfif_version",
                "jfif_unit",
                "jfif_density",
                "progressive",
                "progression",
            }
            assert b"Exif" not in content
            assert b"ICC_PROFILE" not in content
            assert image.quantization[0][0] == 5  # the first luminance step at quality 85

    def test_a_comment_is_removed(self, pipeline):
        """Pillow would copy it from the upload."""
        buffer = io.BytesIO()
        Image.new("RGB", (40, 40)).save(buffer, "JPEG", comment=b"the alarm code is 1234")
        pipeline.upload("a", "PHOTO_HORIZONTAL", MediaFile(buffer.getvalue(), "image/jpeg", ".jpg"))

        output = handler(state_of(pipeline))["outputs"][0]

        assert b"1234" not in pipeline.content(output["processedKey"])

    def test_a_transparent_image_is_put_on_white(self, pipeline):
        """A JPEG has no transparency."""
        images = made_of(pipeline, photograph(1, 320, 240, kind="png"))

        assert min(images["large"].getpixel((160, 120))) > 245

    def test_a_palette_with_a_transparent_colour_is_put_on_white(self, pipeline):
        """The other form of transparency in PNG."""
        palette = Image.new("P", (40, 40), 0)
        palette.putpalette([10, 20, 30, 200, 0, 0])
        palette.paste(1, (20, 0, 40, 40))
        buffer = io.BytesIO()
        palette.save(buffer, "PNG", transparency=0)

        image = made_of(pipeline, MediaFile(buffer.getvalue(), "image/png", ".png"))["large"]

        assert close([image.getpixel((5, 20)), image.getpixel((34, 20))], [(255, 255, 255), (200, 0, 0)])

    def test_sixteen_bits_of_grey_are_scaled_not_clipped(self, pipeline):
        """Half of 65535 is mid-grey."""
        buffer = io.BytesIO()
        Image.fromarray(np.full((40, 40), 32768, np.uint16)).save(buffer, "PNG")

        image = made_of(pipeline, MediaFile(buffer.getvalue(), "image/png", ".png"))["large"]

        assert close([image.getpixel((20, 20))], [(128, 128, 128)], tolerance=2)

    def test_cmyk_comes_out_in_colour(self, pipeline):
        """CMYK is converted to sRGB."""
        buffer = io.BytesIO()
        Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(buffer, "JPEG", quality=95)

        image = made_of(pipeline, MediaFile(buffer.getvalue(), "image/jpeg", ".jpg"), "PROJECT_RENDER")[
            "large"
        ]

        assert close([image.getpixel((20, 20))], [(255, 0, 0)], tolerance=6)

    def test_another_colour_space_is_converted(self, pipeline):
        """With a profile that exchanges red and blue, stored red becomes another colour."""
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        swapped = _swapped_red_and_blue(srgb.tobytes())
        buffer = io.BytesIO()
        Image.new("RGB", (40, 40), (200, 40, 40)).save(buffer, "JPEG", quality=95, icc_profile=swapped)

        image = made_of(pipeline, MediaFile(buffer.getvalue(), "image/jpeg", ".jpg"))["large"]

        assert close([image.getpixel((20, 20))], [(40, 40, 200)])

    def test_a_broken_profile_is_ignored(self, pipeline):
        """An invalid profile does not fail the image."""
        buffer = io.BytesIO()
        Image.new("RGB", (40, 40), (200, 40, 40)).save(buffer, "JPEG", quality=95, icc_profile=b"nonsense")

        image = made_of(pipeline, MediaFile(buffer.getvalue(), "image/jpeg", ".jpg"))["large"]

        assert close([image.getpixel((20, 20))], [(200, 40, 40)])


def _swapped_red_and_blue(profile: bytes) -> bytes:
    """Return an ICC profile with exchanged red and blue colorants."""
    return profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


class TestDocumentsAndFailures:
    def test_a_document_is_copied(self, pipeline):
        """The PDF is copied unchanged, to a key of this job."""
        pipeline.upload("plan", "PROJECT_DOC", document(1))

        output = handler(state_of(pipeline))["outputs"][0]

        assert pipeline.content(output["processedKey"]) == document(1).content
        assert output["processedKey"].endswith("/7/original/c1-plan.pdf")
        assert output["thumbnailKey"] is None

    def test_the_copy_of_a_document_has_no_tag(self, pipeline):
        """The raw file of a READY batch is tagged for the archive; a retry publishes a copy of it."""
        asset = pipeline.upload("plan", "PROJECT_DOC", document(1))
        tags = {"TagSet": [{"Key": "media-stage", "Value": "raw-done"}]}
        pipeline.client.put_object_tagging(Bucket=BUCKET, Key=asset["key"], Tagging=tags)

        copied = handler(state_of(pipeline))["outputs"][0]["processedKey"]

        assert pipeline.client.get_object_tagging(Bucket=BUCKET, Key=copied)["TagSet"] == []
        assert pipeline.client.head_object(Bucket=BUCKET, Key=copied)["ContentType"] == "application/pdf"

    def test_one_bad_image_is_reported_and_the_others_go_on(self, pipeline):
        """The output of the failed image has a code; the batch fails later."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", photograph(1, 64, 48))
        bad = pipeline.upload("b", "PHOTO_HORIZONTAL", photograph(2, 64, 48))
        pipeline.upload("c", "PHOTO_HORIZONTAL", photograph(3, 64, 48))
        state = state_of(pipeline)
        pipeline.client.put_object(
            Bucket="toq-listing-medias",
            Key=bad["key"],
            Body=damaged(photograph(2, 64, 48), Defect.TRUNCATED).content,
        )

        outputs = handler(state)["outputs"]

        assert [output.get("errorCode") for output in outputs] == [None, "THUMBNAIL_PROCESSING_FAILED", None]
        assert bad["key"] in outputs[1]["errorMessage"]
        assert outputs[1]["processedKey"] is None
        assert outputs[2]["processedKey"] in pipeline.keys

    def test_an_image_replaced_by_a_bomb_has_its_own_code(self, pipeline):
        """A presigned URL lives on after validation."""
        bad = pipeline.upload("b", "PHOTO_HORIZONTAL", photograph(2, 64, 48))
        state = state_of(pipeline)
        pipeline.client.put_object(Bucket="toq-listing-medias", Key=bad["key"], Body=many_scans(200))

        assert handler(state)["outputs"][0]["errorCode"] == "IMAGE_TOO_COMPLEX"

    def test_a_missing_image_is_reported(self, pipeline):
        """It was deleted after validation."""
        asset = pipeline.upload("a", "PHOTO_HORIZONTAL", photograph(1, 64, 48))
        state = state_of(pipeline)
        pipeline.client.delete_object(Bucket="toq-listing-medias", Key=asset["key"])

        assert handler(state)["outputs"][0]["errorCode"] == "THUMBNAIL_PROCESSING_FAILED"

    def test_a_bucket_that_is_down_is_retryable(self, pipeline, monkeypatch):
        """The whole step is tried again."""
        pipeline.upload("a", "PHOTO_HORIZONTAL", photograph(1, 64, 48))
        state = state_of(pipeline)

        def down(*_):
            raise Retryable("STORAGE_UNAVAILABLE")

        monkeypatch.setattr(MediaObjects, "put", down)

        with pytest.raises(Retryable):
            handler(state)

    def test_no_images_are_no_failure(self, pipeline):
        """A batch of videos has no images."""
        empty = {"images": [], "documents": []}

        assert handler(pipeline.execution_input | {"validation": empty}) == {"outputs": []}
