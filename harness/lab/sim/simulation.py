"""
The simulation of a scenario: the deployed state machine runs in model time, into a run folder.

Times in seconds of model time; a simulated run has a time scale of 1.
"""

import hashlib
import json
import os
import platform as machine
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import JsonValue

from harness.blueprint.template import load_template
from harness.lab.results.audit_file import TABLES, write_audit
from harness.lab.results.metric_names import labels_text
from harness.lab.results.notes import LOOPS, REMARKS, TASKS, UNOBSERVED
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.stations.station_table import write_stations
from harness.lab.results.table_audit import audit_tables
from harness.lab.results.writer import RunWriter, must_hold_a_run, new_run_folder
from harness.lab.sim.api_visits import ApiVisits, drawn_api_visits
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.engine_choice import EngineName, compiled_model
from harness.lab.sim.model.execution_inputs import InputInvalid
from harness.lab.sim.model.flows import take_no_time
from harness.lab.sim.model.pipeline_model import EPOCH, OnProgress, PipelineModel
from harness.lab.sim.model.recording import FolderRecorder
from harness.lab.sim.model.task_workers import OwnStation
from harness.lab.sim.platform.platform_settings import Platform, PlatformInvalid, Preset
from harness.lab.sim.platform.real_capacity import RealCapacity
from harness.lab.sim.station_measures import measured_stations, settings_of
from harness.lab.workload.faults.fault_window import FaultWorld
from harness.lab.workload.faults.playable import must_play
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.lab.workload.scenario_file import file_text
from harness.states_language.machine import StateMachine, Task
from harness.states_language.parser import parse_state_machine

if TYPE_CHECKING:
    from harness.lab.sim.compiled.compiled_model import CompiledModel

UNMODELLED = "unmodelled"
"""Key of the notes with the names of states that have no service model."""

installed_version = cache(version)
"""Return the version of a package; to read it takes a millisecond."""

NOT_COMPILED = "not_compiled"
"""Key of the notes with the reason why SimPy played a run that might have been compiled."""


class MachineInvalid(ValueError):
    """The state machine cannot be read or simulated; the message says where and why."""


