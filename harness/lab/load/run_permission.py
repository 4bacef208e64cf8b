"""
How a run that is started from Locust's page gets listings to play with.

Locust's process knows nothing of stacks and tokens. It says in its run folder what it would like to
play; whoever launched it sees to the identities and allows it, or says why not.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.lab.load.run_outcome import GENERATOR
from harness.lab.workload.scenario import Scenario

WANTED, ALLOWED = "wanted.json", "allowed.json"
PATIENCE_S = 120.0
LOOK_EVERY_S = 0.1


class NotAllowed(RuntimeError):
    """The launcher refused, or did not answer; says why."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """
    A run somebody wants to play.

    Attributes:
        folder: Its run folder.
    """

    folder: Path
    scenario: Scenario

    def allow(self, identities: Path) -> None:
        """Let it begin with these identities."""
        _write(self.folder / GENERATOR / ALLOWED, {"identities": str(identities.resolve())})

    def refuse(self, why: str) -> None:
        """Say why it cannot begin."""
        _write(self.folder / GENERATOR / ALLOWED, {"refusal": why})


def ask_to_play(folder: Path, scenario: Scenario, sleep: Callable[[float], object]) -> Path:
    """
    Ask the launcher for permission; return the file of identities to play with.

    Args:
        sleep: Waits without holding up others.

    Raises:
        NotAllowed: It refused, or did not answer in time.
    """
    generator = folder / GENERATOR
    generator.mkdir(parents=True)
    _write(generator / WANTED, {"scenario": scenario.model_dump_json()})
    deadline = time.monotonic() + PATIENCE_S
    while not (generator / ALLOWED).exists():
        if time.monotonic() > deadline:
            raise NotAllowed(f"nobody answered within {PATIENCE_S:.0f} s")
        sleep(LOOK_EVERY_S)
    answer = json.loads((generator / ALLOWED).read_text(encoding="utf-8"))
    if "refusal" in answer:
        raise NotAllowed(answer["refusal"])
    return Path(answer["identities"])


def requests_in(runs: Path) -> Iterator[RunRequest]:
    """Yield what is wanted in a folder of runs and was not answered yet."""
    for path in sorted(runs.glob(f"*/{GENERATOR}/{WANTED}")):
        if not path.with_name(ALLOWED).exists():
            wanted = json.loads(path.read_text(encoding="utf-8"))
            yield RunRequest(path.parent.parent, Scenario.model_validate_json(wanted["scenario"]))


def _write(path: Path, document: dict[str, str]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(document), encoding="utf-8")
    draft.replace(path)
