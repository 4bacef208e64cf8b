"""
How the playing of a run went: written by the conductor, read by the launcher.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.lab.load.generator.self_check import GeneratorHealth, health_from_json

GENERATOR = "generator"
"""Where in a run folder the generator keeps its own accounts."""


@dataclass
class RunOutcome:
    """
    How the playing went, for `harness.lab.load.launch`.

    Attributes:
        began_at_epoch_s: The run's time 0; None if it never began.
        ended_at_s: When the last worker was done.
        workers: How many took part.
        lost: How many of them never came to their end.
        shortfalls: In words, what makes the run inconclusive: workers lost, clocks apart, defects.
        refusal: Why the run could not begin, if it could not.
        disagreement: In what a worker would have played something else, if one would.
        untried: Forbidden attempts that could not be made: their URL outlived the arrivals [count].
        interrupted: Somebody stopped the run before its end.
        is_over: The conductor came to the end of it, one way or another.
        health: What the workers measured of themselves.
    """

    began_at_epoch_s: float | None = None
    ended_at_s: float = 0.0
    workers: int = 0
    lost: int = 0
    shortfalls: list[str] = field(default_factory=list)
    refusal: str | None = None
    disagreement: str | None = None
    untried: int = 0
    interrupted: bool = False
    is_over: bool = False
    health: list[dict[str, float]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "RunOutcome":
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def generator_health(self) -> list[GeneratorHealth]:
        return [health_from_json(each) for each in self.health]
