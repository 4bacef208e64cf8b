"""``harness demo``: play, simulate, evaluate and report the smoke scenario on this machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from harness.lab.results.run import Run

SMOKE = Path("smoke")


def demo(
    scenario: Annotated[Path, typer.Argument(help="The scenario: a file, or a name.")] = SMOKE,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
) -> None:
    """
    Start a stack, play the smoke scenario with real media, simulate it, evaluate it and write its report.

    A stack that already runs is not used. The started one is stopped at the end; the two run folders remain.
    Exit codes: those of harness check.

    Example: harness demo
    """
    sys.stderr.write("1/4 Locust plays real photos, a video and a PDF against the service\n")
    from rich.console import Console

    from harness.api.play import play
    from harness.cli.command_line import command_line
    from harness.cli.exit_codes import ExitCode
    from harness.cli.failures import exit_on_failure
    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.gate.outputs import announce, write
    from harness.lab.report.page import render
    from harness.lab.sim.cost import bill
    from harness.lab.sim.simulation import simulate
    from harness.lab.workload.scenario import load_scenario

    console = Console(stderr=True, highlight=False)
    with exit_on_failure("demo"):
        live = play(scenario, command=command_line(), own_stack=True)
        console.print("2/4 SimPy simulates the same scenario on a platform like this stack")
        simulated = simulate(load_scenario(scenario), platform="local")
        console.print("3/4 The alarms and objectives are evaluated")
        verdict = check_run(live)
        write(verdict, live.folder)
        console.print(live.summary.to_rich())
        console.print(_comparison(live, simulated))
        announce(verdict, as_json=json)
        console.print("4/4 The report page is written")
        page = render(live, verdict, simulated, cost=bill(live).to_dict())
    sys.stderr.write(f"run: {live.folder}\nsimulated: {simulated.folder}\npage: {page}\n")
    raise typer.Exit(ExitCode(verdict.exit_code))


def _comparison(live: "Run", simulated: "Run") -> "Table":
    """Return the metrics of both runs as a table."""
    from rich.table import Table

    table = Table(title="Live and simulated", title_justify="left", box=None)
    table.add_column("", overflow="fold")
    table.add_column("live")
    table.add_column("simulated")
    lines = (run.summary.metrics.lines() for run in (live, simulated))
    for (name, live_value), (_, simulated_value) in zip(*lines, strict=True):
        table.add_row(name, live_value, simulated_value)
    return table
