"""
The verb ``harness plan``: find the least capacity, or the greatest arrival rate, for an objective.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.capacity_search import (
    LiveOptions,
    must_fit_together,
    plan_frontier,
    plan_one,
    ranges_of,
)
from harness.cli.completion import scenarios
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
from harness.cli.simulation_settings import split_settings, values_of


def plan(
    scenario: Annotated[
        Path, typer.Argument(help="The scenario: a file, or a name such as steady.", autocompletion=scenarios)
    ],
    *,
    vary: Annotated[
        list[str],
        typer.Option(
            help="The parameter, e.g. mediaconvert.slots or rate; two, each with --from and --to, for "
            "their frontier.",
            metavar="KEY",
        ),
    ],
    low: Annotated[list[str], typer.Option("--from", help="Smallest candidate.", metavar="NUMBER")],
    high: Annotated[list[str], typer.Option("--to", help="Largest candidate.", metavar="NUMBER")],
    objective: Annotated[
        str,
        typer.Option(
            "--for",
            help='The objective: "p95(E2E:ready) <= 10 min" or "fail_ratio(E2E:ready) <= 1 %".',
            metavar="OBJECTIVE",
        ),
    ],
    step: Annotated[
        list[str] | None,
        typer.Option(
            help="Between two candidates.  [default: 1 for whole numbers, else 1/50 of the range]",
            metavar="NUMBER",
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Confidence of the answer.")] = 0.95,
    replications: Annotated[int, typer.Option(help="Most replications of one candidate.", min=2)] = 1280,
    confirm_live: Annotated[
        bool,
        typer.Option(
            "--confirm-live",
            help="Play the answer and the next harder value on the local stack, with modelled handlers.",
        ),
    ] = False,
    time_scale: Annotated[
        float | None,
        typer.Option(
            help="With --confirm-live: model seconds per clock second.  [default: a run of about a minute, "
            "if the machine carries its rate]"
        ),
    ] = None,
    live_runs: Annotated[int, typer.Option(help="With --confirm-live: live runs of each value.", min=1)] = 1,
    processes: ProcessesOption = None,
    dask: DaskOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the results; an interrupted search continues in its folder.  "
            "[default: runs/<time>-<scenario>-plan]"
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Set another parameter, e.g. dispatcher.batch_size=1.", metavar="KEY=VALUE"
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", help="Mean arrival rate in model time: 4/s, 240/min.", metavar="RATE"),
    ] = None,
    duration: DurationOption = None,
    seed: SeedOption = None,
    warm_up: WarmUpOption = None,
    calibration: CalibrationOption = None,
    state_machine: StateMachineOption = None,
    engine: EngineOption = "auto",
    platform: PlatformOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON on stdout.")] = False,
) -> None:
    """
    Find the least value of a parameter with which an objective holds; of rate and users the greatest.

    Each candidate is replicated until it is decided, all with the same random numbers. Fresh replications
    confirm the answer, and try the next candidate. The folder gets capacity.csv and capacity.png. With two
    parameters the frontier is searched: the pairs of which neither can be made harder (frontier.csv and
    frontier.png, with the cost of each). --confirm-live says whether the local stack agrees
    (confirmation.json).
    Exit codes: 0 found, 2 invalid scenario, parameter or folder, 3 no candidate suffices or the live stack
    disagrees, 4 inconclusive, 5 no scheduler.

    Example: harness plan steady --vary mediaconvert.slots --from 5 --to 40 --for "p95(E2E:ready) <= 10 min"
    """
    sys.stderr.write(f"simulating {scenario} until the objective holds\n")
    with exit_on_sweep_failure("plan"):
        from harness.lab.gate.scenario_reader import read_scenario
        from harness.lab.results.writer import new_run_folder

        ranges = ranges_of(vary, low, high, step or [])
        confirmation = LiveOptions(time_scale, live_runs, warm_up) if confirm_live else None
        must_fit_together(ranges, confirmation, time_scale, live_runs, state_machine)
        changes, overrides = split_settings(settings or [])
        changed = read_scenario(
            scenario,
            changes,
            calibration=calibration,
            rate=None if rate is None else values_of("rate", rate)[0],
            duration=duration,
            seed=seed,
        )
        common: dict[str, Any] = {
            "confidence": confidence,
            "replications": replications,
            "executor": dask,
            "processes": processes,
            "out": out or new_run_folder(changed.name, "plan"),
            "warm_up": warm_up,
            "state_machine": state_machine,
            "engine": engine,
            "platform": platform,
            "overrides": overrides,
        }
        search = plan_frontier if len(ranges) == 2 else plan_one
        raise typer.Exit(search(changed, ranges, objective, common, confirmation, json=json))
