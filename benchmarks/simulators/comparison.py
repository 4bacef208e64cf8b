"""
The comparison of simulators: each player runs in a process of its own, in turns, and processor time counts.

Results are compared, too: the mean sojourn times of the numbers that were drawn before are equal but for
rounding, those of a simulator with draws of its own agree within 3.3 standard errors.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.simulators.players import Outcome

CHECKOUT = Path(__file__).parents[2]
SEED = 7
STANDARD_ERRORS = 3.3
ROUNDING = 1e-9
SAME_SIZE = 1000
"""Customers or batches with which results are compared."""

DRAWN_BEFORE = ", drawn before"

PACKAGES = {"Ciw": "ciw", "salabim": "salabim", "Cimba": "cimba", "SimFaaS": "simfaas"}
"""Simulators that may be installed; by the name of their package."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    A model, and those who play it.

    Attributes:
        sizes: Customers or batches by player; the first one is SimPy's, or the one the others compare with.
        fast: The player whose times the others are divided by.
        at_least: By player, how many times as fast as it *fast* should be.
    """

    unit: str
    sizes: Mapping[str, int]
    fast: str
    at_least: Mapping[str, float]
    note: str = ""

    def figures(self, tries: int, scale: float) -> Iterator[Figure]:
        """Measure all players in turns; yield their figures, the fast one first."""
        found: dict[str, Outcome] = {}
        missing = {name: package for name in self.sizes if (package := _missing(name))}
        for _ in range(tries):
            for name, size in self.sizes.items():
                if name not in missing:
                    outcome = play(name, max(1000, round(size * scale)))
                    found[name] = min(found.get(name, outcome), outcome, key=lambda each: each.cpu_s)
        ours, first = found[self.fast], next(iter(self.sizes))
        yield Figure(self.fast, _micro(ours), self.unit, note=self.note)
        for name in self.sizes:
            if name in missing:
                yield Figure(name, None, self.unit, note=f"not installed: pip install {missing[name]}")
            elif name != self.fast:
                times_first = (
                    f"{_micro(found[name]) / _micro(found[first]):.3g} × the time of {_player(first)}"
                )
                remarks = (self._agreement(name, found), "" if name == first else times_first)
                yield Figure(
                    name,
                    _micro(found[name]),
                    self.unit,
                    _micro(found[name]) / _micro(ours),
                    f"the time of {_player(self.fast)}",
                    "; ".join(filter(None, remarks)),
                    at_least=self.at_least.get(name),
                )

    def _agreement(self, name: str, found: Mapping[str, Outcome]) -> str:
        """Say whether the result of a player agrees with that of the first one, or else of the fast one."""
        first = next(iter(self.sizes))
        other = self.fast if name == first else first
        if all(each.endswith(DRAWN_BEFORE) for each in (name, other)):
            one, two = (play(each, SAME_SIZE).value for each in (name, other))
            same = math.isclose(one, two, rel_tol=ROUNDING)
            return f"result equal to that of {_player(other)}" if same else f"RESULTS DIFFER: {one} and {two}"
        one, two = found[name].value, found[other].value
        error = math.hypot(found[name].error or 0, found[other].error or 0)
        verdict = "agree" if abs(one - two) <= STANDARD_ERRORS * error else "DISAGREE"
        return f"results {one:.4g} and {two:.4g} ± {error:.2g} {verdict}"


def play(name: str, size: int) -> Outcome:
    """Play a model in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.simulators.players", name, str(size), str(SEED)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def _missing(name: str) -> str | None:
    """Return the package that a player needs and that is not installed."""
    words = name.replace(",", "").split()
    needed = [package for simulator, package in PACKAGES.items() if simulator in words]
    return next((package for package in needed if find_spec(package) is None), None)


def _micro(outcome: Outcome) -> float:
    return outcome.cpu_s / outcome.size * 1e6


def _player(name: str) -> str:
    return name.partition(": ")[2].removesuffix(DRAWN_BEFORE)


COMPARISONS: Sequence[Comparison] = (
    Comparison(
        "µs a customer",
        {
            "queue: SimPy, drawn before": 50_000,
            "queue: compiled engine": 200_000,
            "queue: Ciw, drawn before": 20_000,
            "queue: salabim, drawn before": 4_000,
            "queue: Cimba, drawn before": 200_000,
        },
        "queue: compiled engine",
        {"queue: Ciw, drawn before": 1, "queue: salabim, drawn before": 1, "queue: Cimba, drawn before": 1},
        "M/M/8 as a Task with eight servers; client, queue and state machine included",
    ),
    Comparison(
        "µs a batch",
        {
            "12 + 1: SimPy": 10_000,
            "12 + 1: compiled engine": 40_000,
        },
        "12 + 1: compiled engine",
        {"12 + 1: SimPy": 70},
        "fork-join with always 12 photos and one video, as a state machine; client and queue included",
    ),
    Comparison(
        "µs a batch",
        {
            "fork-join: SimPy, drawn before": 10_000,
            "fork-join: event loop, drawn before": 50_000,
            "fork-join: salabim, drawn before": 1_000,
            "fork-join: Cimba, drawn before": 10_000,
        },
        "fork-join: event loop, drawn before",
        {"fork-join: SimPy, drawn before": 100},
        "not the engine: a loop written for this model alone",
    ),
    Comparison(
        "µs a batch",
        {"fork-join: SimPy": 10_000, "fork-join: event loop": 50_000},
        "fork-join: event loop",
        {"fork-join: SimPy": 70},
        "not the engine: a loop written for this model alone, with the engine's draws",
    ),
    Comparison(
        "µs a request",
        {"function: SimFaaS": 50_000, "function: compiled engine": 100_000},
        "function: compiled engine",
        {"function: SimFaaS": 40},
        "SimFaaS's own example, 0.9 requests/s; client, queue and state machine included",
    ),
    Comparison(
        "µs a request",
        {"busy function: SimFaaS": 10_000, "busy function: compiled engine": 100_000},
        "busy function: compiled engine",
        {"busy function: SimFaaS": 40},
        "the same function at 20 requests/s; client, queue and state machine included",
    ),
)
