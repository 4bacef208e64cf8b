"""
What arrival *i* does and brings: a pure function of the scenario, the seed, the replication and *i*.

A batch keeps the service's limits whatever the distributions say: 1 to 60 files, at most 256 MiB
each and 1 GiB together; a batch without files gets one.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate, islice, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.lab.workload.batch import MAX_BATCH_BYTES, MAX_FILE_BYTES, MAX_FILES, Batch, File
from harness.lab.workload.distributions import Distribution
from harness.lab.workload.draws import Stream
from harness.lab.workload.faults import CorruptFile, PoisonedMessage
from harness.lab.workload.flows import Forbidden, ProjectDocuments, Shoot
from harness.lab.workload.scenario import Scenario

ARRIVALS_PER_BLOCK = 256

_CONTENT_TYPES = {each: f"image/{each}" for each in ("heic", "jpeg", "png")}

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class Plan(NamedTuple):
    """What an arrival does, by its place in the scenario's ``flows``, and how much a shoot brings."""

    flow_index: int
    photos: int = 0
    videos: int = 0


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
        self._streams: dict[str, Stream] = {}
        # What every arrival has is drawn for a block of them at once: ten times as fast as one by one.
        self._plans = lru_cache(maxsize=64)(self._plan_block)
        self._photo_block = lru_cache(maxsize=16)(self._make_photos)
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
        block, place = divmod(arrival, ARRIVALS_PER_BLOCK)
        plan = self._plans(block)[place]
        flow = self.scenario.flows[plan.flow_index]
        files: Sequence[File] = ()
        attempt = None
        if isinstance(flow, Shoot):
            files = self._shoot(flow, plan, arrival, at)
        elif isinstance(flow, ProjectDocuments):
            files = self._project(flow, arrival, at)
        if isinstance(flow, Forbidden):
            attempt = flow.attempts[int(self._draw("attempt", arrival) * len(flow.attempts))]
        poisoned = bool(self._poisoned) and self._is_poisoned(arrival, at)
        return Batch(arrival, flow.name, plan.flow_index, _within_limits(files), attempt, poisoned)

    def flows(self, arrivals: int) -> list[str]:
        """Return the names of the flows of the first so many arrivals."""
        return [self.scenario.flows[index].name for index in self._flow_indices(np.arange(arrivals))]

    def fetches(self, arrival: int, of: Distribution) -> int:
        """Return how many downloads a viewer fetches."""
        return round(of.sample(self._draw("fetches", arrival)))

    def think_time(self, arrival: int, step: int) -> float:
        """Return the pause before the given step of an arrival's flow [model s]."""
        return max(0.0, self.scenario.behaviour.think_time_s.sample(self._draw("think_time", arrival, step)))

    def _plan_block(self, block: int) -> list[Plan]:
        """Return what each arrival of a block does, and how much it brings."""
        first = block * ARRIVALS_PER_BLOCK
        arrivals = np.arange(first, first + ARRIVALS_PER_BLOCK)
        indices = self._flow_indices(arrivals)
        plans = [Plan(index) for index in indices.tolist()]
        for index, flow in enumerate(self.scenario.flows):
            (places,) = np.nonzero(indices == index)
            if isinstance(flow, Shoot) and len(places):
                videos = self._counts("videos", flow.videos, arrivals[places], MAX_FILES)
                photos = self._counts("photos", flow.photos, arrivals[places], MAX_FILES - videos)
                photos[photos + videos == 0] = 1
                for place, *counts in zip(places.tolist(), photos.tolist(), videos.tolist(), strict=True):
                    plans[place] = Plan(index, *counts)
        return plans

    def _flow_indices(self, arrivals: Integers) -> Integers:
        draws = self._stream("flow").many(arrivals)
        return np.searchsorted(self._weights, draws * self._weights[-1], side="right")

    def _counts(self, stream: str, of: Distribution, arrivals: Integers, most: Integers | int) -> Integers:
        """Return how many files of one kind each of some arrivals brings."""
        counts = np.rint(of.samples(self._stream(stream).many(arrivals)))
        return np.maximum(0, np.minimum(most, counts)).astype(np.int64)

    def _shoot(self, flow: Shoot, plan: Plan, arrival: int, at: float) -> list[File]:
        photos = self._photo_block(plan.flow_index, arrival // ARRIVALS_PER_BLOCK)[arrival]
        if self._corrupt:
            photos = [each._replace(corrupt=self._is_corrupt(arrival, each.sequence, at)) for each in photos]
        numbers = range(plan.photos + 1, plan.photos + plan.videos + 1)
        return photos + [self._video(flow, arrival, n, at) for n in numbers] if numbers else photos

    def _project(self, flow: ProjectDocuments, arrival: int, at: float) -> list[File]:
        documents = self._count("documents", flow.documents, arrival, MAX_FILES)
        renders = self._count("renders", flow.renders, arrival, MAX_FILES - documents)
        if documents + renders == 0:
            documents = 1
        files = [self._document(flow, arrival, n, at) for n in range(1, documents + 1)]
        files += [self._render(flow, arrival, n, at) for n in range(documents + 1, documents + renders + 1)]
        return files

    def _make_photos(self, index: int, block: int) -> dict[int, list[File]]:
        """Return the photos of a block's shoots by arrival: most of all files there are."""
        flow = self.scenario.flows[index]
        assert isinstance(flow, Shoot)  # noqa: S101 - others have no photos
        counts = {
            block * ARRIVALS_PER_BLOCK + place: plan.photos
            for place, plan in enumerate(self._plans(block))
            if plan.flow_index == index
        }
        whose = np.repeat(list(counts), list(counts.values()))
        numbers = np.concatenate([np.arange(1, count + 1) for count in counts.values()])
        photos = iter(self._photos(flow, whose, numbers))
        return {arrival: list(islice(photos, count)) for arrival, count in counts.items()}

    def _photos(self, flow: Shoot, whose: Integers, numbers: Integers) -> list[File]:
        """Return photos, given by their arrivals and their numbers in those: column by column."""
        uprights, megapixels, rotations, kinds, sizes = (
            self._stream(name).many(whose, numbers)
            for name in ("vertical", "megapixels", "rotated", "kind", "bytes")
        )
        pixels = np.maximum(flow.photo_megapixels.samples(megapixels), 0) * 1e6
        shorts = np.maximum(np.rint(np.sqrt(pixels * 3 / 4)), 1)
        longs = np.rint(shorts * 4 / 3)
        are_vertical = uprights < flow.vertical_ratio
        formats = _photo_formats(flow, kinds)
        columns = (
            [f"a{arrival}-{n}" for arrival, n in zip(whose.tolist(), numbers.tolist(), strict=True)],
            numbers.tolist(),
            ["PHOTO_VERTICAL" if each else "PHOTO_HORIZONTAL" for each in are_vertical.tolist()],
            map(_photo_name, numbers.tolist(), formats),
            map(_CONTENT_TYPES.__getitem__, formats),
            np.clip(np.rint(flow.photo_bytes.samples(sizes)), 1, MAX_FILE_BYTES).astype(int).tolist(),
            np.where(are_vertical, shorts, longs).astype(int).tolist(),
            np.where(are_vertical, longs, shorts).astype(int).tolist(),
            repeat(0.0),
            _orientations(flow, rotations),
            repeat(False),
        )
        return list(map(File._make, zip(*columns, strict=False)))  # two of them never end

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
        return bool(self._corrupt) and any(
            fault.active(at) and self._draw(stream, arrival, n) < fault.rate
            for stream, fault in self._corrupt
        )

    def _is_poisoned(self, arrival: int, at: float) -> bool:
        return any(
            fault.active(at) and self._draw(stream, arrival) < fault.rate for stream, fault in self._poisoned
        )

    def _draw(self, stream: str, arrival: int, n: int = 0) -> float:
        """Return a draw in (0, 1) for one purpose, arrival and file."""
        return self._stream(stream)(arrival, n)

    def _stream(self, name: str) -> Stream:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Stream(self.scenario.seed, self.replication, f"mix/{name}")
        return stream


def _photo_formats(flow: Shoot, draws: Floats) -> list[str]:
    heic, png = flow.heic_ratio, flow.heic_ratio + flow.png_ratio
    return ["heic" if draw < heic else "png" if draw < png else "jpeg" for draw in draws.tolist()]


@cache
def _photo_name(n: int, format: str) -> str:  # noqa: A002 - the word for it
    return f"photo-{n:02d}.{'jpg' if format == 'jpeg' else format}"


def _orientations(flow: Shoot, draws: Floats) -> list[int]:
    """Return what EXIF says of how photos are stored: upright, or one of the other seven ways."""
    ratio = flow.rotated_ratio
    # The draw that decides whether also decides which of the seven, each equally likely.
    return [2 + int(7 * draw / ratio) if draw < ratio else 1 for draw in draws.tolist()]


def _within_limits(files: Sequence[File]) -> tuple[File, ...]:
    """Return the files that fit into one batch: the first always does."""
    if sum([file.bytes for file in files]) <= MAX_BATCH_BYTES:
        return tuple(files)
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
