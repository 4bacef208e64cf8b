"""
The batch of arrival *i*: a pure function of the scenario, the seed, the replication and *i*.

A batch keeps the limits of the service whatever the distributions are: 1 to 60 files, at most 256 MiB each
and 1 GiB together. A batch without files gets one file.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from typing import NamedTuple, TypeVar

import numpy as np

from harness.lab.workload.client_flows import MAX_FILES, ForbiddenFlow, ProjectDocumentsFlow, ShootFlow
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.draws import Integers, Stream
from harness.lab.workload.faults.fault_window import RandomFault
from harness.lab.workload.faults.message_faults import DuplicateMessage, PoisonedMessage
from harness.lab.workload.faults.upload_faults import CorruptFile, ExpiredUploadUrl, FileFault
from harness.lab.workload.planned_files import PlannedFiles
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import MAX_BATCH_BYTES, FileDamage, UploadBatch, UploadFile

Kind = TypeVar("Kind", bound=RandomFault)

ARRIVALS_PER_BLOCK = 256
"""Arrivals that are drawn together: ten times as fast as one by one, and without a noticeable delay."""

CACHED_BLOCKS = 16
"""Blocks that are kept, because arrivals overlap."""


class ArrivalPlan(NamedTuple):
    """The flow of an arrival, and its photos and videos, or its documents and renders [count]."""

    flow_index: int
    counts: tuple[int, int] = (0, 0)


class Mix:
    """The batches of all arrivals of one run; a live run is equal to the first simulated replication, 0."""

    def __init__(self, scenario: Scenario, replication: int = 0) -> None:
        self.scenario = scenario
        self.replication = replication
        self._weights = list(accumulate(flow.weight for flow in scenario.flows))
        self._stream = cache(lambda name: Stream(scenario.seed, replication, f"mix/{name}"))
        self._planned_files = PlannedFiles(self._stream)
        self._plans = lru_cache(maxsize=CACHED_BLOCKS)(self._plan_block)
        self._files = lru_cache(maxsize=CACHED_BLOCKS * len(scenario.flows))(self._make_files)
        self._damaging = self._faults(FileFault, "damaged")
        self._poisoned = self._faults(PoisonedMessage, "poisoned")
        self._doubled = self._faults(DuplicateMessage, "doubled")
        self._late = self._faults(ExpiredUploadUrl, "late")

    def batch(self, arrival: int, at: float = 0.0) -> UploadBatch:
        """Return the batch of an arrival that is due *at* [model s]; faults with a time window need it."""
        block, place = divmod(arrival, ARRIVALS_PER_BLOCK)
        plan = self._plans(block)[place]
        flow = self.scenario.flows[plan.flow_index]
        files: Sequence[UploadFile] = ()
        attempt = None
        if isinstance(flow, ShootFlow | ProjectDocumentsFlow):
            files = self._files(plan.flow_index, block)[arrival]
            if self._damaging:
                files = [each._replace(damage=self._damage(each, at, arrival)) for each in files]
        if isinstance(flow, ForbiddenFlow):
            attempt = flow.attempts[int(self._stream("attempt")(arrival) * len(flow.attempts))]
        struck = [
            bool(faults) and self._strikes(faults, at, arrival)
            for faults in (self._poisoned, self._doubled, self._late)
        ]
        return UploadBatch(arrival, flow.name, plan.flow_index, _within_limits(files), attempt, *struck)

    def flows(self, arrivals: int) -> list[str]:
        """Return the names of the flows of the first *arrivals* arrivals."""
        return [self.scenario.flows[index].name for index in self._flow_indices(np.arange(arrivals))]

    def fetches(self, arrival: int, of: Distribution) -> int:
        """Return the number of downloads that a viewer fetches."""
        return round(of.sample(self._stream("fetches")(arrival)))

    def think_time(self, arrival: int, step: int) -> float:
        """Return the pause before the given step of an arrival's flow [model s]."""
        draw = self._stream("think_time")(arrival, step)
        return max(0.0, self.scenario.behaviour.think_time_s.sample(draw))

    def _plan_block(self, block: int) -> list[ArrivalPlan]:
        arrivals = np.arange(block * ARRIVALS_PER_BLOCK, (block + 1) * ARRIVALS_PER_BLOCK)
        indices = self._flow_indices(arrivals)
        plans = [ArrivalPlan(index) for index in indices.tolist()]
        for index, flow in enumerate(self.scenario.flows):
            (places,) = np.nonzero(indices == index)
            if isinstance(flow, ShootFlow | ProjectDocumentsFlow) and len(places):
                counts = self._file_counts(flow, arrivals[places])
                for place, pair in zip(places.tolist(), counts, strict=True):
                    plans[place] = ArrivalPlan(index, pair)
        return plans

    def _file_counts(
        self, flow: ShootFlow | ProjectDocumentsFlow, arrivals: Integers
    ) -> Iterator[tuple[int, int]]:
        if isinstance(flow, ShootFlow):
            others = self._counts("videos", flow.videos, arrivals, MAX_FILES)
            ones = self._counts("photos", flow.photos, arrivals, MAX_FILES - others)
        else:
            ones = self._counts("documents", flow.documents, arrivals, MAX_FILES)
            others = self._counts("renders", flow.renders, arrivals, MAX_FILES - ones)
        ones[ones + others == 0] = 1
        return zip(ones.tolist(), others.tolist(), strict=True)

    def _flow_indices(self, arrivals: Integers) -> Integers:
        draws = self._stream("flow").many(arrivals)
        return np.searchsorted(self._weights, draws * self._weights[-1], side="right")

    def _counts(self, stream: str, of: Distribution, arrivals: Integers, most: Integers | int) -> Integers:
        counts = np.rint(of.samples(self._stream(stream).many(arrivals)))
        return np.maximum(0, np.minimum(most, counts)).astype(np.int64)

    def _make_files(self, index: int, block: int) -> dict[int, list[UploadFile]]:
        """Return the files of those arrivals of a block that have one flow, by arrival."""
        counts = {
            arrival: plan.counts
            for arrival, plan in enumerate(self._plans(block), start=block * ARRIVALS_PER_BLOCK)
            if plan.flow_index == index
        }
        return self._planned_files.of(self.scenario.flows[index], counts)

    def _faults(self, kind: type[Kind], stream: str) -> list[tuple[str, Kind]]:
        """Return the faults of a kind, each with the name of its stream."""
        # The stream of corrupt files is older than the other kinds of damage: its draws stay the same.
        return [
            (f"corrupt/{n}" if isinstance(each, CorruptFile) else f"{stream}/{n}", each)
            for n, each in enumerate(self.scenario.faults)
            if isinstance(each, kind)
        ]

    def _damage(self, file: UploadFile, at: float, arrival: int) -> FileDamage | None:
        """Return how the first fault that strikes a file damages it."""
        for each in self._damaging:
            concerned = file.is_image or not each[1].images_only
            if concerned and self._strikes([each], at, arrival, file.sequence):
                return each[1].damage
        return None

    def _strikes(
        self, faults: Sequence[tuple[str, RandomFault]], at: float, arrival: int, n: int = 0
    ) -> bool:
        """Return whether one of *faults* occurs at file *n* of an arrival."""
        return any(
            fault.active(at) and self._stream(stream)(arrival, n) < fault.rate for stream, fault in faults
        )


def _within_limits(files: Sequence[UploadFile]) -> tuple[UploadFile, ...]:
    """Return the files that fit into one batch; the first one always fits."""
    if sum([file.bytes for file in files]) <= MAX_BATCH_BYTES:
        return tuple(files)
    kept: list[UploadFile] = []
    left = MAX_BATCH_BYTES
    for file in files:
        if file.bytes <= left:
            kept.append(file)
            left -= file.bytes
    return tuple(kept)
