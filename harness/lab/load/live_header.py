"""
What ``run.json`` says of a run that Locust plays, when it begins.
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

_ADDRESS = re.compile(r"(https?://)(?:[^/@\s']*@)?([^?#\s']*)(?:[?#][^\s']*)?")


def header(
    scenario: Scenario,
    folder: Path,
    processes: int,
    *,
    command: str | None = None,
    remarks: Sequence[str] = (),
) -> RunHeader:
    """
    Return what ``run.json`` says when a run begins.

    Args:
        command: The command line that asked for it; passwords in addresses are left out.
        remarks: What one should know, in words.
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
        workers=processes,
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
    """Return a command line whose addresses name neither users and passwords nor queries."""
    return _ADDRESS.sub(r"\1\2", command)
