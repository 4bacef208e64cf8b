"""
The plan of one run: the scenario, the identities, and the listing of each arrival.

A plan is a pure function of scenario and identities, so every worker with the same plan knows every arrival
and plays its share. Times are clock seconds: the scenario's model times divided by its ``time_scale``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from harness.lab.workload.arrivals.schedule import Schedule, live_schedule
from harness.lab.workload.identities import Identities, ListingAccess
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadBatch


@dataclass(frozen=True, slots=True)
class PlannedArrival:
    """
    One arrival to play.

    Attributes:
        at: When it is due [clock s since the run began]; not used in a closed workload.
    """

    index: int
    at: float
    batch: UploadBatch
    listing: ListingAccess


@dataclass(frozen=True)
class RunPlan:
    """A scenario and the identities to play it with."""

    scenario: Scenario
    identities: Identities
    identities_hash: str

    @classmethod
    def read(cls, scenario: Scenario, identities: Path) -> "RunPlan":
        """
        Make a plan from a scenario and a CSV file of identities.

        Raises:
            IdentitiesInvalid: The file cannot be used; later, when `listings` are needed: they are too few.
        """
        found = Identities.read(identities)
        return cls(scenario, found, hashlib.sha256(identities.read_bytes()).hexdigest())

    @property
    def duration(self) -> float:
        """How long arrivals come [clock s]."""
        return self.scenario.duration_s / self.scenario.time_scale

    @property
    def drain(self) -> float:
        """How long to wait after that for what is unfinished [clock s]."""
        return self.scenario.drain_s / self.scenario.time_scale

    @cached_property
    def arrivals(self) -> Schedule:
        return live_schedule(self.scenario)

    @cached_property
    def listings(self) -> Mapping[int, ListingAccess]:
        """The listing of each arrival, by its index."""
        return self.identities.allocate(self.arrivals)

    @property
    def scheduled(self) -> int:
        """Number of arrivals of the run [count]; 0 for a closed workload."""
        return 0 if self.scenario.users else len(self.arrivals)

    def share(self, worker: int, workers: int) -> Iterator[PlannedArrival]:
        """Yield the arrivals of one worker: every *workers*-th."""
        for arrival in self.arrivals.share(worker, workers):
            at = arrival.at / self.scenario.time_scale
            yield PlannedArrival(arrival.index, at, arrival.batch, self.listings[arrival.index])

    def handshake(self) -> dict[str, str]:
        """Return what must be equal for all workers of a run."""
        return {
            "version": version("media-harness"),
            "scenario": self.scenario.hash,
            "schedule": hashlib.sha256(self.arrivals.at.tobytes()).hexdigest(),
            "identities": self.identities_hash,
        }


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Return the differences of two handshakes as text; empty if there are none."""
    differing = [name for name in ours if ours[name] != theirs.get(name, "")]
    found = [f"{name} {theirs.get(name, 'none')[:12]} instead of {ours[name][:12]}" for name in differing]
    if refusal := theirs.get("refusal"):
        found.append(refusal)
    return ", ".join(found)