def simulate(
    scenario: Scenario | str | Path,
    *,
    rate: float | None = None,
    duration: float | None = None,
    seed: int | None = None,
    replication: int = 0,
    engine: EngineName = "auto",
    state_machine: str | Path | Mapping[str, Any] | None = None,
    platform: Preset | None = None,
    overrides: Mapping[str, Any] | None = None,
    input: JsonValue = None,  # noqa: A002 - the name of the option
    stations: Mapping[str, OwnStation] | None = None,
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
        rate, duration, seed: Replace those of the scenario [1/s, s]; the shape of the arrivals stays.
        replication: Replication 0 has the arrivals and batches of a live run of the scenario.
        engine: ``simpy``, or ``compiled``, which gives the same rows much sooner; ``auto`` takes the compiled
            engine where it is exact and ready, else SimPy.
        state_machine: A file in Amazon States Language, or its content, instead of the blueprint's.
        platform: ``aws``, ``local`` (the stack on one machine), ``bare`` (takes no time) or ``simfaas``;
            by default that of the scenario, else ``aws``.
        overrides: Parameters of the platform by dotted key, e.g. ``{"mediaconvert.slots": 20}``.
        input: Input of the executions, for a state machine of yours; see ``Scenario.with_input``.
        stations: Stations of your own, written in SimPy, by the name of their Task; see
            ``docs/how_to/station.md``.
        out: The run folder; by default a new one under ``runs``.
        progress: Called with the model time that has passed [s].
        started_at: The time of second 0, with a time zone.
        command: The command that repeats the run, for its page.

    Raises:
        ScenarioError: The scenario file is invalid, or has a fault that the simulator cannot play.
        ValueError: The engine is unknown, a change is not valid, the input is too large, or no flow starts an
            execution.
        PlatformInvalid: A parameter of the platform does not exist or has an invalid value, or users would
            never end because their sessions take no time.
        MachineInvalid: The state machine cannot be simulated; the message says where.
        NotLowerable: The engine is ``compiled``, and cannot play this; the message says why.
        FolderUnfit: The run folder already holds a run, or cannot be written to.
    """
    if engine not in get_args(EngineName):
        raise ValueError(f"the engine must be one of {', '.join(get_args(EngineName))}, not {engine!r}")
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    scenario = scenario.changed(rate=rate, duration=duration, seed=seed)
    scenario = scenario if input is None else scenario.with_input(input)
    settings = platform_of(scenario, platform, overrides)
    _must_fit_simulator(scenario, settings)
    definition, digest = read_machine(state_machine)
    if out is not None:
        must_hold_a_run(Path(out))
    recorder = FolderRecorder()
    # Before the folder is created: an invalid state machine leaves nothing behind.
    try:
        model = PipelineModel(
            scenario,
            settings,
            recorder,
            machine=definition,
            replication=replication,
            epoch=started_at,
            stations=stations,
        )
    except ValueError as error:
        raise _machine_invalid(state_machine, error) from None
    compiled, reason = _compiled(engine, model, definition, replication, has_own_stations=bool(stations))
    player = "simpy" if compiled is None else "compiled"
    folder = Path(out) if out is not None else new_run_folder(scenario.name or "scenario", player)
    must_hold_a_run(folder)
    writer = RunWriter(folder, _header(model, folder, definition, digest, replication, started_at))
    if compiled is not None:
        try:
            return _run_compiled(compiled, model, writer, progress, command)
        except NotLowerable as error:
            if engine == "compiled":
                raise
            # SimPy overwrites what has been written.
            reason = str(error)
    return _run_simpy(model, recorder, writer, progress, command, reason)


def _machine_invalid(source: str | Path | Mapping[str, Any] | None, error: ValueError) -> MachineInvalid:
    """Return the error of a state machine; one of its input names no file."""
    is_file = isinstance(source, str | Path) and not isinstance(error, InputInvalid)
    return MachineInvalid(f"{source}: {error}" if is_file else str(error))


def _compiled(
    engine: EngineName,
    model: PipelineModel,
    machine: StateMachine | None,
    replication: int,
    *,
    has_own_stations: bool,
) -> "tuple[CompiledModel | None, str | None]":
    """Return the compiled form of a model; or None, and the reason why it cannot be compiled."""
    try:
        if has_own_stations:
            raise NotLowerable("stations of your own are SimPy processes")
        return compiled_model(engine, model.scenario, model.platform, machine, replication, rows=True), None
    except NotLowerable as error:
        if engine == "compiled":
            raise
        return None, str(error) if engine == "auto" else None


def _run_compiled(
    compiled: "CompiledModel",
    model: PipelineModel,
    writer: RunWriter,
    progress: OnProgress | None,
    command: str | None,
) -> Run:
    with writer.tables() as tables:
        end = compiled.run(progress, tables)
    notes = {"counts": compiled.counts(), REMARKS: compiled.remarks}
    run = writer.finish(
        tables.kept,
        duration_s=end,
        notes=_known(notes, command),
        engine="compiled",
        versions={**writer.header.versions, "numba": installed_version("numba")},
    )
    return _evaluated(run, model, compiled.api_visits)


def _run_simpy(
    model: PipelineModel,
    recorder: FolderRecorder,
    writer: RunWriter,
    progress: OnProgress | None,
    command: str | None,
    not_compiled: str | None,
) -> Run:
    with writer.part() as part:
        recorder.part = part
        try:
            end = model.run(progress)
        except InputInvalid as error:
            raise MachineInvalid(str(error)) from None
        recorder.settle(at_least=1)
    notes = {"counts": model.counts(), REMARKS: model.workflow.remarks, NOT_COMPILED: not_compiled}
    run = writer.finish(duration_s=end, notes=_known(notes, command))
    return _evaluated(run, model, drawn_api_visits(run, model.platform.api))


def _known(notes: Mapping[str, Any], command: str | None) -> dict[str, Any]:
    """Return the notes of a run that say something."""
    return {name: value for name, value in {**notes, "command": command}.items() if value}


def _evaluated(run: Run, model: PipelineModel, api: ApiVisits) -> Run:
    """Write into the run folder what its tables tell: the audit, and the use of the stations."""
    write_audit(run.folder, TABLES, audit_tables(run))
    write_stations(run, settings_of(model), list(measured_stations(run, model, api)))
    return run


def must_fit_blueprint(scenario: Scenario) -> None:
    """
    Check the sections of a scenario that only the simulator and modelled handlers read.

    Raises:
        ValueError: A service model or a parameter of the platform belongs to nothing in the blueprint.
    """
    PipelineModel(scenario, platform_of(scenario), FolderRecorder())


def must_simulate(
    scenario: Scenario,
    settings: Platform,
    machine: StateMachine | None = None,
    source: str | Path | Mapping[str, Any] | None = None,
) -> None:
    """
    Check once, before many runs, what `simulate` checks before each; it takes some milliseconds.

    Args:
        source: Where the state machine was read from, for the message.

    Raises:
        ScenarioError: The scenario has a fault that the simulator cannot play.
        PlatformInvalid: The users of the scenario would never end.
        MachineInvalid: The state machine cannot be simulated, or a setting belongs to nothing in it.
    """
    _must_fit_simulator(scenario, settings)
    try:
        PipelineModel(scenario, settings, FolderRecorder(), machine=machine)
    except ValueError as error:
        raise _machine_invalid(source, error) from None


def _must_fit_simulator(scenario: Scenario, settings: Platform) -> None:
    must_play(scenario, FaultWorld.SIMULATED)
    if scenario.users and take_no_time(scenario, settings):
        users = "1 user" if scenario.users == 1 else f"{scenario.users} users"
        raise PlatformInvalid(
            f"{users} would never end: the sessions take no time on this platform; use arrivals instead of "
            "users, or give it a latency, e.g. platform.api.request_s"
        )


def platform_of(
    scenario: Scenario, preset: Preset | None = None, overrides: Mapping[str, Any] | None = None
) -> Platform:
    """Return the platform on which a scenario is simulated; raise PlatformInvalid as `Platform.read` does."""
    slots = load_template(parameters={"CallbackUrl": ""}).media_convert_queue.concurrent_jobs
    return Platform.read(
        scenario.platform,
        overrides,
        preset=preset,
        time_scale=scenario.time_scale,
        real=RealCapacity.of(slots) if scenario.media == "real" else None,
    )


def read_machine(source: str | Path | Mapping[str, Any] | None) -> tuple[StateMachine | None, str | None]:
    """
    Read a state machine from a file or a document; return it and the SHA-256 of the file.

    Both are None without a source: then the blueprint's state machine is used.
    """
    if source is None:
        return None, None
    if isinstance(source, Mapping):
        return _parsed(source, "state machine"), None
    path = Path(source)
    try:
        text = file_text(path)
    except OSError as error:
        raise MachineInvalid(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise MachineInvalid(f"{path} {error}") from None
    return _parsed(text, str(path)), hashlib.sha256(text.encode()).hexdigest()


def warnings_of(run: Run) -> Iterator[str]:
    """Yield warnings about a simulated run: states without a service model, errors in the state machine."""
    for name in run.header.notes.get(UNMODELLED, ()):
        # A TOML key with other characters is quoted.
        key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
        yield (
            f"{name} has no service time: 0 s without errors is assumed; "
            f"define it with [model.{key}] in the scenario"
        )
    yield from run.header.notes.get(REMARKS, ())


def note_of_engine(run: Run) -> str | None:
    """Return why SimPy played a run that the compiled engine might have played; None if it was chosen."""
    reason = run.header.notes.get(NOT_COMPILED)
    return None if reason is None else f"played by SimPy, not by the compiled engine: {reason}"


def _parsed(definition: str | Mapping[str, Any], name: str) -> StateMachine:
    try:
        return parse_state_machine(definition)
    except ValueError as error:
        raise MachineInvalid(f"{name}: {error}") from None


def _header(
    model: PipelineModel,
    folder: Path,
    definition: StateMachine | None,
    digest: str | None,
    replication: int,
    started_at: datetime,
) -> RunHeader:
    scenario = model.scenario
    notes: dict[str, Any] = {
        "platform": model.platform.model_dump(mode="json", by_alias=True),
        "security": "assumed: the model refuses every attempt that must be refused",
    }
    if definition is not None:
        notes[TASKS] = [state.name for state in definition.all_states() if isinstance(state, Task)]
        if definition.returns_to_start:
            notes[LOOPS] = True
    if model.workers.unmodelled:
        notes[UNMODELLED] = model.workers.unmodelled
    if unused := model.functions.unused:
        # The state machine does not call these functions, so no alarm on them can be evaluated.
        notes[UNOBSERVED] = [f"AWS/Lambda{labels_text({'FunctionName': name})}" for name in unused]
    return RunHeader(
        id=folder.name,
        engine="simpy",
        scenario_name=scenario.name,
        scenario=scenario.model_dump(mode="json"),
        scenario_hash=scenario.hash,
        blueprint_hash=digest or model.template.hash,
        seed=scenario.seed,
        replication=replication,
        started_at=started_at,
        arrival_rate=scenario.arrival_rate,
        versions={name: installed_version(name) for name in ("simpy", "numpy")}
        | {"harness": installed_version("media-harness"), "python": machine.python_version()},
        machine={"host": machine.node(), "processors": os.cpu_count() or 1},
        notes=notes,
    )
