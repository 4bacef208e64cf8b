"""
Modelled service times of the pipeline's states. Model seconds.

The modelled handlers and the simulator both call `ServiceTimes`, so a live and a simulated run of one
scenario have the same service times, draw for draw.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache

import numpy as np
from pydantic import Field

from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Lognormal, Uniform
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.distributions.quantities import Duration
from harness.lab.workload.draws import Stream
from harness.lab.workload.scenario_section import ScenarioSection
from harness.lab.workload.upload_batch import UploadBatch, UploadFile

ARRIVALS_PER_BLOCK = 512

_NOTHING = Constant(value=0)


class ServiceModel(ScenarioSection):
    """
    The service time of one state: a fixed part, and parts proportional to its files.

    Each part is drawn once per attempt and multiplied by its amount, e.g. the number of files.
    """

    fixed_s: Duration = Field(_NOTHING, description="Fixed part of the service time.")
    per_file_s: Duration = Field(_NOTHING, description="Time per file.")
    per_megapixel_s: Duration = Field(_NOTHING, description="Time per 10^6 pixels of pictures.")
    per_megabyte_s: Duration = Field(_NOTHING, description="Time per 10^6 bytes of files.")
    per_second_of_video_s: Duration = Field(_NOTHING, description="Time per second of video.")

    @cached_property
    def parts(self) -> Mapping[str, Distribution]:
        """The parts that are not zero, by name."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: part for name, part in named.items() if part != _NOTHING}


DEFAULT_MODEL: Mapping[str, ServiceModel] = {
    # A HEAD request and a read of each file at about 60 MB/s.
    "validate": ServiceModel(
        fixed_s=Lognormal(median=0.05, sigma=0.3),
        per_file_s=Lognormal(median=0.03, sigma=0.4),
        per_megabyte_s=Constant(value=0.016),
    ),
    # Pillow 12 decodes 12 megapixels, scales them to four sizes and encodes them in 0.41 s on one core.
    "thumbnails": ServiceModel(
        fixed_s=Lognormal(median=0.05, sigma=0.3), per_megapixel_s=Lognormal(median=0.034, sigma=0.3)
    ),
    # AWS publishes no speed. Assumed: one 1080p output at 1 to 5 times real time, after some seconds.
    "transcode": ServiceModel(
        fixed_s=Lognormal(median=3.5, sigma=0.8, max=60), per_second_of_video_s=Uniform(low=0.2, high=0.8)
    ),
    # Stored without compression: limited by reading and writing the bucket at about 40 MB/s.
    "zip": ServiceModel(
        fixed_s=Lognormal(median=0.1, sigma=0.3), per_megabyte_s=Lognormal(median=0.025, sigma=0.3)
    ),
    "callback": ServiceModel(fixed_s=Lognormal(median=0.05, sigma=0.5)),
}


class ServiceTimes:
    """Draws service times for the batches of one run, by service models with the names of the states."""

    def __init__(self, model: Mapping[str, ServiceModel], seed: int, replication: int = 0) -> None:
        self._parts = {
            name: [
                (AMOUNTS[part], _Part(distribution, Stream(seed, replication, f"service/{name}/{part}")))
                for part, distribution in service.parts.items()
            ]
            for name, service in model.items()
        }

    def seconds(
        self, name: str, files: Iterable[UploadFile], arrival: int, item: int = 0, attempt: int = 1
    ) -> float:
        """
        Return the service time of an attempt (from 1) that works on *files* [model s].

        The *item* is the index in a Map, otherwise 0.

        Raises:
            ValueError: The scenario has no model of that name.
        """
        if name not in self._parts:
            raise ValueError(
                f"the scenario has no service model {name!r}; it has {', '.join(sorted(self._parts))}"
            )
        files = tuple(files)
        seconds = 0.0
        for amount, part in self._parts[name]:
            seconds += part.value(arrival, item, attempt) * amount(files)
        return seconds


class _Part:
    """A part of a service time; first attempts of first items, nearly all, are drawn in blocks."""

    def __init__(self, distribution: Distribution, stream: Stream) -> None:
        self._distribution = distribution
        self._stream = stream
        self._block = lru_cache(maxsize=8)(self._draw_block)

    def value(self, arrival: int, item: int, attempt: int) -> float:
        if item == 0 and attempt == 1:
            return self._block(arrival // ARRIVALS_PER_BLOCK)[arrival % ARRIVALS_PER_BLOCK]
        return self._distribution.sample(self._stream(arrival, item, attempt))

    def _draw_block(self, number: int) -> list[float]:
        arrivals = np.arange(ARRIVALS_PER_BLOCK) + number * ARRIVALS_PER_BLOCK
        values: list[float] = self._distribution.samples(self._stream.many(arrivals, 0, 1)).tolist()
        return values


AMOUNTS: Mapping[str, Callable[[tuple[UploadFile, ...]], float]] = {
    "fixed_s": lambda _: 1,
    "per_file_s": len,
    "per_megapixel_s": lambda files: sum([file.pixels for file in files]) / 1e6,
    "per_megabyte_s": lambda files: sum([file.bytes for file in files]) / 1e6,
    "per_second_of_video_s": lambda files: sum([file.seconds for file in files]),
}
"""The amount of work that the parameter of a part belongs to, from the files of an attempt."""


def files_of_step(step: str, batch: UploadBatch) -> Sequence[UploadFile]:
    """Return the files that a function of the pipeline works on in one invocation."""
    if step == "thumbnails":
        return batch.images
    return () if step == "callback" else batch.files


def attempts_of_step(step: str, batch: UploadBatch) -> list[tuple[UploadFile, ...]]:
    """Return the files of each item of a step: one transcoding job for each video, else one invocation."""
    if step == "transcode":
        return [(video,) for video in batch.videos]
    return [tuple(files_of_step(step, batch))]
