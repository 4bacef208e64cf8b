"""
What arrival *i* does and brings: a pure function of the scenario, the seed, the replication and *i*.

A batch keeps the service's limits whatever the distributions say: 1 to 60 files, at most 256 MiB
each and 1 GiB together; a batch without files gets one.
"""

from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from harness.lab.workload.batch import MAX_BATCH_BYTES, MAX_FILE_BYTES, MAX_FILES, Batch, File
from harness.lab.workload.distributions import Distribution
from harness.lab.workload.draws import Stream
from harness.lab.workload.faults import CorruptFile, PoisonedMessage
from harness.lab.workload.flows import Forbidden, ProjectDocuments, Shoot
from harness.lab.workload.scenario import Scenario

ARRIVALS_PER_BLOCK = 64
FEW_FILES = 32
"""Blocks hold draws for fewer files than this; the few arrivals with more have theirs made alone."""


class Mix:
    """
    The arrivals of one run, each by its number.

    Args:
        replication: 0 for a live run; simulated replications count from 0 too, so that the first
            is the live one.
    """

    def __init__(self, scenario: Scenario, replication: int = 0) -> None:
        self.scenario = scenario
        self.replication = replication
        self._weights = list(accumulate(flow.weight for flow in scenario.flows))
        # Draws are made for a block of arrivals at once, which is ten times as fast as one by one.
        self._block = lru_cache(maxsize=256)(self._draw_block)
        self._photo_block = lru_cache(maxsize=32)(self._make_photos)
        self._corrupt = [
            (f"corrupt/{index}", fault)
            for index, fault in enumerate(scenario.faults)
            if isinstance(fault, CorruptFile)
        ]
        self._poisoned = [
            (f"poisoned/{index}", fault)
            for index, fault in enumerate(scenario.faults)
            if isinstance(fault, PoisonedMessage)
        ]

    def batch(self, arrival: int, at: float = 0.0) -> Batch:
        """
        Return what an arrival does and brings.

        Args:
            arrival: Its number, from 0.
            at: When it is due [model s]; matters only to faults that have a time window.
        """
        index = self.flow_index(arrival)
        flow = self.scenario.flows[index]
        files: Iterator[File] = iter(())
        attempt = None
        if isinstance(flow, Shoot):
            files = self._shoot(index, flow, arrival, at)
        elif isinstance(flow, ProjectDocuments):
            files = self._project(flow, arrival, at)
        if isinstance(flow, Forbidden):
            attempt = flow.attempts[int(self._draw("attempt", arrival) * len(flow.attempts))]
        poisoned = any(
            fault.active(at) and self._draw(stream, arrival) < fault.rate for stream, fault in self._poisoned
        )
        return Batch(arrival, flow.name, index, _within_limits(files), attempt, poisoned)

    def flow_index(self, arrival: int) -> int:
        """Return the place in the scenario's ``flows`` of what an arrival does."""
        return bisect(self._weights, self._draw("flow", arrival) * self._weights[-1])

    def flows(self, arrivals: int) -> list[str]:
        """Return the names of the flows of the first so many arrivals."""
        draws = self._stream("flow").many(np.arange(arrivals))
        indices = np.searchsorted(self._weights, draws * self._weights[-1], side="right")
        return [self.scenario.flows[index].name for index in indices]

    def fetches(self, arrival: int, of: Distribution) -> int:
        """Return how many downloads a viewer fetches."""
        return round(of.sample(self._draw("fetches", arrival)))

    def think_time(self, arrival: int, step: int) -> float:
        """Return the pause before the given step of an arrival's flow [model s]."""
        return max(
            0.0, self.scenario.behaviour.think_time_s.sample(self._stream("think_time")(arrival, step))
        )

    def _shoot(self, index: int, flow: Shoot, arrival: int, at: float) -> Iterator[File]:
        photos, videos = self._shot(flow, arrival)
        yield from self._photos(index, arrival, at)
        for n in range(photos + 1, photos + videos + 1):
            yield self._video(flow, arrival, n, at)

    def _project(self, flow: ProjectDocuments, arrival: int, at: float) -> Iterator[File]:
        documents = self._count("documents", flow.documents, arrival, MAX_FILES)
        renders = self._count("renders", flow.renders, arrival, MAX_FILES - documents)
        if documents + renders == 0:
            documents = 1
        for n in range(1, documents + 1):
            yield self._document(flow, arrival, n, at)
        for n in range(documents + 1, documents + renders + 1):
            yield self._render(flow, arrival, n, at)

    def _photos(self, index: int, arrival: int, at: float) -> Iterator[File]:
        photos = self._photo_block(index, arrival // ARRIVALS_PER_BLOCK)[arrival]
        if not self._corrupt:
            return iter(photos)
        return (each._replace(corrupt=self._is_corrupt(arrival, each.sequence, at)) for each in photos)

    def _make_photos(self, index: int, block: int) -> dict[int, list[File]]:
        """Return the photos of a block's shoots by arrival: most of all files there are."""
        flow = self.scenario.flows[index]
        assert isinstance(flow, Shoot)  # noqa: S101 - others have no photos
        first = block * ARRIVALS_PER_BLOCK
        arrivals = [one for one in range(first, first + ARRIVALS_PER_BLOCK) if self.flow_index(one) == index]
        counts = [self._shot(flow, arrival)[0] for arrival in arrivals]
        whose = np.repeat(arrivals, counts)
        numbers = np.concatenate([np.arange(1, count + 1) for count in counts])
        uprights, megapixels, rotations, kinds, sizes = (
            self._stream(name).many(whose, numbers)
            for name in ("vertical", "megapixels", "rotated", "kind", "bytes")
        )
        pixels = np.maximum(flow.photo_megapixels.samples(megapixels), 0) * 1e6
        shorts = np.maximum(np.rint(np.sqrt(pixels * 3 / 4)), 1)
        photos: dict[int, list[File]] = {arrival: [] for arrival in arrivals}
        for arrival, n, vertical, long, short, rotated, draw, size in zip(
            whose.tolist(),
            numbers.tolist(),
            (uprights < flow.vertical_ratio).tolist(),
            np.rint(shorts * 4 / 3).astype(int).tolist(),
            shorts.astype(int).tolist(),
            rotations.tolist(),
            kinds.tolist(),
            np.clip(np.rint(flow.photo_bytes.samples(sizes)), 1, MAX_FILE_BYTES).astype(int).tolist(),
            strict=True,
        ):
            kind = _photo_kind(flow, draw)
            photos[arrival].append(
                File(
                    f"a{arrival}-{n}",
                    n,
                    "PHOTO_VERTICAL" if vertical else "PHOTO_HORIZONTAL",
                    f"photo-{n:02d}.{'jpg' if kind == 'jpeg' else kind}",
                    f"image/{kind}",
                    size,
                    short if vertical else long,
                    long if vertical else short,
                    0.0,
                    # The draw that decides whether also decides which of the seven, each equally likely.
                    2 + int(7 * rotated / flow.rotated_ratio) if rotated < flow.rotated_ratio else 1,
                )
            )
        return photos

    def _shot(self, flow: Shoot, arrival: int) -> tuple[int, int]:
        """Return how many photos and videos a shoot brings."""
        videos = self._count("videos", flow.videos, arrival, MAX_FILES)
        photos = self._count("photos", flow.photos, arrival, MAX_FILES - videos)
        return (photos, videos) if photos + videos else (1, 0)

    def _video(self, flow: Shoot, arrival: int, n: int, at: float) -> File:
        vertical = self._draw("vertical", arrival, n) < flow.vertical_ratio
        seconds = max(0.1, flow.video_seconds.sample(self._draw("seconds", arrival, n)))
        per_second = flow.video_bytes_per_s.sample(self._draw("bytes", arrival, n))
        # Even sides: the encoders take no others.
        short, long = _even(flow.video_height), _even(flow.video_height * 16 / 9)
        return File(
            client_id=f"a{arrival}-{n}",
            sequence=n,
            media_type="VIDEO_VERTICAL" if vertical else "VIDEO_HORIZONTAL",
            filename=f"video-{n:02d}.mp4",
            content_type="video/mp4",
            bytes=_file_bytes(per_second * seconds),
            width=short if vertical else long,
            height=long if vertical else short,
            seconds=seconds,
            corrupt=self._is_corrupt(arrival, n, at),
        )

    def _document(self, flow: ProjectDocuments, arrival: int, n: int, at: float) -> File:
        return File(
            client_id=f"a{arrival}-{n}",
            sequence=n,
            media_type="PROJECT_DOC",
            filename=f"document-{n:02d}.pdf",
            content_type="application/pdf",
            bytes=self._bytes(flow.document_bytes, arrival, n),
            corrupt=self._is_corrupt(arrival, n, at),
        )

    def _render(self, flow: ProjectDocuments, arrival: int, n: int, at: float) -> File:
        long, short = _sides(flow.render_megapixels.sample(self._draw("megapixels", arrival, n)))
        return File(
            client_id=f"a{arrival}-{n}",
            sequence=n,
            media_type="PROJECT_RENDER",
            filename=f"render-{n:02d}.jpg",
            content_type="image/jpeg",
            bytes=self._bytes(flow.render_bytes, arrival, n),
            width=long,
            height=short,
            corrupt=self._is_corrupt(arrival, n, at),
        )

    def _count(self, stream: str, of: Distribution, arrival: int, most: int) -> int:
        return max(0, min(most, round(of.sample(self._draw(stream, arrival)))))

    def _bytes(self, of: Distribution, arrival: int, n: int) -> int:
        return _file_bytes(of.sample(self._draw("bytes", arrival, n)))

    def _is_corrupt(self, arrival: int, n: int, at: float) -> bool:
        return any(
            fault.active(at) and self._draw(stream, arrival, n) < fault.rate
            for stream, fault in self._corrupt
        )

    def _draw(self, stream: str, arrival: int, n: int = 0) -> float:
        """Return a draw in (0, 1) for one purpose, arrival and file."""
        return self._row(stream, arrival, n)[n]

    def _row(self, stream: str, arrival: int, last: int) -> list[float]:
        """Return the draws of one purpose and arrival, for the files 0 to *last* and perhaps more."""
        if last >= FEW_FILES:
            return self._draws(stream, np.array([arrival]), MAX_FILES + 1)[0]
        block, row = divmod(arrival, ARRIVALS_PER_BLOCK)
        return self._block(stream, block, FEW_FILES if last else 1)[row]

    def _draw_block(self, stream: str, block: int, width: int) -> list[list[float]]:
        return self._draws(stream, np.arange(ARRIVALS_PER_BLOCK) + block * ARRIVALS_PER_BLOCK, width)

    def _draws(self, stream: str, arrivals: NDArray[np.int64], width: int) -> list[list[float]]:
        rows: list[list[float]] = self._stream(stream).many(arrivals[:, None], np.arange(width)).tolist()
        return rows

    def _stream(self, name: str) -> Stream:
        return Stream(self.scenario.seed, self.replication, f"mix/{name}")


def _photo_kind(flow: Shoot, draw: float) -> str:
    if draw < flow.heic_ratio:
        return "heic"
    return "png" if draw < flow.heic_ratio + flow.png_ratio else "jpeg"


def _within_limits(files: Iterator[File]) -> tuple[File, ...]:
    """Return the files that fit into one batch: the first always does."""
    kept: list[File] = []
    left = MAX_BATCH_BYTES
    for file in files:
        if file.bytes <= left:
            kept.append(file)
            left -= file.bytes
    return tuple(kept)


def _file_bytes(size: float) -> int:
    whole = round(size)
    return whole if 1 <= whole <= MAX_FILE_BYTES else max(1, min(MAX_FILE_BYTES, whole))


def _sides(megapixels: float) -> tuple[int, int]:
    """Return the long and the short side of a 4:3 picture [pixels]."""
    short = round((megapixels * 1e6 * 3 / 4) ** 0.5) if megapixels > 0 else 0
    return round((short or 1) * 4 / 3), short or 1


def _even(side: float) -> int:
    return max(2, 2 * round(side / 2))
