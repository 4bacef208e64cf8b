"""Live runs for the fidelity measurement; a run whose host set its figures is kept apart and played again."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.api.play import play
from harness.lab.load.generator.self_check import LAG_SHARE_OF_LIMIT, GeneratorHealth, findings
from harness.lab.results.host.host_influence import host_influence
from harness.lab.results.run import Run
from harness.lab.workload.scenario import Scenario

ATTEMPTS = 3

LAG_SHARE = 0.02
"""Late arrivals are tolerated up to this part of the mean time to READY: it counts from their due time."""


@dataclass(frozen=True)
class LiveRun:
    """
    The accepted run of a load, or the last one if none was accepted.

    Attributes:
        doubts: Why its figures are in doubt; empty if it was accepted.
        refused: The doubts of each earlier attempt.
    """

    run: Run
    doubts: tuple[str, ...]
    refused: tuple[str, ...] = field(default=())

    @property
    def host_share(self) -> float:
        """Largest part of the time until READY that waits for processors were [ratio]."""
        influence = host_influence(self.run)
        return 0.0 if influence is None else influence.share


Play = Callable[[Path, Path], Run]
"""Plays the scenario of a file into a run folder."""


def play_alone(scenario: Path, out: Path) -> Run:
    """Play a scenario on a stack of its own."""
    return play(scenario, out=out, own_stack=True)


def measured(scenario: Scenario, folder: Path, attempts: int = ATTEMPTS, play: Play = play_alone) -> LiveRun:
    """Play a load until the host did not set its figures, *attempts* times at most."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{scenario.name}.json"
    path.write_text(scenario.model_dump_json(), encoding="utf-8")
    refused: list[str] = []
    for attempt in range(1, attempts + 1):
        out = folder / f"{scenario.name}-live-{attempt}"
        print(f"live: {scenario.name}, attempt {attempt} of at most {attempts}", file=sys.stderr, flush=True)
        run = play(path, out)
        if run.header.notes.get("interrupted"):
            raise KeyboardInterrupt  # It ended the run; it is to end the measurement, too.
        doubts = tuple(_doubts(run))
        if not doubts or attempt == attempts:
            return LiveRun(run, doubts, tuple(refused))
        print(f"played again: {' '.join(doubts)}", file=sys.stderr, flush=True)
        refused.append(" ".join(doubts))
    raise ValueError(f"there must be at least one attempt, not {attempts}")


def _doubts(run: Run) -> Iterator[str]:
    """Yield how the host or the generator set figures of a run."""
    if (influence := host_influence(run)) is not None:
        yield from influence.findings()
    ready = run.timings[run.timings["name"] == "ready"]
    mean = float((ready["finished_at"] - ready["intended_at"]).mean())
    workers = [GeneratorHealth(**worker) for worker in run.header.notes["generator"]["workers"]]
    yield from findings(workers, LAG_SHARE * mean / LAG_SHARE_OF_LIMIT)
