"""How a run ended: written by the coordinator, read by the launcher."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.lab.load.generator.self_check import GeneratorHealth

GENERATOR = "generator"
"""Folder of a run folder for the generator's own files."""
OUTCOME = Path(GENERATOR, "outcome.json")
PROGRESS = Path(GENERATOR, "progress.json")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file at once, so that another process never reads it half written."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(content, indent=2), encoding="utf-8")
    draft.replace(path)


@dataclass
class RunOutcome:
    """
    How a run ended, or how far it is.

    Attributes:
        began_at_epoch_s: Time 0 of the run; None if it has not begun.
        ended_at_s: When the last worker was done.
        lost: How many of the workers were lost before their end [count].
        shortfalls: What makes the run inconclusive: lost workers, wrong clocks, defects.
        refusal: Why the run could not begin; None if it could.
        disagreement: How a worker's plan differs from the coordinator's; None if none differs.
        aborted: The objective that could no longer be met, ``at_s`` and ``why``; None if the run was not
            aborted.
        untried: Forbidden attempts that could not be made: their URL outlived the arrivals [count].
    """

    began_at_epoch_s: float | None = None
    ended_at_s: float = 0.0
    workers: int = 0
    lost: int = 0
    shortfalls: list[str] = field(default_factory=list)
    refusal: str | None = None
    disagreement: str | None = None
    aborted: dict[str, Any] | None = None
    untried: int = 0
    interrupted: bool = False
    is_over: bool = False
    health: list[GeneratorHealth] = field(default_factory=list)

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "RunOutcome":
        """Return the outcome in a file; that of a run that has not begun if there is no file."""
        if not path.exists():
            return cls()
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**content, "health": [GeneratorHealth(**each) for each in content["health"]]})
