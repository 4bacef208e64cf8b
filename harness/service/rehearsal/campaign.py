"""Many schedules, one after the other, and the failing ones in their shortest form."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from harness.service.rehearsal.fault_decisions import Strike
from harness.service.rehearsal.played_schedule import PlayedSchedule, play_schedule, quiet_service
from harness.service.rehearsal.shrinking import shrunk
from harness.service.rehearsal.virtual_time import Runners

FAILING_MAX = 5
"""A campaign ends after this number of failing schedules: more of them tell little more."""


@dataclass(slots=True)
class Campaign:
    """
    The outcome of many schedules.

    Attributes:
        strikes: How often each kind of fault has struck.
        virtual_seconds: The time that passed in all schedules.
        healing_s: The longest time from the last fault or request of a schedule until nothing was left to be
            done [s].
        cpu_seconds, wall_seconds: What they took on this machine.
        failing: The schedules that broke a rule, shrunk.
    """

    first_seed: int
    schedules: int = 0
    batches: int = 0
    strikes: Counter[Strike] = field(default_factory=Counter)
    virtual_seconds: float = 0.0
    healing_s: float = 0.0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    failing: list[PlayedSchedule] = field(default_factory=list)

    def add(self, played: PlayedSchedule) -> None:
        self.schedules += 1
        self.batches += played.batches
        self.virtual_seconds += played.seconds
        self.healing_s = max(self.healing_s, played.healing_s)
        self.strikes.update(decision.strike for decision in played.decisions)


def rehearse(
    schedules: int,
    *,
    first_seed: int = 0,
    failing_max: int = FAILING_MAX,
    progress: Callable[[Campaign], None] = lambda _: None,
) -> Campaign:
    """Play the schedules of *schedules* seeds, until *failing_max* of them have failed."""
    campaign = Campaign(first_seed)
    wall, cpu = time.perf_counter(), time.process_time()
    with quiet_service(), closing(Runners()) as runners:
        for seed in range(first_seed, first_seed + schedules):
            played = play_schedule(seed, runners)
            campaign.add(played)
            if played.violations:
                campaign.failing.append(shrunk(played, runners))
                if len(campaign.failing) >= failing_max:
                    break
            progress(campaign)
    campaign.wall_seconds, campaign.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return campaign
