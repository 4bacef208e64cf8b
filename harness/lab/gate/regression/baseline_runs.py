"""
The runs with which a run is compared: run folders, or folders of runs.

Runs are comparable if the same work was offered to the same kind of target. The seed may differ. So may the
model and the platform of a simulation: they describe the system, which is what a comparison compares.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.lab.gate.run_findings import doubts_of
from harness.lab.results.run import Run, RunUnreadable

NOT_WORK = frozenset({"name", "question", "seed", "objectives", "calibration", "model", "platform"})
"""Keys of a scenario that do not say what work is offered."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """
    The runs to compare with.

    Attributes:
        problem: Why nothing can be compared, as a sentence; empty if there are runs.
    """

    runs: tuple[Run, ...]
    problem: str = ""

    @classmethod
    def find(cls, paths: Sequence[Path], run: Run) -> "Baseline":
        """
        Return the runs at *paths* that are comparable with *run*.

        A run that is named must be comparable. In a folder of runs the comparable ones are taken, except
        *run* itself.

        Raises:
            ValueError: A path is neither a run folder nor a folder of runs.
            RunUnreadable: A named run is damaged.
        """
        runs: dict[Path, Run] = {}
        for path in paths:
            if (path / "run.json").exists() or not path.is_dir():
                named = Run.load(path)
                if reason := incomparable(named, run):
                    return cls((), f"The baseline {named.id} is not comparable: {reason}.")
                runs[path.resolve()] = named
                continue
            inside = list(_runs_in(path, run))
            fitting = {one.folder.resolve(): one for one, reason in inside if not reason}
            if not fitting:
                return cls((), _nothing_in(path, inside))
            runs |= fitting
        return cls(tuple(runs.values()))


def incomparable(baseline: Run, run: Run) -> str | None:
    """Return why two runs cannot be compared, or None if they can."""
    if reason := _other_target(baseline, run):
        return reason
    if baseline.time_scale != run.time_scale:
        return f"its time scale is {baseline.time_scale:g}, that of this run is {run.time_scale:g}"
    if different := list(_different_work(baseline.scenario, run.scenario)):
        return f"its scenario differs in {', '.join(different)}"
    if not baseline.header.complete:
        return "it did not end properly"
    if doubts := list(doubts_of(baseline)):
        return f"its figures cannot be trusted: {doubts[0].rstrip('.')}"
    return None


def _other_target(baseline: Run, run: Run) -> str | None:
    if baseline.engine != run.engine:
        return f"its engine is {baseline.engine}, that of this run is {run.engine}"
    theirs, ours = _target(baseline), _target(run)
    # Runs of older versions do not say where they were played.
    if not (theirs and ours) or theirs == ours:
        return None
    return f"it was played at {theirs}, this run at {ours}"


def _target(run: Run) -> str:
    """Return the kind of the target in words; two stacks with the same work are the same kind."""
    if platform := run.header.notes.get("platform"):
        return f"platform {platform.get('preset')}"
    facts = {name: value for name, value in run.header.target.items() if name != "stack"}
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _different_work(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted((one.keys() | other.keys()) - NOT_WORK):
        if one.get(key) != other.get(key):
            yield key


def _runs_in(folder: Path, run: Run) -> Iterator[tuple[Run, str | None]]:
    """Yield the other runs in a folder, each with the reason why it is not comparable, if there is one."""
    for header in sorted(folder.glob("*/run.json")):
        if header.parent.resolve() == run.folder.resolve():
            continue
        try:
            other = Run.load(header.parent)
            yield other, incomparable(other, run)
        except RunUnreadable:
            continue


def _nothing_in(folder: Path, inside: Iterable[tuple[Run, str | None]]) -> str:
    reasons = [f"{one.id}: {reason}" for one, reason in inside]
    if not reasons:
        return f"The baseline {folder} has no other run."
    return f"No run of the baseline {folder} is comparable, e.g. {reasons[-1]}."
