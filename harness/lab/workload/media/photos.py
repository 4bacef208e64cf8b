"""
Photographs, made up from a seed: the same arguments give the same bytes.

(Per version of Pillow and of the codecs, that is: assert on what decodes, never on a digest.)
Sizes in pixels.
"""

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.scenes import scene

ORIENTATION_TAG = 0x0112
_GPS_TAG = 0x8825
# How a camera that was held so stores what people should see upright.
_STORED: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_CACHED_FILES = 64


def photograph(
    seed: int,
    width: int = 1600,
    height: int = 1200,
    *,
    orientation: int = 1,
    kind: str = "jpeg",
    profile: bool = True,
) -> MediaFile:
    """
    Return a photograph that is *width* × *height* when upright.

    Args:
        orientation: EXIF orientation 1–8; the pixels are stored turned accordingly (JPEG only).
        kind: ``jpeg`` (with EXIF, GPS and, if *profile*, an ICC profile), ``png`` (with
            transparency) or ``heic``.

    Raises:
        ValueError: Unknown *kind* or *orientation*.
    """
    if kind not in _PHOTOS or orientation not in range(1, 9):
        raise ValueError(f"no photo of kind {kind!r} with orientation {orientation}")
    return _PHOTOS[kind](seed, width, height, orientation, profile)


@lru_cache(_CACHED_FILES)
def _jpeg(seed: int, width: int, height: int, orientation: int, profile: bool) -> MediaFile:
    image = Image.fromarray(scene(seed, width, height))
    if orientation in _STORED:
        image = image.transpose(_STORED[orientation])
    buffer = io.BytesIO()
    image.save(
        buffer,
        "JPEG",
        quality=88,
        exif=_exif(seed, orientation),
        icc_profile=_srgb_profile() if profile else None,
    )
    return MediaFile(buffer.getvalue(), "image/jpeg", ".jpg")


@lru_cache(_CACHED_FILES)
def _png(seed: int, width: int, height: int, _orientation: int, _profile: bool) -> MediaFile:
    pixels = scene(seed, width, height)
    opacity = np.full((height, width, 1), 255, np.uint8)
    # A transparent middle; what shines through is for the viewer to decide.
    opacity[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5] = 0
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate([pixels, opacity], axis=2)).save(buffer, "PNG", compress_level=1)
    return MediaFile(buffer.getvalue(), "image/png", ".png")


@lru_cache(_CACHED_FILES)
def _heic(seed: int, width: int, height: int, _orientation: int, _profile: bool) -> MediaFile:
    import pillow_heif

    file = pillow_heif.from_pillow(Image.fromarray(scene(seed, width, height)))
    buffer = io.BytesIO()
    file.save(buffer, quality=70)
    return MediaFile(buffer.getvalue(), "image/heic", ".heic")


_PHOTOS: dict[str, Callable[[int, int, int, int, bool], MediaFile]] = {
    "jpeg": _jpeg,
    "png": _png,
    "heic": _heic,
}


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
