"""
``harness load``: play a scenario and judge it.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from harness.lab.load.locust_process import Master
    from harness.lab.results.run import Run


def load(
    scenario: Annotated[
        Path | None, typer.Argument(help="The scenario file to play; a worker need not name one.")
    ] = None,
    *,
    out: Annotated[
        Path | None, typer.Option(help="The run folder.  [default: runs/<time>-<scenario>-live]")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Mean arrival rate [1/s of model time].")] = None,
    duration: Annotated[
        float | None, typer.Option(help="How long arrivals keep coming [model seconds].")
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
    metrics_url: Annotated[
        list[str] | None,
        typer.Option(help="A Prometheus page of the host; again for each of its processes.", metavar="URL"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the scenario's.")] = None,
    users: Annotated[
        int | None, typer.Option(help="Play closed, with so many users, instead of at a rate.")
    ] = None,
    ui: Annotated[bool, typer.Option("--ui", help="Open Locust's page and start from there.")] = False,
    validate: Annotated[
        bool, typer.Option("--validate", help="Only say whether the scenario is one.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
    master: Annotated[
        bool,
        typer.Option("--master", help="Let workers elsewhere play; judge here."),
    ] = False,
    expect_workers: Annotated[
        int,
        typer.Option(help="Master: begin when so many have come.", min=1),
    ] = 1,
    bind: Annotated[str, typer.Option(help="Master: address to listen on; *: all.")] = "*",
    worker: Annotated[
        bool,
        typer.Option(
            "--worker",
            help="Play what a master says: of the other options only --processes counts, and SCENARIO, if "
            "given, must be the master's.",
        ),
    ] = False,
    master_host: Annotated[str | None, typer.Option(help="Worker: where the master is.")] = None,
    port: Annotated[int, typer.Option(help="Port of the master.", min=1, max=65535)] = 5557,
) -> None:
    """
    Play a scenario with Locust and judge the run.

    Arrivals come when they are due, however slow the service is; times count from then.
    At a --host the alarms are judged as far as its status and its Prometheus pages show what they watch.

    Leaves with 0 fine, 2 bad scenario, 3 breached, 4 inconclusive, 5 target unreachable, 6 a forbidden
    attempt succeeded.

    Example: harness load scenarios/steady.toml --duration 60 --processes 2
    """
    from harness.cli.failures import leave, leaving

    target = {"host": host, "identities": identities, "metrics_urls": metrics_url or ()}
    adjustments = {"rate": rate, "duration": duration, "seed": seed, "users": users}
    adjusted = any(value is not None for value in adjustments.values())
    if wrong := _misuse(
        scenario, ui=ui, master=master, worker=worker, master_host=master_host, adjusted=adjusted
    ):
        leave("load", ExitCode.USAGE, wrong)
    with leaving("load"):
        if worker:
            code = _join(str(master_host), port, processes, scenario, adjustments)
        elif scenario is None:
            raise AssertionError("a missing scenario is misuse")
        elif validate:
            code = _validate(scenario, adjustments)
        elif ui:
            code = _serve(scenario, target, out, processes)
        else:
            conducting = _master(expect_workers, bind, port) if master else None
            code = _play(scenario, adjustments, target, out, processes, conducting, json)
    raise typer.Exit(code)


def _misuse(
    scenario: Path | None, *, ui: bool, master: bool, worker: bool, master_host: str | None, adjusted: bool
) -> str | None:
    """Return what does not go together in what was asked for, in words."""
    if master and worker:
        return "either --master or --worker"
    if worker and master_host is None:
        return "--worker needs --master-host: the address of the machine that runs with --master"
    if master and ui:
        return "--ui plays on this machine only"
    if ui and adjusted:
        return (
            "--ui plays scenarios as they are, at the rate said on its page: "
            "leave out --rate, --duration, --seed and --users"
        )
    if scenario is None and not worker:
        return "name a scenario file, e.g. scenarios/smoke.toml"
    return None


def _master(workers: int, bind: str, port: int) -> "Master":
    from harness.lab.load.locust_process import Master

    return Master(workers, bind, port)


def _join(host: str, port: int, processes: int, path: Path | None, adjustments: dict[str, Any]) -> ExitCode:
    from harness.cli.scenario_arguments import read
    from harness.lab.load.remote_worker import join

    scenario_hash = read(path, **adjustments).hash if path else None
    join(host, port=port, processes=processes, scenario_hash=scenario_hash)
    return ExitCode.OK


def _validate(path: Path, adjustments: dict[str, Any]) -> ExitCode:
    from harness.cli.scenario_arguments import read
    from harness.lab.load.run_plan import ListingNeeds, numbered

    scenario = read(path, **adjustments)
    needs = ListingNeeds.of(scenario)
    arrivals = f"{scenario.users} users" if scenario.users else f"{len(numbered(scenario))} arrivals"
    sys.stdout.write(
        f"{path}: {arrivals} in {scenario.duration_s:g} s ({scenario.duration_s / scenario.time_scale:g} s "
        f"of clock), {needs.ordinary} listings and {needs.developments} developments\n"
    )
    return ExitCode.OK


def _play(
    path: Path,
    adjustments: dict[str, Any],
    target: dict[str, Any],
    out: Path | None,
    processes: int,
    master: "Master | None",
    as_json: bool,
) -> ExitCode:
    from harness.cli.run_target import play_scenario
    from harness.cli.scenario_arguments import command_line

    run = play_scenario(
        path,
        out=out,
        processes=processes,
        master=master,
        command=command_line(),
        **target,
        **adjustments,
    )
    return _judge(run, as_json=as_json)


def _serve(path: Path, target: dict[str, Any], out: Path | None, processes: int) -> ExitCode:
    from harness.cli.run_target import serve
    from harness.cli.scenario_arguments import command_line

    codes: list[ExitCode] = []
    runs = out or Path("runs")
    serve(
        path,
        on_run=lambda run: codes.append(_judge(run, as_json=False)),
        runs=runs,
        processes=processes,
        command=command_line(),
        **target,
    )
    return max(codes, default=ExitCode.OK)


def _judge(run: "Run", *, as_json: bool) -> ExitCode:
    from rich.console import Console

    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.gate.outputs import announce, write
    from harness.lab.results.notes import REMARKS
    from harness.lab.results.summary import Summary

    verdict = check_run(run)
    write(verdict, run.folder)
    Console(stderr=True).print(Summary.of(run).to_rich())
    announce(verdict, as_json=as_json)
    for remark in run.header.notes.get(REMARKS, ()):
        sys.stderr.write(f"note: {remark}\n")
    sys.stderr.write(f"run: {run.folder}\n")
    return ExitCode(verdict.exit_code)
