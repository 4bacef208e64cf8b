"""The files of many arrivals, drawn by column. Sizes in bytes, sides in pixels, lengths in seconds."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import islice, repeat
from typing import Any

import numpy as np

from harness.lab.workload.client_flows import MAX_FILE_BYTES, ProjectDocumentsFlow, ShootFlow
from harness.lab.workload.draws import Floats, Integers, Stream
from harness.lab.workload.upload_batch import UploadFile

_CONTENT_TYPES = {each: f"image/{each}" for each in ("heic", "jpeg", "png")}


class PlannedFiles:
    """The files of batches; *stream* returns the stream of draws with a name."""

    def __init__(self, stream: Callable[[str], Stream]) -> None:
        self._stream = stream

    def of(self, flow: Any, counts: Mapping[int, tuple[int, int]]) -> dict[int, list[UploadFile]]:
        """
        Return the files of some arrivals of one flow, by arrival.

        Args:
            flow: A `ShootFlow` or `ProjectDocumentsFlow`.
            counts: Number of photos and videos, or of documents and renders, by arrival.
        """
        arrivals = list(counts)
        firsts = [first for first, _ in counts.values()]
        seconds = [second for _, second in counts.values()]
        numbers = np.concatenate([np.arange(1, first + 1) for first in firsts])
        further = np.concatenate([np.arange(1, second + 1) + first for first, second in counts.values()])
        draw_firsts, draw_seconds = (
            (self._photos, self._videos) if isinstance(flow, ShootFlow) else (self._documents, self._renders)
        )
        made = iter(draw_firsts(flow, np.repeat(arrivals, firsts), numbers))
        more = iter(draw_seconds(flow, np.repeat(arrivals, seconds), further))
        return {
            arrival: [*islice(made, first), *islice(more, second)]
            for arrival, (first, second) in counts.items()
        }

    def _photos(self, flow: ShootFlow, arrivals: Integers, numbers: Integers) -> list[UploadFile]:
        verticals, megapixels, rotations, kinds, sizes = self._draws(
            arrivals, numbers, "vertical", "megapixels", "rotated", "kind", "bytes"
        )
        longs, shorts = _sides(flow.photo_megapixels.samples(megapixels))
        is_vertical = verticals < flow.vertical_ratio
        formats = _photo_formats(flow, kinds)
        return _files(
            arrivals,
            numbers,
            media_type=["PHOTO_VERTICAL" if each else "PHOTO_HORIZONTAL" for each in is_vertical.tolist()],
            filename=map(_photo_name, numbers.tolist(), formats),
            content_type=map(_CONTENT_TYPES.__getitem__, formats),
            bytes=_file_sizes(flow.photo_bytes.samples(sizes)),
            width=np.where(is_vertical, shorts, longs).tolist(),
            height=np.where(is_vertical, longs, shorts).tolist(),
            exif_orientation=_orientations(flow, rotations),
        )

    def _videos(self, flow: ShootFlow, arrivals: Integers, numbers: Integers) -> list[UploadFile]:
        verticals, lengths, rates = self._draws(arrivals, numbers, "vertical", "seconds", "bytes")
        seconds = np.maximum(flow.video_seconds.samples(lengths), 0.1)
        is_vertical = (verticals < flow.vertical_ratio).tolist()
        # Encoders need even sides.
        short, long = _even(flow.video_height), _even(flow.video_height * 16 / 9)
        return _files(
            arrivals,
            numbers,
            media_type=["VIDEO_VERTICAL" if each else "VIDEO_HORIZONTAL" for each in is_vertical],
            filename=[f"video-{n:02d}.mp4" for n in numbers.tolist()],
            content_type=repeat("video/mp4"),
            bytes=_file_sizes(flow.video_bytes_per_s.samples(rates) * seconds),
            width=[short if each else long for each in is_vertical],
            height=[long if each else short for each in is_vertical],
            seconds=seconds.tolist(),
        )

    def _documents(
        self, flow: ProjectDocumentsFlow, arrivals: Integers, numbers: Integers
    ) -> list[UploadFile]:
        (sizes,) = self._draws(arrivals, numbers, "bytes")
        return _files(
            arrivals,
            numbers,
            media_type=repeat("PROJECT_DOC"),
            filename=[f"document-{n:02d}.pdf" for n in numbers.tolist()],
            content_type=repeat("application/pdf"),
            bytes=_file_sizes(flow.document_bytes.samples(sizes)),
        )

    def _renders(self, flow: ProjectDocumentsFlow, arrivals: Integers, numbers: Integers) -> list[UploadFile]:
        megapixels, sizes = self._draws(arrivals, numbers, "megapixels", "bytes")
        longs, shorts = _sides(flow.render_megapixels.samples(megapixels))
        return _files(
            arrivals,
            numbers,
            media_type=repeat("PROJECT_RENDER"),
            filename=[f"render-{n:02d}.jpg" for n in numbers.tolist()],
            content_type=repeat("image/jpeg"),
            bytes=_file_sizes(flow.render_bytes.samples(sizes)),
            width=longs.tolist(),
            height=shorts.tolist(),
        )

    def _draws(self, arrivals: Integers, numbers: Integers, *streams: str) -> list[Floats]:
        return [self._stream(name).many(arrivals, numbers) for name in streams]


def _files(arrivals: Integers, numbers: Integers, **columns: Iterable[Any]) -> list[UploadFile]:
    """Return files given by their columns; a missing column has the default value."""
    sequence = numbers.tolist()
    columns["client_id"] = [f"a{arrival}-{n}" for arrival, n in zip(arrivals.tolist(), sequence, strict=True)]
    columns["sequence"] = sequence
    ordered = [
        columns[name] if name in columns else repeat(UploadFile._field_defaults[name])
        for name in UploadFile._fields
    ]
    return list(map(UploadFile._make, zip(*ordered, strict=False)))  # some columns are endless


def _photo_formats(flow: ShootFlow, draws: Floats) -> list[str]:
    heic, png = flow.heic_ratio, flow.heic_ratio + flow.png_ratio
    return ["heic" if draw < heic else "png" if draw < png else "jpeg" for draw in draws.tolist()]


@cache
def _photo_name(n: int, kind: str) -> str:
    return f"photo-{n:02d}.{'jpg' if kind == 'jpeg' else kind}"


def _orientations(flow: ShootFlow, draws: Floats) -> list[int]:
    """Return the EXIF orientations of photos: 1 (upright) or one of the other seven."""
    ratio = flow.rotated_ratio
    # One draw decides whether a photo is rotated and how; the seven orientations are equally likely.
    return [2 + int(7 * draw / ratio) if draw < ratio else 1 for draw in draws.tolist()]


def _file_sizes(sizes: Floats) -> list[int]:
    whole: list[int] = np.clip(np.rint(sizes), 1, MAX_FILE_BYTES).astype(np.int64).tolist()
    return whole


def _sides(megapixels: Floats) -> tuple[Integers, Integers]:
    """Return the long and the short sides of 4:3 pictures [pixels]."""
    shorts = np.maximum(np.rint(np.sqrt(np.maximum(megapixels, 0) * 1e6 * 3 / 4)), 1)
    return np.rint(shorts * 4 / 3).astype(np.int64), shorts.astype(np.int64)


def _even(side: float) -> int:
    return max(2, 2 * round(side / 2))
