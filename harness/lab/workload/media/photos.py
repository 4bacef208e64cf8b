"""
Photos, generated from a seed. Sizes in pixels.

The same arguments give the same bytes with the same versions of Pillow and of the codecs; a test must not
compare them with a stored digest.
"""

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.scenes import scene

ORIENTATION_TAG = 0x0112
_GPS_TAG = 0x8825
# How the pixels of an upright picture are stored for each EXIF orientation.
_STORED: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@lru_cache(128)
def photograph(
    seed: int, width: int = 1600, height: int = 1200, *, orientation: int = 1, kind: str = "jpeg"
) -> MediaFile:
    """
    Return a photo that is *width* × *height* when upright.

    Args:
        orientation: EXIF orientation 1–8; the pixels are stored rotated accordingly (JPEG only).
        kind: ``jpeg`` (with EXIF, GPS and an ICC profile), ``png`` (with transparency) or ``heic``.

    Raises:
        ValueError: Unknown *kind* or *orientation*.
    """
    if kind not in ("jpeg", "png", "heic") or orientation not in range(1, 9):
        raise ValueError(f"there is no photo of kind {kind!r} with orientation {orientation}")
    pixels = scene(seed, width, height)
    buffer = io.BytesIO()
    if kind == "heic":
        import pillow_heif

        pillow_heif.from_pillow(Image.fromarray(pixels)).save(buffer, quality=70)
        return MediaFile(buffer.getvalue(), "image/heic", ".heic")
    if kind == "png":
        Image.fromarray(_with_transparency(pixels)).save(buffer, "PNG", compress_level=1)
        return MediaFile(buffer.getvalue(), "image/png", ".png")
    image = Image.fromarray(pixels)
    if orientation in _STORED:
        image = image.transpose(_STORED[orientation])
    image.save(buffer, "JPEG", quality=88, exif=_exif(seed, orientation), icc_profile=_srgb_profile())
    return MediaFile(buffer.getvalue(), "image/jpeg", ".jpg")


def _with_transparency(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pixels with an opacity channel: the middle is transparent."""
    height, width = pixels.shape[:2]
    opacity = np.full((height, width, 1), 255, np.uint8)
    opacity[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5] = 0
    return np.concatenate([pixels, opacity], axis=2)


def _exif(seed: int, orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    exif[0x010F] = "Harness"
    exif[0x0110] = f"Camera {seed}"
    exif[0x0132] = "2025:11:16 09:30:00"
    exif[_GPS_TAG] = {1: "S", 2: (23.0, 33.0, 1.5), 3: "W", 4: (46.0, 38.0, 2.5)}
    return exif


@lru_cache(1)
def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
