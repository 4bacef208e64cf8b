"""The content of planned files in a run with real media. Sizes in bytes."""

import random
from dataclasses import replace

from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.oversized_images import oversized
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.lab.workload.upload_batch import FileDamage, UploadFile

FORMAT_BYTES = 32
"""The beginning of a corrupt file that is right: its format is recognised."""
KEPT = 3 / 5
"""Part of a truncated file that is left."""
SMALL = 64
"""Sides of the picture that a mislabelled file is [pixels]."""


def content(file: UploadFile, seed: int = 0) -> MediaFile:
    """
    Return the content of a planned file, damaged if it is to be.

    Pictures and videos have the planned sides and length. Their size in bytes is the encoder's result.
    """
    match file.damage:
        case FileDamage.CORRUPT:
            made = _made(file, seed)
            noise = random.Random(seed).randbytes(max(0, len(made.content) - FORMAT_BYTES))
            return replace(made, content=made.content[:FORMAT_BYTES] + noise)
        case FileDamage.TRUNCATED:
            made = _made(file, seed)
            return replace(made, content=made.content[: int(len(made.content) * KEPT)])
        case FileDamage.MISLABELLED:
            other = "jpeg" if file.content_type == "image/png" else "png"
            picture = photograph(seed, SMALL, SMALL, kind=other)
            return MediaFile(picture.content, file.content_type, picture.extension)
        case FileDamage.OVERSIZED:
            return oversized(file.content_type)
        case None:
            return _made(file, seed)


def _made(file: UploadFile, seed: int) -> MediaFile:
    if file.is_video:
        even = file.width // 2 * 2, file.height // 2 * 2
        return video(seed, *even, duration=round(file.seconds, 1))
    if file.is_image:
        kind = file.content_type.removeprefix("image/")
        return photograph(seed, file.width, file.height, orientation=file.exif_orientation, kind=kind)
    return document(seed, file.bytes)
