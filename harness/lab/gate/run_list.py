"""The runs of a folder, each in one line."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from harness.lab.results.percentile import percentile
from harness.lab.results.run import Run, RunUnreadable


@dataclass(frozen=True, slots=True)
class ListedRun:
    """
    One run of a list.

    Attributes:
        started_at: Start of a live run; of a simulated one the time when it was recorded. UTC, ISO 8601.
        verdict: The outcome, ``not evaluated`` without verdict.json, ``incomplete`` while the run goes on.
        ready_p95_s: p95 of the time to READY [model s]; None without batches.
        duration_s: Length of the run [clock s; model s if simulated]; None while it goes on.
    """

    id: str
    folder: str
    started_at: str
    scenario: str
    engine: str
    target: str
    verdict: str
    ready_p95_s: float | None
    duration_s: float | None

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the line of a run; raise RunUnreadable if its verdict or its requests are damaged."""
        recorded = datetime.fromtimestamp((run.folder / "run.json").stat().st_mtime, UTC)
        return cls(
            id=run.id,
            folder=str(run.folder),
            started_at=(run.started_at if run.engine == "live" else recorded).isoformat(),
            scenario=run.header.scenario_name,
            engine=run.engine,
            target=run.header.target_text,
            verdict=_outcome(run) if run.header.complete else "incomplete",
            ready_p95_s=_ready_p95(run) if run.header.complete else None,
            duration_s=run.header.duration_s,
        )


def list_runs(folder: Path) -> tuple[list[ListedRun], list[str]]:
    """Return the runs of a folder, oldest first, and why the other run folders cannot be read."""
    runs, problems = [], []
    for header in sorted(folder.glob("*/run.json")):
        try:
            runs.append(ListedRun.of(Run.load(header.parent)))
        except RunUnreadable as error:
            problems.append(str(error))
    return sorted(runs, key=lambda one: (one.started_at, one.id)), problems


def _outcome(run: Run) -> str:
    try:
        return str(json.loads((run.folder / "verdict.json").read_text(encoding="utf-8"))["outcome"])
    except FileNotFoundError:
        return "not evaluated"
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunUnreadable(f"{run.folder}/verdict.json cannot be read: {error!r}") from None


def _ready_p95(run: Run) -> float | None:
    frame = run.timings
    is_ready = (frame["type"] == "E2E") & (frame["name"] == "ready") & (frame["intended_at"] >= run.warm_up)
    rows = frame[is_ready & (frame["outcome"] == "ok")]
    if not len(rows):
        return None
    return percentile(rows["finished_at"] - rows["intended_at"], 95) * run.time_scale
