"""
What arrival *i* does and brings: a pure function of the scenario, the seed, the replication and *i*.

A batch keeps the service's limits whatever the distributions say: 1 to 60 files, at most 256 MiB
each and 1 GiB together; a batch without files gets one.
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import accumulate, islice, repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.lab.workload.client_flows import (
    MAX_FILE_BYTES,
    MAX_FILES,
    ForbiddenFlow,
    ProjectDocuments,
    Shoot,
)
from harness.lab.workload.distributions import Distribution
from harness.lab.workload.draws import Stream
from harness.lab.workload.faults import CorruptFile, PoisonedMessage
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import MAX_BATCH_BYTES, UploadBatch, UploadFile

ARRIVALS_PER_BLOCK = 256
"""Planned at once: ten times as fast as one by one, and nobody who waits for one notices."""

BLOCKS_KEPT = 16
"""For those who come back."""

BRINGS_FILES = (Shoot, ProjectDocuments)

_CONTENT_TYPES = {each: f"image/{each}" for each in ("heic", "jpeg", "png")}

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class ArrivalPlan(NamedTuple):
    """
    What an arrival does, by its place in the scenario's ``flows``, and how much it brings.

    Attributes:
        counts: Photos and videos of a shoot, documents and renders of a project.
    """

    flow_index: int
    counts: tuple[int, int] = (0, 0)


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
        self._plans = lru_cache(maxsize=BLOCKS_KEPT)(self._plan_block)
        self._files = lru_cache(maxsize=BLOCKS_KEPT * len(scenario.flows))(self._make_files)
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

    def batch(self, arrival: int, at: float = 0.0) -> UploadBatch:
        """
        Return what an arrival does and brings.

        Args:
            arrival: Its number, from 0.
            at: When it is due [model s]; matters only to faults that have a time window.
        """
        block, place = divmod(arrival, ARRIVALS_PER_BLOCK)
        plan = self._plans(block)[place]
        flow = self.scenario.flows[plan.flow_index]
        files: Sequence[UploadFile] = ()
        attempt = None
        if isinstance(flow, BRINGS_FILES):
            files = self._files(plan.flow_index, block)[arrival]
            if self._corrupt:
                files = [
                    each._replace(corrupt=self._is_corrupt(arrival, each.sequence, at)) for each in files
                ]
        if isinstance(flow, ForbiddenFlow):
            attempt = flow.attempts[int(self._draw("attempt", arrival) * len(flow.attempts))]
        poisoned = bool(self._poisoned) and self._is_poisoned(arrival, at)
        return UploadBatch(arrival, flow.name, plan.flow_index, _within_limits(files), attempt, poisoned)

    def flows(self, arrivals: int) -> list[str]:
        """Return the names of the flows of the first so many arrivals."""
        return [self.scenario.flows[index].name for index in self._flow_indices(np.arange(arrivals))]

    def fetches(self, arrival: int, of: Distribution) -> int:
        """Return how many downloads a viewer fetches."""
        return round(of.sample(self._draw("fetches", arrival)))

    def think_time(self, arrival: int, step: int) -> float:
        """Return the pause before the given step of an arrival's flow [model s]."""
        return max(0.0, self.scenario.behaviour.think_time_s.sample(self._draw("think_time", arrival, step)))

    def _plan_block(self, block: int) -> list[ArrivalPlan]:
        """Return what each arrival of a block does, and how much it brings."""
        arrivals = np.arange(block * ARRIVALS_PER_BLOCK, (block + 1) * ARRIVALS_PER_BLOCK)
        indices = self._flow_indices(arrivals)
        plans = [ArrivalPlan(index) for index in indices.tolist()]
        for index, flow in enumerate(self.scenario.flows):
            (places,) = np.nonzero(indices == index)
            if isinstance(flow, BRINGS_FILES) and len(places):
                counts = self._shoot if isinstance(flow, Shoot) else self._project
                both = zip(*(each.tolist() for each in counts(flow, arrivals[places])), strict=True)
                for place, pair in zip(places.tolist(), both, strict=True):
                    plans[place] = ArrivalPlan(index, pair)
        return plans

    def _shoot(self, flow: Any, arrivals: Integers) -> tuple[Integers, Integers]:
        """Return how many photos and videos each of some shoots brings."""
        videos = self._counts("videos", flow.videos, arrivals, MAX_FILES)
        photos = self._counts("photos", flow.photos, arrivals, MAX_FILES - videos)
        photos[photos + videos == 0] = 1
        return photos, videos

    def _project(self, flow: Any, arrivals: Integers) -> tuple[Integers, Integers]:
        """Return how many documents and renders each of some projects brings."""
        documents = self._counts("documents", flow.documents, arrivals, MAX_FILES)
        renders = self._counts("renders", flow.renders, arrivals, MAX_FILES - documents)
        documents[documents + renders == 0] = 1
        return documents, renders

    def _flow_indices(self, arrivals: Integers) -> Integers:
        draws = self._stream("flow").many(arrivals)
        return np.searchsorted(self._weights, draws * self._weights[-1], side="right")

    def _counts(self, stream: str, of: Distribution, arrivals: Integers, most: Integers | int) -> Integers:
        """Return how many files of one kind each of some arrivals brings."""
        counts = np.rint(of.samples(self._stream(stream).many(arrivals)))
        return np.maximum(0, np.minimum(most, counts)).astype(np.int64)

    def _make_files(self, index: int, block: int) -> dict[int, list[UploadFile]]:
        """Return the files of those arrivals of a block that have one flow, by arrival."""
        flow: Any = self.scenario.flows[index]
        counts = {
            block * ARRIVALS_PER_BLOCK + place: plan.counts
            for place, plan in enumerate(self._plans(block))
            if plan.flow_index == index
        }
        ones, others = (
            (self._photos, self._videos) if isinstance(flow, Shoot) else (self._documents, self._renders)
        )
        arrivals = list(counts)
        firsts = [first for first, _ in counts.values()]
        seconds = [second for _, second in counts.values()]
        numbers = [np.arange(1, first + 1) for first in firsts]
        further = [np.arange(1, second + 1) + first for first, second in counts.values()]
        made = iter(ones(flow, np.repeat(arrivals, firsts), np.concatenate(numbers)))
        more = iter(others(flow, np.repeat(arrivals, seconds), np.concatenate(further)))
        return {
            arrival: [*islice(made, first), *islice(more, second)]
            for arrival, (first, second) in counts.items()
        }

    def _photos(self, flow: Shoot, whose: Integers, numbers: Integers) -> list[UploadFile]:
        """Return photos, given by their arrivals and their numbers in those: column by column."""
        uprights, megapixels, rotations, kinds, sizes = (
            self._stream(name).many(whose, numbers)
            for name in ("vertical", "megapixels", "rotated", "kind", "bytes")
        )
        longs, shorts = _sides(flow.photo_megapixels.samples(megapixels))
        are_vertical = uprights < flow.vertical_ratio
        formats = _photo_formats(flow, kinds)
        return _files(
            _client_ids(whose, numbers),
            numbers.tolist(),
            ["PHOTO_VERTICAL" if each else "PHOTO_HORIZONTAL" for each in are_vertical.tolist()],
            map(_photo_name, numbers.tolist(), formats),
            map(_CONTENT_TYPES.__getitem__, formats),
            _file_sizes(flow.photo_bytes.samples(sizes)),
            np.where(are_vertical, shorts, longs).tolist(),
            np.where(are_vertical, longs, shorts).tolist(),
            repeat(0.0),
            _orientations(flow, rotations),
        )

    def _videos(self, flow: Shoot, whose: Integers, numbers: Integers) -> list[UploadFile]:
        uprights, lengths, rates = (
            self._stream(name).many(whose, numbers) for name in ("vertical", "seconds", "bytes")
        )
        seconds = np.maximum(flow.video_seconds.samples(lengths), 0.1)
        are_vertical = (uprights < flow.vertical_ratio).tolist()
        # Even sides: the encoders take no others.
        short, long = _even(flow.video_height), _even(flow.video_height * 16 / 9)
        return _files(
            _client_ids(whose, numbers),
            numbers.tolist(),
            ["VIDEO_VERTICAL" if each else "VIDEO_HORIZONTAL" for each in are_vertical],
            [f"video-{n:02d}.mp4" for n in numbers.tolist()],
            repeat("video/mp4"),
            _file_sizes(flow.video_bytes_per_s.samples(rates) * seconds),
            [short if each else long for each in are_vertical],
            [long if each else short for each in are_vertical],
            seconds.tolist(),
        )

    def _documents(self, flow: ProjectDocuments, whose: Integers, numbers: Integers) -> list[UploadFile]:
        sizes = self._stream("bytes").many(whose, numbers)
        return _files(
            _client_ids(whose, numbers),
            numbers.tolist(),
            repeat("PROJECT_DOC"),
            [f"document-{n:02d}.pdf" for n in numbers.tolist()],
            repeat("application/pdf"),
            _file_sizes(flow.document_bytes.samples(sizes)),
        )

    def _renders(self, flow: ProjectDocuments, whose: Integers, numbers: Integers) -> list[UploadFile]:
        megapixels, sizes = (self._stream(name).many(whose, numbers) for name in ("megapixels", "bytes"))
        longs, shorts = _sides(flow.render_megapixels.samples(megapixels))
        return _files(
            _client_ids(whose, numbers),
            numbers.tolist(),
            repeat("PROJECT_RENDER"),
            [f"render-{n:02d}.jpg" for n in numbers.tolist()],
            repeat("image/jpeg"),
            _file_sizes(flow.render_bytes.samples(sizes)),
            longs.tolist(),
            shorts.tolist(),
        )

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


