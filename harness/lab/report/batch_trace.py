"""
The life of one batch as a trace file, which https://ui.perfetto.dev and Chrome's tracing page open.

The spans of each process of the service are a process of the file, nested as they were.

Source:
    Trace Event Format, "complete" events (``ph = X``); times in microseconds.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DETAILS = ("item", "attempt", "outcome", "error", "trace_id", "job_id", "waited_s")
"""Columns of a life that become arguments of a trace event."""


def write_trace(life: pd.DataFrame, title: str, path: Path) -> Path:
    """Write the trace of a life, e.g. from `batch_life.life_of_batch`, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(trace(life, title), indent=1, default=_plain) + "\n", encoding="utf-8")
    return path


def trace(life: pd.DataFrame, title: str) -> dict[str, Any]:
    """
    Return the trace of a life.

    Events of one name share a track unless they overlap; spans of one service share one if they are nested.
    """
    last = float(life[["from_s", "to_s"]].max().max())
    spans = life[life["kind"] == "span"]
    services = list(dict.fromkeys(spans["service"]))
    others = life.drop(spans.index)
    events = _process(1, title, others, others["name"], last)
    for pid, service in enumerate(services, 2):
        own = spans[spans["service"] == service].sort_values(["from_s", "to_s"], ascending=[True, False])
        events += _process(pid, service, own, own["service"], last)
    return {"displayTimeUnit": "ms", "traceEvents": events}


@dataclass(slots=True)
class _Track:
    """One track: its slices that are still open, by their ends; outer ones first."""

    label: str
    ends: list[float] = field(default_factory=list)

    def takes(self, start: float, end: float, *, nested: bool) -> bool:
        """Return whether a slice fits: slices of one track must not overlap, but may be nested."""
        self.ends = [each for each in self.ends if each > start]
        return not self.ends or (nested and end <= self.ends[-1])


def _process(
    pid: int, title: str, life: pd.DataFrame, labels: pd.Series, last: float
) -> list[dict[str, Any]]:
    """Return the events of one process, whose slices are on tracks with these labels."""
    events = [_name_event("process_name", pid, 0, title)]
    tracks: list[_Track] = []
    for (_, row), label in zip(life.iterrows(), labels, strict=True):
        end = row["to_s"] if pd.notna(row["to_s"]) else last
        track = _track_for(tracks, str(label), row["from_s"], end, nested=row["kind"] == "span")
        events.append(
            {
                "ph": "X",
                "pid": pid,
                "tid": track + 1,
                "name": row["name"],
                "cat": row["kind"],
                "ts": round(row["from_s"] * 1e6, 3),
                "dur": round((end - row["from_s"]) * 1e6, 3),
                "args": {key: row[key] for key in DETAILS if pd.notna(row[key])},
            }
        )
    return events + [_name_event("thread_name", pid, tid, track.label) for tid, track in enumerate(tracks, 1)]


def _track_for(tracks: list[_Track], label: str, start: float, end: float, *, nested: bool) -> int:
    """Return the first track of this label on which a slice fits, and put it there."""
    fitting = (
        number
        for number, track in enumerate(tracks)
        if track.label == label and track.takes(start, end, nested=nested)
    )
    number = next(fitting, len(tracks))
    if number == len(tracks):
        tracks.append(_Track(label))
    tracks[number].ends.append(end)
    return number


def _name_event(kind: str, pid: int, track: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": pid, "tid": track, "name": kind, "args": {"name": name}}


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is not JSON")
