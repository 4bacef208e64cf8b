"""The decoding of images as they are displayed: upright, in sRGB, on a white background. Sizes in pixels."""

import io
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO

import pillow_heif
from PIL import Image, ImageCms, UnidentifiedImageError

from harness.service.pipeline.formats import heif_boxes
from harness.service.pipeline.formats.undecodable import IMAGE_TOO_LARGE, Undecodable
from harness.service.pipeline.image_limits import MAX_PIXELS, DecodingMemory, memory_needed

FORMATS = ("JPEG", "PNG", "HEIF", "AVIF", "WEBP", "TIFF", "GIF", "BMP")
"""The accepted formats. Pillow knows more, but runs other programs for some of them."""

QUALITY = 85
LANCZOS = Image.Resampling.LANCZOS
# Decode to at least 1.5 times the target size: 53 dB PSNR to a full decode, in half the time.
REDUCING_GAP = 1.5
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SRGB = ImageCms.createProfile("sRGB")
# Larger images are flattened in bands; a JPEG is decoded smaller than this.
_BANDED_PIXELS = 16_000_000
_BAND_LINES = 256

Size = tuple[int, int]

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# Pillow only warns at this limit, and raises at twice the limit; `_decoding` raises at the limit.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def check(file: IO[bytes], memory: DecodingMemory) -> None:
    """Decode an image completely; raise `Undecodable` if it is truncated, corrupt or too large."""
    with _decoding(file, memory) as image:
        # A JPEG decoded at an eighth of its size is also read to its end, with 1/64 of the memory.
        image.draft(None, (image.width // 8 or 1, image.height // 8 or 1))
        image.load()


def derive(file: IO[bytes], boxes: Mapping[str, int], memory: DecodingMemory) -> dict[str, Image.Image]:
    """
    Return an image upright and in sRGB, scaled down to fit each of *boxes* (name → side of the square).

    It is not enlarged for a larger box. `Undecodable` is raised as by `check`.
    """
    with _decoding(file, memory) as image:
        # Before the draft, because the draft changes the size of the image.
        original = image.size
        best = _decoded(image, inside(original, max(boxes.values())))
        # After loading: the decoders of some formats rotate the image and then reset its orientation.
        turn = _UPRIGHT.get(_orientation(image))
    # Sizes are computed from the original size: repeated scaling could change them by a pixel.
    scaled = {name: best.resize(inside(original, box), LANCZOS) for name, box in boxes.items()}
    return scaled if turn is None else {name: image.transpose(turn) for name, image in scaled.items()}


def _decoded(image: Image.Image, size: Size) -> Image.Image:
    image.draft(None, (int(size[0] * REDUCING_GAP), int(size[1] * REDUCING_GAP)))
    image.load()
    profile = image.info.get("icc_profile")
    factor = max(1, int(min(image.width / size[0], image.height / size[1]) / REDUCING_GAP))
    if image.width * image.height < _BANDED_PIXELS:
        factor = 1
    reduced = _flattened(image) if factor == 1 else _flattened_and_reduced(image, factor)
    seen = (0, 0, image.width / factor, image.height / factor)
    return _srgb(reduced.resize(size, LANCZOS, seen, REDUCING_GAP), profile)


def _flattened_and_reduced(image: Image.Image, factor: int) -> Image.Image:
    """Return *image* as `_flattened` does, reduced; in bands: a copy of the whole may not fit into memory."""
    lines = factor * max(1, _BAND_LINES // factor)
    bands = [
        _flattened(image.crop((0, top, image.width, min(top + lines, image.height)))).reduce(factor)
        for top in range(0, image.height, lines)
    ]
    whole = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    for number, band in enumerate(bands):
        whole.paste(band, (0, number * lines // factor))
    return whole


def inside(size: Size, box: int) -> Size:
    """Return *size* scaled down to fit a box of *box* × *box*; a smaller size does not change."""
    width, height = size
    longest = max(size)
    if longest <= box:
        return size
    return max(1, round(width * box / longest)), max(1, round(height * box / longest))


def jpeg(image: Image.Image) -> bytes:
    """Return an sRGB image as a JPEG without metadata: no EXIF, no GPS, no profile."""
    buffer = io.BytesIO()
    bare = image.copy()
    bare.info = {}
    bare.save(buffer, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return buffer.getvalue()


@contextmanager
def _decoding(file: IO[bytes], memory: DecodingMemory) -> Iterator[Image.Image]:
    try:
        with Image.open(file, formats=FORMATS) as image:
            needed = memory_needed(image, file)
            if image.format in ("HEIF", "AVIF"):
                heif_boxes.check(file)
            with memory.reserved(needed):
                yield image
    except Undecodable:
        raise
    except UnidentifiedImageError as error:
        # Pillow's text has the name of the temporary file.
        raise Undecodable("it is not an image in a known format, or its header is damaged") from error
    except Image.DecompressionBombError as error:
        raise Undecodable(f"it has more than {MAX_PIXELS} pixels", IMAGE_TOO_LARGE) from error
    # The decoders of Pillow raise all these errors for broken files.
    except (OSError, EOFError, SyntaxError, ValueError, TypeError, IndexError, struct.error) as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        # Without readable metadata the image is displayed as it is stored.
        return 1


def _flattened(image: Image.Image) -> Image.Image:
    """Return *image* as L, RGB or CMYK with 8 bits per channel; transparent pixels become white."""
    if image.mode in ("L", "RGB", "CMYK") and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        # A direct conversion of 16-bit grey to L would clip the values: all but black would become white.
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGB", layer.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    return image.convert("L" if image.mode == "1" else "RGB")


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        # A profile that is broken, or does not match the colour space of the image, is ignored.
        with suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if converted := ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB"):
                return converted
    return image.convert("RGB")
