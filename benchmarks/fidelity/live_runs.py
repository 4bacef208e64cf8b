"""Live runs for the fidelity measurement; a run whose host set its figures is kept apart and played again."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from harness.lab.gate.run_findings import doubts_of
from harness.lab.results.host.host_influence import host_influence
from harness.lab.results.run import Run
from harness.lab.workload.scenario import Scenario
from harness.scenario_player import play_scenario

ATTEMPTS = 3


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


def measured(scenario: Scenario, folder: Path, attempts: int = ATTEMPTS) -> LiveRun:
    """Play a load on a stack of its own until the host did not set its figures, *attempts* times at most."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{scenario.name}.json"
    path.write_text(scenario.model_dump_json(), encoding="utf-8")
    refused: list[str] = []
    for attempt in range(1, attempts + 1):
        out = folder / f"{scenario.name}-live-{attempt}"
        print(f"live: {scenario.name}, attempt {attempt} of at most {attempts}", file=sys.stderr, flush=True)
        run = play_scenario(path, out=out, own_stack=True)
        doubts = tuple(doubts_of(run))
        if not doubts or attempt == attempts:
            return LiveRun(run, doubts, tuple(refused))
        print(f"played again: {' '.join(doubts)}", file=sys.stderr, flush=True)
        refused.append(" ".join(doubts))
    raise ValueError(f"there must be at least one attempt, not {attempts}")