def _within_limits(files: Sequence[UploadFile]) -> tuple[UploadFile, ...]:
    """Return the files that fit into one batch: the first always does."""
    if sum([file.bytes for file in files]) <= MAX_BATCH_BYTES:
        return tuple(files)
    kept: list[UploadFile] = []
    left = MAX_BATCH_BYTES
    for file in files:
        if file.bytes <= left:
            kept.append(file)
            left -= file.bytes
    return tuple(kept)


def _files(*columns: Iterable[Any]) -> list[UploadFile]:
    """Return files given by the columns of `UploadFile` as far as they differ; the first has a length."""
    missing = [repeat(default) for default in list(UploadFile._field_defaults.values())[len(columns) - 6 :]]
    return list(map(UploadFile._make, zip(*columns, *missing, strict=False)))  # some never end


def _client_ids(whose: Integers, numbers: Integers) -> list[str]:
    return [f"a{arrival}-{n}" for arrival, n in zip(whose.tolist(), numbers.tolist(), strict=True)]


def _file_sizes(sizes: Floats) -> list[int]:
    whole: list[int] = np.clip(np.rint(sizes), 1, MAX_FILE_BYTES).astype(np.int64).tolist()
    return whole


def _sides(megapixels: Floats) -> tuple[Integers, Integers]:
    """Return the long and the short sides of 4:3 pictures [pixels]."""
    shorts = np.maximum(np.rint(np.sqrt(np.maximum(megapixels, 0) * 1e6 * 3 / 4)), 1)
    return np.rint(shorts * 4 / 3).astype(np.int64), shorts.astype(np.int64)


def _even(side: float) -> int:
    return max(2, 2 * round(side / 2))
