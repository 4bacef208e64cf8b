"""
The verb ``harness sweep``: simulate a scenario at every point of a grid of parameters.
"""

import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.completion import scenarios
from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_on_sweep_failure
from harness.cli.shared_options import (
    CalibrationOption,
    DaskOption,
    DurationOption,
    EngineOption,
    PlatformOption,
    ProcessesOption,
    SeedOption,
    StateMachineOption,
    WarmUpOption,
)
from harness.cli.simulation_settings import SettingInvalid, grid_of, split_settings

if TYPE_CHECKING:
    import pandas as pd

    from harness.lab.report.charts.chart import Chart


def sweep(
    scenario: Annotated[
        Path, typer.Argument(help="The scenario: a file, or a name such as steady.", autocompletion=scenarios)
    ],
    *,
    vary: Annotated[
        list[str],
        typer.Option(
            help="A parameter and its values, e.g. mediaconvert.slots=10,15,20 or rate=0.2,12/min; "
            "with --tornado or --morris only its name.",
            metavar="KEY=VALUES",
        ),
    ],
    replications: Annotated[int, typer.Option(help="Independent runs of each cell of the grid.", min=1)] = 10,
    tornado: Annotated[
        bool, typer.Option("--tornado", help="Change each parameter a little, one at a time.")
    ] = False,
    morris: Annotated[
        bool,
        typer.Option(
            "--morris",
            help="Screen the parameters by the method of Morris: change all of them, one after the other.",
        ),
    ] = False,
    trajectories: Annotated[
        int | None,
        typer.Option(help="With --morris: walks through the space of the parameters.  [default: 10]", min=2),
    ] = None,
    change: Annotated[
        float | None,
        typer.Option(
            help="With --tornado or --morris: how much, as a part of the parameter.  [default: 0.2]"
        ),
    ] = None,
    processes: ProcessesOption = None,
    dask: DaskOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the results; an interrupted sweep continues in its folder.  "
            "[default: runs/<time>-<scenario>-sweep]"
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Set a parameter for all cells, e.g. dispatcher.batch_size=1.", metavar="KEY=VALUE"
        ),
    ] = None,
    duration: DurationOption = None,
    seed: SeedOption = None,
    warm_up: WarmUpOption = None,
    calibration: CalibrationOption = None,
    state_machine: StateMachineOption = None,
    engine: EngineOption = "auto",
    platform: PlatformOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON on stdout.")] = False,
) -> None:
    """
    Simulate a scenario at every point of a grid of parameters, with intervals.

    All cells have the same random numbers, and the results do not depend on where they are computed. The
    folder gets sweep.csv and sweep.png (with --tornado sensitivity.csv and sensitivity.png, with --morris
    morris.csv and morris.png). A second call with the same folder computes only what is missing there.
    A tornado says how much each parameter matters where the system is; Morris (needs SALib, the extra
    sensitivity) how much it matters when the others have other values, too.
    Exit codes: 0 done, 2 invalid scenario, parameter or folder, 4 interrupted, 5 no scheduler.

    Example: harness sweep steady --vary mediaconvert.slots=10,15,20 --vary rate=0.2,0.4
    """
    sys.stderr.write(f"simulating {scenario} at several points\n")
    with exit_on_sweep_failure("sweep"):
        import harness
        from harness.lab.gate.scenario_reader import read_scenario
        from harness.lab.results.writer import new_run_folder

        if tornado and morris:
            raise SettingInvalid("--tornado and --morris exclude each other")
        if trajectories is not None and not morris:
            raise SettingInvalid("--trajectories belongs to --morris")
        if change is not None and not (morris or tornado):
            raise SettingInvalid("--change belongs to --tornado and --morris")
        change = 0.2 if change is None else change
        changes, overrides = split_settings(settings or [])
        changed = read_scenario(scenario, changes, calibration=calibration, duration=duration, seed=seed)
        folder = out or new_run_folder(changed.name, "sweep")
        common: dict[str, Any] = {
            "replications": replications,
            "executor": dask,
            "processes": processes,
            "out": folder,
            "warm_up": warm_up,
            "state_machine": state_machine,
            "engine": engine,
            "platform": platform,
            "overrides": overrides,
        }
        if morris:
            screened = harness.morris(
                changed, _names(vary), change=change, trajectories=trajectories or 10, **common
            )
            _show(screened.to_frame(), screened.chart, folder, json=json)
        elif tornado:
            found = harness.sensitivity(changed, _names(vary), change=change, **common)
            _show(found.to_frame(), found.chart, folder, json=json)
        else:
            swept = harness.sweep(changed, grid_of(vary), **common)
            _show(swept.to_frame(), swept.chart, folder, json=json)
        raise typer.Exit(ExitCode.OK)


def _names(varied: list[str]) -> list[str]:
    if with_values := [text for text in varied if "=" in text]:
        raise SettingInvalid(
            f"with --tornado or --morris --vary takes a name without values, not {with_values[0]!r}"
        )
    return [name.strip().removeprefix("platform.") for text in varied for name in text.split(",")]


def _show(frame: "pd.DataFrame", chart: "Chart", folder: Path, *, json: bool) -> None:
    text = frame.map(_cell).to_string(index=False, float_format=lambda value: f"{value:.4g}")
    sys.stderr.write(f"{text}\n{chart.finding}\nfolder: {folder}\n")
    if json:
        rows = json_format.loads(frame.to_json(orient="records", double_precision=15))
        sys.stdout.write(json_format.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def _cell(value: Any) -> Any:
    """Return a distribution in words, e.g. ``lognormal median 0.128 sigma 0.216``; other values unchanged."""
    if not isinstance(value, dict):
        return value
    given = {name: part for name, part in value.items() if part is not None and (name, part) != ("min", 0)}
    kind = given.pop("distribution", "")
    return " ".join([kind, *(f"{name} {part:.4g}" for name, part in given.items())]).strip()
