"""The content of planned files in a run with real media. Sizes in bytes."""

from dataclasses import replace

from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.lab.workload.upload_batch import UploadFile


def content(file: UploadFile, seed: int = 0) -> MediaFile:
    """
    Return the content of a planned file; that of a corrupt file is cut off after three fifths.

    Pictures and videos have the planned sides and length. Their size in bytes is the encoder's result.
    """
    made = _made(file, seed)
    return replace(made, content=made.content[: len(made.content) * 3 // 5]) if file.corrupt else made


def _made(file: UploadFile, seed: int) -> MediaFile:
    if file.is_video:
        even = file.width // 2 * 2, file.height // 2 * 2
        return video(seed, *even, duration=round(file.seconds, 1))
    if file.is_image:
        kind = file.content_type.removeprefix("image/")
        return photograph(seed, file.width, file.height, orientation=file.exif_orientation, kind=kind)
    return document(seed, file.bytes)
