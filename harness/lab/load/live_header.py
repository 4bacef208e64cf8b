"""
The header in ``run.json`` of a run that Locust plays, as it is when the run begins.
"""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from harness.blueprint.template import load_template
from harness.lab.results.notes import REMARKS
from harness.lab.results.run import RunHeader
from harness.lab.workload.scenario import Scenario

_URL = re.compile(r"(https?://)(?:[^/@\s']*@)?([^?#\s']*)(?:[?#][^\s']*)?")


def live_header(
    scenario: Scenario,
    folder: Path,
    workers: int,
    *,
    command: str | None = None,
    remarks: Sequence[str] = (),
) -> RunHeader:
    """
    Return the header of a run that begins now.

    Args:
        command: The command line; it is kept without the secrets in its URLs.
        remarks: Sentences about the run that put nothing in doubt.
    """
    notes: dict[str, object] = {} if command is None else {"command": without_secrets(command)}
    return RunHeader(
        id=folder.name,
        engine="live",
        scenario_name=scenario.name,
        scenario=scenario.model_dump(mode="json"),
        scenario_hash=scenario.hash,
        blueprint_hash=load_template().hash,
        seed=scenario.seed,
        started_at=datetime.now(UTC),
        time_scale=scenario.time_scale,
        workers=workers,
        versions={name: version(name) for name in ("locust", "gevent")}
        | {"harness": version("media-harness"), "python": platform.python_version()},
        machine={
            "host": platform.node(),
            "processors": os.cpu_count() or 1,
            "memory_bytes": psutil.virtual_memory().total,
        },
        notes=notes if not remarks else {**notes, REMARKS: list(remarks)},
    )


def without_secrets(command: str) -> str:
    """Return a command line without the users, passwords and queries of its URLs."""
    return _URL.sub(r"\1\2", command)
