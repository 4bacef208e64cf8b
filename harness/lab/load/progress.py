"""
How far a run is: counted by each worker, added up by the conductor, read by whoever watches.

The conductor replaces one small JSON file a few times a second; a terminal, a notebook and Locust's
page all show the same figures from it. Times are float seconds since the run began.
"""

import json
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.lab.results.percentile import percentile

RECENT = 10_000
"""How many of the latest end-to-end times the live percentiles are taken from."""


@dataclass(frozen=True, slots=True)
class Progress:
    """
    One look at a run. Counts are of everything since it began.

    Attributes:
        phase: ``preparing``, ``playing``, ``draining`` or ``over``.
        scheduled: Arrivals the whole run will have; 0 when users set the pace.
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
        """Replace the file at *path*, so that a reader never sees half of it."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Progress":
        """Return what was last written; nothing yet is a run that prepares."""
        if not path.exists():
            return cls()
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass
class Tally:
    """
    What one worker counts while it plays.
    """

    counts: Counter[str] = field(default_factory=Counter)
    ready: list[float] = field(default_factory=list)

    def batch_ready(self, seconds: float) -> None:
        self.counts["ready"] += 1
        self.ready.append(seconds)

    def take_report(self) -> dict[str, Any]:
        """Return all counts, and the end-to-end times that were not reported before."""
        ready, self.ready = self.ready, []
        return {"counts": dict(self.counts), "ready": ready}


class Total:
    """
    The tallies of all workers together.
    """

    def __init__(self) -> None:
        self._counts: dict[str, Mapping[str, int]] = {}
        self._recent: deque[float] = deque(maxlen=RECENT)

    def add(self, worker: str, report: Mapping[str, Any]) -> None:
        self._counts[worker] = report["counts"]
        self._recent.extend(report["ready"])

    def progress(self, at: float, phase: str, scheduled: int) -> Progress:
        counts = _sum(self._counts.values())
        known = {name: counts[name] for name in _COUNTED}
        recent = list(self._recent)
        return Progress(
            at_s=at,
            phase=phase,
            scheduled=scheduled,
            ready_p50_s=percentile(recent, 50) if recent else None,
            ready_p95_s=percentile(recent, 95) if recent else None,
            ready_p99_s=percentile(recent, 99) if recent else None,
            **known,
        )


_COUNTED = [each.name for each in fields(Progress) if each.type is int and each.name != "scheduled"]


def _sum(counters: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counts in counters:
        total.update(counts)
    return total
