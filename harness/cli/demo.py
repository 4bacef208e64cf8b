"""
``harness demo``: everything once, on this machine.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from harness.lab.results.run import Run

SMOKE = Path(__file__).parents[2] / "scenarios" / "smoke.toml"


def demo(
    scenario: Annotated[
        Path, typer.Argument(help="What to play.", show_default="scenarios/smoke.toml")
    ] = SMOKE,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
) -> None:
    """
    Start the stack, play the smoke scenario on real media with Locust, simulate it, judge it, write its page.

    Leaves with the judge's exit code; nothing stays behind but the two run folders.

    Example: harness demo
    """
    from rich.console import Console

    from harness.cli.exit_codes import ExitCode
    from harness.cli.failures import leaving
    from harness.cli.run_target import play_scenario
    from harness.cli.scenario_arguments import command_line
    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.gate.outputs import announce, write
    from harness.lab.report.page import render
    from harness.lab.results.summary import Summary
    from harness.lab.sim.cost import bill

    console = Console(stderr=True, highlight=False)
    with leaving("demo"):
        console.print("[bold]1/4[/] Locust plays real photos, a video and a PDF against the service")
        live = play_scenario(scenario, command=command_line())
        console.print("[bold]2/4[/] SimPy plays the same scenario against the blueprint")
        twin = _simulated(scenario)
        console.print("[bold]3/4[/] the judge")
        verdict = check_run(live)
        write(verdict, live.folder)
        console.print(Summary.of(live).to_rich())
        console.print(_side_by_side(live, twin))
        announce(verdict, as_json=json)
        console.print("[bold]4/4[/] the page")
        page = render(live, verdict, twin, cost=bill(live).to_dict())
    sys.stderr.write(f"run: {live.folder}\nsimulated: {twin.folder}\npage: {page}\n")
    raise typer.Exit(ExitCode(verdict.exit_code))


def _simulated(scenario: Path) -> "Run":
    """The scenario's twin on a platform like this machine's stack."""
    from harness.lab.sim.simulation import simulate
    from harness.lab.workload.scenario import load_scenario

    return simulate(load_scenario(scenario), platform="local")


def _side_by_side(live: "Run", twin: "Run") -> "Table":
    from rich.table import Table

    from harness.lab.results.summary import Summary

    table = Table("", "live", "simulated", title="Both worlds", title_justify="left", box=None)
    for (name, here), (_, there) in zip(
        Summary.of(live).metrics.lines(), Summary.of(twin).metrics.lines(), strict=True
    ):
        table.add_row(name, here, there)
    return table
