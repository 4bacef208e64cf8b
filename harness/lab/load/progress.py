"""
The progress of a run: counted by each worker, added up by the coordinator, shown while the run goes on.

The coordinator replaces one small JSON file a few times a second; a terminal, a notebook and Locust's
page show the same figures from it. Times are float seconds since the run began.
"""

import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.lab.gate.abort.abort_rule import AbortRule, Counted
from harness.lab.load.run_outcome import write_json
from harness.lab.results.percentile import percentile
from harness.lab.results.rows import RequestRow

RECENT = 10_000
"""How many of the latest end-to-end times the live percentiles are taken from [count]."""


@dataclass(frozen=True, slots=True)
class Progress:
    """
    The state of a run at one moment. Counts are since its beginning.

    Attributes:
        phase: ``preparing``, ``playing``, ``draining`` or ``over``.
        scheduled: Arrivals of the whole run; 0 for a closed workload.
        ready_p50_s, ready_p95_s, ready_p99_s: Intended start to READY, of the latest 10,000 batches.
    """

    at_s: float = 0.0
    phase: str = "preparing"
    scheduled: int = 0
    offered: int = 0
    started: int = 0
    ended: int = 0
    in_flight: int = 0
    queued: int = 0
    requests: int = 0
    failed: int = 0
    refused: int = 0
    breached: int = 0
    ready: int = 0
    not_ready: int = 0
    ready_p50_s: float | None = None
    ready_p95_s: float | None = None
    ready_p99_s: float | None = None

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Progress":
        """Return the progress in a file; that of a run that is preparing if there is no file."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()


COUNTS = (
    *("offered", "started", "ended", "in_flight", "queued"),
    *("requests", "failed", "refused", "breached", "ready", "not_ready"),
)
"""The counts of a worker that `Progress` shows."""


@dataclass
class Tally:
    """
    The counts of one worker.

    Attributes:
        rules: The objectives that end the run when they can no longer be met.
        ready: Intended start to READY, of the batches since the last report.
        unfinished: When each unfinished batch was due, by the index of its arrival.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rules: Sequence[AbortRule] = ()
    ready: list[float] = field(default_factory=list)
    unfinished: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._counted = [Counted() for _ in self.rules]

    def batch_ready(self, seconds: float) -> None:
        self.counts["ready"] += 1
        self.ready.append(seconds)

    def request_ended(self, row: RequestRow) -> None:
        """Count a request or an end-to-end time for the objectives that end the run."""
        for index, rule in enumerate(self.rules):
            if (more := rule.count(row)) is not None:
                sums = map(sum, zip(self._counted[index], more, strict=True))
                self._counted[index] = Counted(*sums)

    def take_report(self, now: float) -> dict[str, Any]:
        """Return all counts, and the end-to-end times that were not reported before."""
        ready, self.ready = self.ready, []
        counts = dict(self.counts)
        for index, (rule, counted) in enumerate(zip(self.rules, self._counted, strict=True)):
            over = counted.over + rule.overdue(self.unfinished.values(), now)
            counts |= zip(count_names(index), counted._replace(over=over), strict=True)
        return {"counts": counts, "ready": ready}


def count_names(rule: int) -> tuple[str, ...]:
    """Return the names of the counts of a rule, by its index among the rules of the scenario."""
    return tuple(f"abort {rule} {name}" for name in Counted._fields)


class Total:
    """The counts of all workers together."""

    def __init__(self) -> None:
        self._counts: dict[str, Mapping[str, int]] = {}
        self._recent: deque[float] = deque(maxlen=RECENT)

    def add(self, worker: str, report: Mapping[str, Any]) -> None:
        """Add a worker's report; its counts replace those of the worker's earlier reports."""
        self._counts[worker] = report["counts"]
        self._recent.extend(report["ready"])

    def count(self, name: str) -> int:
        """Return one count of all workers."""
        return sum(counts.get(name, 0) for counts in self._counts.values())

    def progress(self, at: float, phase: str, scheduled: int) -> Progress:
        recent = list(self._recent)
        counts = {name: self.count(name) for name in COUNTS}
        p50, p95, p99 = (percentile(recent, p) if recent else None for p in (50, 95, 99))
        return Progress(at, phase, scheduled, **counts, ready_p50_s=p50, ready_p95_s=p95, ready_p99_s=p99)
