"""
The folder of a sweep: its header ``sweep.json``, and ``replications.jsonl`` with a line for each replication.

A line is written as soon as its replication is known, so that an interrupted sweep continues where it was.
"""

import fcntl
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from harness.lab.sim.sweep.parameters import Point, text_of
from harness.lab.sim.sweep.replication_summary import ReplicationSummary

HEADER, REPLICATIONS = "sweep.json", "replications.jsonl"
FORMAT = 1


class JournalUnfit(ValueError):
    """The folder cannot be used for this sweep; the message says why."""


class SweepJournal:
    """
    The replications in a folder, open for more of them.

    Args:
        identity: What must be equal for results to belong together, by name.

    Raises:
        JournalUnfit: The folder holds something else, cannot be read, or is in use.
    """

    def __init__(self, folder: Path, identity: Mapping[str, JsonValue]) -> None:
        self.folder = folder
        header = {"format": FORMAT, "harness": version("media-harness"), **identity}
        _must_match(folder, header)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / REPLICATIONS).open("a+b")
        except OSError as error:
            raise JournalUnfit(f"{folder} cannot be written to: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise JournalUnfit(f"{folder} is in use by another sweep") from None
        (folder / HEADER).write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")
        self.known = self._read()

    def append(self, point: Point, summaries: Iterable[ReplicationSummary]) -> None:
        """Write replications, at once."""
        lines = [json.dumps({"point": dict(point), **one.to_dict()}) + "\n" for one in summaries]
        self._file.write("".join(lines).encode())
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _read(self) -> dict[str, dict[int, ReplicationSummary]]:
        """Return the replications of the folder; cut off a last line that was not completed."""
        self._file.seek(0)
        content = self._file.read()
        complete = content.rpartition(b"\n")[0]
        self._file.truncate(len(complete) + 1 if complete else 0)
        known: dict[str, dict[int, ReplicationSummary]] = {}
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                row = json.loads(line)
                summary = ReplicationSummary.from_dict(row)
                known.setdefault(text_of(row["point"]), {})[summary.number] = summary
            except (ValueError, KeyError, TypeError, AttributeError):
                raise JournalUnfit(f"{self.folder / REPLICATIONS}:{number}: is not a replication") from None
        return known


def _must_match(folder: Path, header: Mapping[str, JsonValue]) -> None:
    path = folder / HEADER
    if not path.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise JournalUnfit(f"{folder} is not empty and holds no sweep: give another folder")
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JournalUnfit(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise JournalUnfit(f"{path} is not the header of a sweep")
    if different := [name for name, value in header.items() if found.get(name) != value]:
        raise JournalUnfit(
            f"{folder} holds results with another {' and '.join(different)}: give another folder"
        )
