"""
What the workers of one run are told to play: the scenario, the identities, and who gets which.

A plan is a pure function of the two, so every worker that holds it knows every arrival; each plays its
share. Clock seconds: the scenario's model times divided by its ``time_scale``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from harness.lab.workload.arrivals.schedule import Schedule, live_schedule
from harness.lab.workload.identities import Identities, ListingAccess
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadBatch


@dataclass(frozen=True, slots=True)
class PlannedArrival:
    """
    One arrival as it is played.

    Attributes:
        at: When it is due [clock s since the run began]; a closed scenario's users ignore it.
    """

    index: int
    at: float
    batch: UploadBatch
    listing: ListingAccess


@dataclass(frozen=True)
class RunPlan:
    """
    A scenario and the people to play it.

    Raises:
        IdentitiesInvalid: From everything that needs the listings: there are too few.
    """

    scenario: Scenario
    identities: Identities
    identities_hash: str

    @classmethod
    def read(cls, scenario: Scenario, identities: Path) -> "RunPlan":
        """
        Make a plan from a scenario and a CSV file of identities.

        Raises:
            IdentitiesInvalid: The file cannot be used.
        """
        found = Identities.read(identities)
        return cls(scenario, found, hashlib.sha256(identities.read_bytes()).hexdigest())

    @property
    def duration(self) -> float:
        """How long new arrivals keep coming [clock s]."""
        return self.scenario.duration_s / self.scenario.time_scale

    @property
    def drain(self) -> float:
        """How long to wait for what is unfinished after that [clock s]."""
        return self.scenario.drain_s / self.scenario.time_scale

    @property
    def mix(self) -> Mix:
        return self.arrivals.mix

    @cached_property
    def arrivals(self) -> Schedule:
        """All arrivals, in order."""
        return live_schedule(self.scenario)

    @cached_property
    def listings(self) -> Mapping[int, ListingAccess]:
        """The listing of each arrival."""
        return self.identities.allocate(self.arrivals)

    @property
    def scheduled(self) -> int:
        """How many arrivals there will be; 0 when users set the pace."""
        return 0 if self.scenario.users else len(self.arrivals)

    def share(self, worker: int, workers: int) -> Iterator[PlannedArrival]:
        """Yield the arrivals of one of several workers: every *workers*-th."""
        for arrival in self.arrivals.share(worker, workers):
            at = arrival.at / self.scenario.time_scale
            yield PlannedArrival(arrival.index, at, arrival.batch, self.listings[arrival.index])

    def handshake(self) -> dict[str, str]:
        """Return what everybody who plays the plan must agree on."""
        return {
            "version": version("harness"),
            "scenario": self.scenario.hash,
            "schedule": hashlib.sha256(self.arrivals.at.tobytes()).hexdigest(),
            "identities": self.identities_hash,
        }


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Say in what two handshakes differ; empty when they do not."""
    differing = [name for name in ours if ours[name] != theirs.get(name, "")]
    told = [f"{name} {theirs.get(name, 'none')[:12]} instead of {ours[name][:12]}" for name in differing]
    if refusal := theirs.get("refusal"):
        told.append(refusal)
    return ", ".join(told)
