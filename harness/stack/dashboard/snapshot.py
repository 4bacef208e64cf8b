"""
A snapshot of a running stack: the values that the live page shows.

Points in time are seconds since the epoch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.stack.dashboard.measures import Measure, RecentSeries
from harness.stack.dashboard.processes import Process
from harness.stack.dashboard.recent_executions import FailedExecution


@dataclass(frozen=True, slots=True)
class QueueDepths:
    """Messages of a queue: visible, received but not deleted, and delayed."""

    name: str
    waiting: int
    in_flight: int
    delayed: int
    takes_dead_letters: bool


@dataclass(frozen=True, slots=True)
class AlarmStatus:
    """An alarm, its rule in words, and its state."""

    name: str
    rule: str
    state: str


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """A change of an alarm's state."""

    at: float
    alarm: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The health of the API, of the worker, or of a part that one of them reports."""

    name: str
    healthy: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Link:
    """A page with more about the stack; *open* means that a server answers there, else *url* may be empty."""

    name: str
    url: str
    open: bool = True


@dataclass(slots=True)
class Snapshot:
    """A stack at one instant; *states* are the running executions by state."""

    at: float
    started_at: float
    mode: str
    time_scale: float
    engine: str
    processes: Sequence[Process] = ()
    checks: Sequence[HealthCheck] = ()
    queues: Sequence[QueueDepths] = ()
    running: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[FailedExecution] = ()
    measures: Sequence[Measure] = ()
    recent_series: RecentSeries | None = None
    alarms: Sequence[AlarmStatus] = ()
    changes: Sequence[AlarmChange] = ()
    links: Sequence[Link] = ()
    problems: Sequence[str] = ()
