"""
The life of one batch as a trace file, which https://ui.perfetto.dev and Chrome's tracing page open.

Source:
    Trace Event Format, "complete" events (``ph = X``); times in microseconds.
"""

import json
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
    """Return the trace of a life; events of one name share a track unless they overlap."""
    last = float(life[["from_s", "to_s"]].max().max())
    events = [_name_event("process_name", 0, title)]
    tracks: list[float] = []
    labels: list[str] = []
    for _, row in life.iterrows():
        end = row["to_s"] if pd.notna(row["to_s"]) else last
        track = _free_track(tracks, labels, str(row["name"]), row["from_s"])
        tracks[track] = end
        events.append(
            {
                "ph": "X",
                "pid": 1,
                "tid": track + 1,
                "name": row["name"],
                "cat": row["kind"],
                "ts": round(row["from_s"] * 1e6, 3),
                "dur": round((end - row["from_s"]) * 1e6, 3),
                "args": {key: row[key] for key in DETAILS if pd.notna(row[key])},
            }
        )
    events += [_name_event("thread_name", track + 1, label) for track, label in enumerate(labels)]
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _free_track(tracks: list[float], labels: list[str], label: str, start: float) -> int:
    """Return a track of this name that is free at *start*: slices of one track may not overlap."""
    for number, (until, name) in enumerate(zip(tracks, labels, strict=True)):
        if name == label and until <= start:
            return number
    tracks.append(0.0)
    labels.append(label)
    return len(tracks) - 1


def _name_event(kind: str, track: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": 1, "tid": track, "name": kind, "args": {"name": name}}


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is not JSON")
