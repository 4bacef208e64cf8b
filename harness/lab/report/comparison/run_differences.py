"""Differences between two runs in their scenarios, settings and environments."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.lab.results.run import Run

HASH = re.compile(r"[0-9a-f]{64}")
"""A hash is shortened: its first characters suffice to tell two apart."""

IRRELEVANT = ("id", "started_at", "scenario", "notes", "format_version", "complete", "duration_s")
"""Fields of the header that differ in any two runs; the scenario is compared key by key."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that differs between two runs: of the scenario, by dotted key, or of the header."""

    what: str
    before: str
    now: str


def differences(before: Run, now: Run) -> Iterator[Difference]:
    """Yield the differences between two runs, by key."""
    earlier, current = _facts(before), _facts(now)
    for key in sorted(earlier.keys() | current.keys()):
        if earlier.get(key) != current.get(key):
            yield Difference(key, _text(earlier.get(key)), _text(current.get(key)))


def _facts(run: Run) -> dict[str, Any]:
    """Return the values of the scenario and of the header, by dotted key."""
    header = run.header.model_dump(mode="json", exclude=set(IRRELEVANT))
    # Each stack has a name of its own.
    header["target"].pop("stack", None)
    scenario = {key: value for key, value in _flat(run.scenario, "scenario") if not key.endswith(".line")}
    return {**dict(_flat(header)), **scenario}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a JSON value by dotted key."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{place}")
    else:
        yield path, value


def _text(value: object) -> str:
    text = "absent" if value is None else str(value)
    return f"{text[:12]}…" if HASH.fullmatch(text) else text
