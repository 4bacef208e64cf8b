"""
Simulate a scenario: the state machine the stack deploys, played in model time, into a run folder.

Times in seconds of model time; a simulated run has a time scale of 1.
"""

import hashlib
import os
import platform as machine
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.lab.results.notes import REMARKS, UNOBSERVED
from harness.lab.results.records import labels_text
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.writer import RunWriter, must_hold_a_run, new_run_folder
from harness.lab.sim.model.pipeline_model import EPOCH, OnProgress, PipelineModel
from harness.lab.sim.model.recording import FolderRecorder
from harness.lab.sim.platform.platform import Platform, Preset
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.states_language.machine import StateMachine
from harness.states_language.parser import parse_state_machine

ENGINES = ("simpy",)


class MachineInvalid(ValueError):
    """The state machine cannot be read or played; says where and why."""


def simulate(
    scenario: Scenario | str | Path,
    *,
    replication: int = 0,
    engine: str = "simpy",
    state_machine: str | Path | Mapping[str, Any] | None = None,
    platform: Preset | None = None,
    overrides: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    progress: OnProgress | None = None,
    started_at: datetime = EPOCH,
    command: str | None = None,
) -> Run:
    """
    Simulate a scenario and return the run.

    >>> import harness
    >>> run = harness.simulate("scenarios/smoke.toml", out=folder / "simulated")
    >>> run.batches["outcome"].value_counts().to_dict()
    {'READY': 8}

    Args:
        scenario: The scenario, or its file.
        replication: 0 has the arrivals and batches of a live run of the scenario.
        state_machine: A file in Amazon States Language, or its content, instead of the blueprint's.
        platform: ``aws`` or ``local`` (the stack of one machine); else what the scenario says.
        overrides: Parameters of the platform by dotted key, e.g. ``{"mediaconvert.slots": 20}``.
        out: The run folder; by default a new one under ``runs``.
        progress: Told how far the run is [model s].
        started_at: What second 0 is called, aware.
        command: What plays it again, for the run's page.

    Raises:
        ScenarioError: The file is no scenario.
        PlatformInvalid: A parameter of the platform does not exist or makes no sense.
        MachineInvalid: The state machine cannot be played; says where.
        FolderUnfit: The run folder holds a run already, or cannot be written to.
    """
    if engine not in ENGINES:
        raise ValueError(f"the engine is simpy, not {engine!r}")
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    settings = platform_of(scenario, platform, overrides)
    played, digest = read_machine(state_machine)
    folder = Path(out) if out is not None else new_run_folder(scenario.name or "scenario", engine)
    must_hold_a_run(folder)
    recorder = FolderRecorder()
    try:
        # Before there is a folder: what cannot be played leaves nothing behind.
        stage = PipelineModel(
            scenario, settings, recorder, machine=played, replication=replication, epoch=started_at
        )
    except ValueError as error:
        named = f"{state_machine}: " if isinstance(state_machine, str | Path) else ""
        raise MachineInvalid(f"{named}{error}") from None
    header = _header(scenario, stage, folder, digest, replication, started_at)
    writer = RunWriter(folder, header)
    with writer.part() as part:
        recorder.write_to(part)
        end = stage.run(progress)
        recorder.close()
    told: dict[str, Any] = {"counts": asdict(stage.counts())}
    if command is not None:
        told["command"] = command
    if remarks := stage.workflow.remarks:
        told[REMARKS] = remarks
    return writer.finish(duration_s=end, notes=told)


def platform_of(
    scenario: Scenario, preset: Preset | None = None, overrides: Mapping[str, Any] | None = None
) -> Platform:
    """
    Return the platform a scenario is simulated on.

    Raises:
        PlatformInvalid: A parameter does not exist or makes no sense.
    """
    return Platform.read(scenario.platform, overrides, preset=preset, time_scale=scenario.time_scale)


def read_machine(source: str | Path | Mapping[str, Any] | None) -> tuple[StateMachine | None, str | None]:
    """
    Read a state machine from a file or a document; return it and its SHA-256, or None for the blueprint's.

    Raises:
        MachineInvalid: It cannot be read.
    """
    if source is None:
        return None, None
    if isinstance(source, Mapping):
        return _parsed(source, "state machine"), None
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MachineInvalid(f"{path} cannot be read: {error}") from None
    return _parsed(text, str(path)), hashlib.sha256(text.encode()).hexdigest()


def _parsed(definition: str | Mapping[str, Any], name: str) -> StateMachine:
    try:
        return parse_state_machine(definition)
    except ValueError as error:
        raise MachineInvalid(f"{name}: {error}") from None


def _header(
    scenario: Scenario,
    stage: PipelineModel,
    folder: Path,
    digest: str | None,
    replication: int,
    started_at: datetime,
) -> RunHeader:
    notes: dict[str, Any] = {
        "platform": stage.platform.model_dump(mode="json", by_alias=True),
        "security": "taken for granted: a model refuses what must be refused",
    }
    if stage.unmodelled:
        notes["unmodelled"] = stage.unmodelled
    if uncalled := stage.functions.unused:
        # Nobody can see a function at work that the state machine does not have.
        notes[UNOBSERVED] = [f"AWS/Lambda{labels_text({'FunctionName': name})}" for name in uncalled]
    return RunHeader(
        id=folder.name,
        engine="simpy",
        scenario_name=scenario.name,
        scenario=scenario.model_dump(mode="json"),
        scenario_hash=scenario.hash,
        blueprint_hash=digest or stage.template.hash,
        seed=scenario.seed,
        replication=replication,
        started_at=started_at,
        versions={name: version(name) for name in ("harness", "simpy", "numpy")}
        | {"python": machine.python_version()},
        machine={"host": machine.node(), "processors": os.cpu_count() or 1},
        notes=notes,
    )
