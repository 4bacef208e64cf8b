"""One schedule of a rehearsal: clients and faults of a seed, played in virtual time and audited."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.audit.auditor import audit
from harness.audit.ledger import Violation
from harness.service.rehearsal.fault_decisions import (
    FaultDecision,
    FaultDecisions,
    GivenDecisions,
    SeededDecisions,
)
from harness.service.rehearsal.rehearsed_clients import ClientPlan, RehearsedClients
from harness.service.rehearsal.rehearsed_ledger import ledger_of, numbered
from harness.service.rehearsal.rehearsed_process import Surroundings
from harness.service.rehearsal.rehearsed_service import RehearsedService
from harness.service.rehearsal.virtual_time import Runners, VirtualTime
from harness.states_language.host import NS, nanoseconds

LONGEST = 6 * 3600.0
"""How long the service may take to settle after the last fault [s]; the longest time limit in it is 1 h."""
LOOK_EVERY = 60.0
"""Pause between two looks whether the service has settled [s]."""


@dataclass(frozen=True, slots=True)
class PlayedSchedule:
    """
    The outcome of one schedule.

    Attributes:
        decisions: The faults that struck.
        story: What happened: time [s], who, what.
        seconds: The virtual time that passed [s].
        healing_s: The time from the last fault or request until nothing was left to be done [s].
    """

    seed: int
    decisions: tuple[FaultDecision, ...]
    violations: tuple[Violation, ...]
    story: tuple[tuple[float, str, str], ...]
    seconds: float
    healing_s: float
    batches: int

    @property
    def rules(self) -> frozenset[str]:
        """The rules that were broken."""
        return frozenset(violation.rule for violation in self.violations)


def play_schedule(
    seed: int, runners: Runners, decisions: Sequence[FaultDecision] | None = None
) -> PlayedSchedule:
    """Play the schedule of a seed; with the faults of the seed, or with exactly *decisions*."""
    faults = SeededDecisions(seed) if decisions is None else GivenDecisions(decisions)
    time = VirtualTime(runners)
    around = Surroundings(time, faults)
    plan = ClientPlan.of(seed)
    service = RehearsedService(around, plan.slowness)
    clients = RehearsedClients(service, plan)
    try:
        _run(time, faults, service, clients)
    finally:
        time.close()
    found = [*audit(ledger_of(service, clients, faults.taken)).violations]
    found += [Violation("defect", name, repr(error)) for name, error in time.defects]
    numbers = service.observer.numbers
    return PlayedSchedule(
        seed=seed,
        decisions=tuple(faults.taken),
        violations=tuple(
            Violation(one.rule, numbered(one.subject, numbers), numbered(one.text, numbers)) for one in found
        ),
        story=tuple((at / NS, who, numbered(what, numbers)) for at, who, what in around.happened),
        seconds=time.seconds,
        healing_s=(time.now - around.disturbed_at) / NS,
        batches=len(numbers),
    )


def _run(
    time: VirtualTime, faults: FaultDecisions, service: RehearsedService, clients: RehearsedClients
) -> None:
    def heal() -> None:
        faults.heal()
        service.around.outages.clear()
        service.around.tell("no fault strikes from now on")

    settled = False

    def look() -> None:
        nonlocal settled
        settled = not clients.active and service.is_settled()
        if not settled:
            time.call_in(nanoseconds(LOOK_EVERY), look)

    clients.start()
    service.start()
    heals_at = clients.plan.heals_at
    time.call_in(nanoseconds(heals_at), heal)
    time.call_in(nanoseconds(LOOK_EVERY), look)
    time.run(nanoseconds(heals_at + LONGEST), lambda: settled)


@contextmanager
def quiet_service() -> Iterator[None]:
    """Turn the log of the service off in the block: its errors are expected, and the story tells them."""
    logger = logging.getLogger("harness.service")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
