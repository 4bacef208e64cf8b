"""
How long each state of the pipeline works, as a scenario models it. Model seconds.

The modelled handlers and the simulator both call `ServiceTimes`, so a live and a simulated run of
one scenario have the same service times, draw for draw.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from harness.lab.workload.distributions import Constant, Distribution, Lognormal, Uniform
from harness.lab.workload.draws import Stream
from harness.lab.workload.quantities import Duration
from harness.lab.workload.upload_batch import UploadFile

ARRIVALS_PER_BLOCK = 512

_NOTHING = Constant(value=0)


class ServiceModel(BaseModel):
    """
    The service time of one state: a fixed part, and parts in proportion to its files.

    Each part is drawn once per attempt, then multiplied by how much there is of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    fixed_s: Duration = Field(_NOTHING, description="Whatever the files.")
    per_file_s: Duration = Field(_NOTHING, description="Per file.")
    per_megapixel_s: Duration = Field(_NOTHING, description="Per 10^6 pixels of pictures.")
    per_megabyte_s: Duration = Field(_NOTHING, description="Per 10^6 bytes.")
    per_second_of_video_s: Duration = Field(_NOTHING, description="Per second of video.")

    @cached_property
    def parts(self) -> Mapping[str, Distribution]:
        """The parts that take any time, by name."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: part for name, part in named.items() if part != _NOTHING}


DEFAULT_MODEL: Mapping[str, ServiceModel] = {
    # A HEAD and a read of each file at some 60 MB/s.
    "validate": ServiceModel(
        fixed_s=Lognormal(median=0.05, sigma=0.3),
        per_file_s=Lognormal(median=0.03, sigma=0.4),
        per_megabyte_s=Constant(value=0.016),
    ),
    # Pillow 12: 12 megapixels decoded, scaled to four sizes and encoded in 0.41 s on one core.
    "thumbnails": ServiceModel(
        fixed_s=Lognormal(median=0.05, sigma=0.3),
        per_megapixel_s=Lognormal(median=0.034, sigma=0.3),
    ),
    # AWS publishes no speed: one 1080p output at 1 to 5 times real time, and some seconds to start.
    "transcode": ServiceModel(
        fixed_s=Lognormal(median=3.5, sigma=0.8, max=60),
        per_second_of_video_s=Uniform(low=0.2, high=0.8),
    ),
    # Stored, not deflated: bound by reading and writing the bucket at some 40 MB/s.
    "zip": ServiceModel(
        fixed_s=Lognormal(median=0.1, sigma=0.3),
        per_megabyte_s=Lognormal(median=0.025, sigma=0.3),
    ),
    "callback": ServiceModel(fixed_s=Lognormal(median=0.05, sigma=0.5)),
}


class ServiceTimes:
    """
    Draws service times for the batches of one run.

    Args:
        model: Service models by the name of what works: validate, thumbnails, transcode, zip,
            callback, or the name of any other state.
    """

    def __init__(self, model: Mapping[str, ServiceModel], seed: int, replication: int = 0) -> None:
        self._parts = {
            name: [
                (_AMOUNTS[part], _Part(distribution, Stream(seed, replication, f"service/{name}/{part}")))
                for part, distribution in service.parts.items()
            ]
            for name, service in model.items()
        }

    def seconds(
        self, name: str, files: Iterable[UploadFile], arrival: int, item: int = 0, attempt: int = 1
    ) -> float:
        """
        Return how long one attempt works on *files* [model s].

        Args:
            name: What works; see the class.
            files: The files this state touches, e.g. one video for one item of a Map.
            item: Index in a Map, else 0.
            attempt: From 1.

        Raises:
            ValueError: The scenario has no model of that name.
        """
        if name not in self._parts:
            raise ValueError(f"no service model {name!r}; the scenario has {', '.join(sorted(self._parts))}")
        files = tuple(files)
        seconds = 0.0
        for amount, part in self._parts[name]:
            seconds += part.value(arrival, item, attempt) * amount(files)
        return seconds


class _Part:
    """
    One part of one service time: a draw for each attempt, and the distribution it is of.

    Nearly every attempt is a batch's first, and of its first item: those are drawn a block at a time.
    """

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


_AMOUNTS: Mapping[str, Callable[[tuple[UploadFile, ...]], float]] = {
    "fixed_s": lambda _: 1,
    "per_file_s": len,
    "per_megapixel_s": lambda files: sum([file.pixels for file in files]) / 1e6,
    "per_megabyte_s": lambda files: sum([file.bytes for file in files]) / 1e6,
    "per_second_of_video_s": lambda files: sum([file.seconds for file in files]),
}
