"""
``harness load``: play a scenario and judge it.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from harness.cli.exit_codes import ExitCode


def load(
    scenario: Annotated[Path, typer.Argument(help="The scenario file to play.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The run folder.  [default: runs/<time>-<scenario>-live]")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Mean arrival rate [1/s of model time].", min=0)] = None,
    duration: Annotated[
        float | None, typer.Option(help="How long arrivals keep coming [model seconds].", min=0)
    ] = None,
    processes: Annotated[int, typer.Option(help="Locust workers on this machine.", min=1)] = 1,
    host: Annotated[
        str | None,
        typer.Option(
            help="A service that speaks the contract.  [default: the stack that is up, or a new one]"
        ),
    ] = None,
    identities: Annotated[
        Path | None, typer.Option(help="CSV: listing_id,development,role,token.", metavar="FILE")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the scenario's.", min=0)] = None,
    users: Annotated[
        int | None, typer.Option(help="Play closed, with so many users, instead of at a rate.", min=1)
    ] = None,
    ui: Annotated[bool, typer.Option("--ui", help="Open Locust's page and start from there.")] = False,
    validate: Annotated[
        bool, typer.Option("--validate", help="Only say whether the scenario is one.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
) -> None:
    """
    Play a scenario with Locust and judge the run.

    Arrivals come when they are due, however slow the service is; times count from then.
    Leaves with 0 fine, 2 bad scenario, 3 breached, 4 inconclusive, 5 target unreachable, 6 a forbidden
    attempt succeeded.

    Example: harness load scenarios/steady.toml --duration 60 --processes 2
    """
    from harness.cli.stage import StageUnfit
    from harness.lab.load.launch import LoadFailed
    from harness.lab.load.preflight import Unreachable
    from harness.lab.workload.identities import IdentitiesInvalid
    from harness.lab.workload.scenario_file import ScenarioError

    signal.signal(signal.SIGTERM, _interrupt)
    adjustments = {"rate": rate, "duration": duration, "seed": seed, "users": users}
    try:
        if validate:
            raise typer.Exit(_validate(scenario, adjustments))
        raise typer.Exit(_play(scenario, adjustments, host, identities, out, processes, ui, json))
    except (ScenarioError, StageUnfit, IdentitiesInvalid) as error:
        _leave(ExitCode.USAGE, error)
    except Unreachable as error:
        _leave(ExitCode.UNREACHABLE, error)
    except LoadFailed as error:
        _leave(ExitCode.UNEXPECTED, error)
    except KeyboardInterrupt:
        _leave(ExitCode.INCONCLUSIVE, "interrupted before the run began")


def _validate(path: Path, adjustments: dict[str, Any]) -> ExitCode:
    from harness.cli.stage import read
    from harness.lab.load.plan import Needs, numbered

    scenario = read(path, **adjustments)
    needs = Needs.of(scenario)
    arrivals = f"{scenario.users} users" if scenario.users else f"{len(numbered(scenario))} arrivals"
    sys.stdout.write(
        f"{path}: {arrivals} in {scenario.duration_s:g} s ({scenario.duration_s / scenario.time_scale:g} s "
        f"of clock), {needs.ordinary} listings and {needs.developments} developments\n"
    )
    return ExitCode.OK


def _play(
    path: Path,
    adjustments: dict[str, Any],
    host: str | None,
    identities: Path | None,
    out: Path | None,
    processes: int,
    ui: bool,
    as_json: bool,
) -> ExitCode:
    from rich.console import Console

    from harness.cli.stage import play_scenario
    from harness.cli.verdicts import EXITS, announce, judge_folder
    from harness.lab.results.summary import Summary

    run = play_scenario(
        path, host=host, identities=identities, out=out, processes=processes, ui=ui, **adjustments
    )
    verdict = judge_folder(run.folder)
    Console(stderr=True).print(Summary.of(run).to_rich())
    announce(verdict, as_json=as_json)
    sys.stderr.write(f"run: {run.folder}\n")
    return EXITS[verdict.outcome]


def _interrupt(*_: object) -> NoReturn:
    """Treat SIGTERM, which is what CI and Kubernetes send, as Ctrl-C."""
    raise KeyboardInterrupt


def _leave(code: ExitCode, why: object) -> NoReturn:
    sys.stderr.write(f"harness load: {why}\n")
    raise typer.Exit(code) from None
