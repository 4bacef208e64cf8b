"""A process of the service in virtual time: it makes calls, crashes and restarts."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from harness.service.core.errors import Unavailable
from harness.service.rehearsal.fault_decisions import FaultDecision, FaultDecisions, Strike
from harness.service.rehearsal.virtual_time import Killed, VirtualTime
from harness.states_language.host import nanoseconds

T = TypeVar("T")

READ = (Strike.DELAY, Strike.UNAVAILABLE, Strike.CRASH_BEFORE, Strike.OUTAGE, Strike.SKEW)
WRITE = (*READ, Strike.LOST_ANSWER, Strike.CRASH_AFTER)
"""The strikes that are possible at a call that changes something."""


class ProcessDown(Exception):
    """The process is down, or crashed during the request."""


@dataclass(slots=True)
class Surroundings:
    """
    What all processes share.

    Attributes:
        happened: What happened, for the story: time [ns], who, what.
        outages: Until when each dependency fails every call [ns].
        breaks: How often each dependency has failed; a transaction does not survive that.
        disturbed_at: When the last fault struck or the last client asked for something [ns].
    """

    time: VirtualTime
    decisions: FaultDecisions
    happened: list[tuple[int, str, str]] = field(default_factory=list)
    outages: dict[str, int] = field(default_factory=dict)
    breaks: dict[str, int] = field(default_factory=dict)
    disturbed_at: int = 0

    @property
    def actor(self) -> str:
        """The name of the task that runs now."""
        return self.time.current.name if self.time.current else "the clock"

    def tell(self, what: str, who: str | None = None) -> None:
        """Add a line to the story."""
        self.happened.append((self.time.now, who or self.actor, what))

    def decide(self, call: str, strikes: Sequence[Strike]) -> FaultDecision | None:
        """Return the fault that strikes at a call of the current task, if there is one."""
        decision = self.decisions.at(self.actor, call, strikes)
        if decision is not None:
            self.disturbed_at = self.time.now
            length = f" of {decision.seconds:g} s" if decision.seconds else ""
            self.tell(f"FAULT {decision.strike}{length} at {call}")
        return decision


@dataclass(eq=False, slots=True)
class RehearsedProcess:
    """
    One process.

    Attributes:
        skew: How far its own clock is ahead [s].
        on_restart: Called when it starts again after a crash.
        restarts: False for an invocation of a function: another one takes its place.
    """

    name: str
    around: Surroundings
    on_restart: Callable[[], None] = lambda: None
    restarts: bool = True
    is_up: bool = True
    skew: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a part of the current task in this process; raise `ProcessDown` if it is down or crashes."""
        if not self.is_up:
            raise ProcessDown(f"{self.name} does not run")
        task = self.around.time.current
        assert task is not None  # noqa: S101 - only tasks make calls
        task.processes.append(self)
        try:
            yield
        except Killed as killed:
            if killed.process is not self:
                raise
            raise ProcessDown(f"{self.name} crashed") from None
        finally:
            task.processes.remove(self)

    def crash(self, restart_after: float) -> None:
        """Kill the process with all its tasks but the current one, and start it again."""
        self.is_up = False
        self.around.tell(f"{self.name} is killed")
        time = self.around.time
        for task in time.tasks:
            if self in task.processes and task is not time.current:
                time.interrupt(task, Killed(self))
        if self.restarts:
            time.call_in(nanoseconds(restart_after), self._restart)

    def call(self, dependency: str, call: str, action: Callable[[], T], strikes: Sequence[Strike]) -> T:
        """Make a call to a dependency, at which one of *strikes* is possible."""
        decision = self.before(dependency, call, strikes)
        result = action()
        if decision is not None:
            self.after(decision)
        return result

    def before(self, dependency: str, call: str, strikes: Sequence[Strike]) -> FaultDecision | None:
        """Apply what strikes before the effect of a call; return what remains to be applied after it."""
        around = self.around
        decision = around.decide(call, strikes)
        if decision is not None:
            self._apply(decision, dependency)
        if around.outages and around.outages.get(dependency, 0) > around.time.now:
            raise Unavailable(f"The {dependency} does not answer.")
        return decision

    def after(self, decision: FaultDecision) -> None:
        """Apply what strikes after the effect of a call."""
        if decision.strike is Strike.LOST_ANSWER:
            raise Unavailable(f"No answer to {decision.call}.")
        if decision.strike is Strike.CRASH_AFTER:
            self.crash(decision.seconds)
            raise Killed(self)

    def _apply(self, decision: FaultDecision, dependency: str) -> None:
        around = self.around
        match decision.strike:
            case Strike.DELAY:
                around.time.sleep(nanoseconds(decision.seconds))
            case Strike.UNAVAILABLE:
                raise Unavailable(f"The {dependency} does not answer.")
            case Strike.CRASH_BEFORE:
                self.crash(decision.seconds)
                raise Killed(self)
            case Strike.OUTAGE:
                around.outages[dependency] = around.time.now + nanoseconds(decision.seconds)
                around.breaks[dependency] = around.breaks.get(dependency, 0) + 1
            case Strike.SKEW:
                self.skew = decision.seconds

    def _restart(self) -> None:
        if not self.is_up:
            self.is_up = True
            self.around.tell(f"{self.name} starts again", self.name)
            self.on_restart()
