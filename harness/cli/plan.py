"""
The verb ``harness plan``: find the least capacity, or the greatest arrival rate, for an objective.
"""

import json as json_format
import math
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
from harness.cli.simulation_settings import SettingInvalid, split_settings, values_of

if TYPE_CHECKING:
    from harness.experiments import ChartedCapacity
    from harness.lab.sim.sweep.capacity import CapacityProbe


def plan(
    scenario: Annotated[
        Path, typer.Argument(help="The scenario: a file, or a name such as steady.", autocompletion=scenarios)
    ],
    *,
    vary: Annotated[str, typer.Option(help="The parameter, e.g. mediaconvert.slots or rate.", metavar="KEY")],
    low: Annotated[str, typer.Option("--from", help="Smallest candidate.", metavar="NUMBER")],
    high: Annotated[str, typer.Option("--to", help="Largest candidate.", metavar="NUMBER")],
    objective: Annotated[
        str,
        typer.Option(
            "--for",
            help='The objective: "p95(E2E:ready) <= 10 min" or "fail_ratio(E2E:ready) <= 1 %".',
            metavar="OBJECTIVE",
        ),
    ],
    step: Annotated[
        str | None,
        typer.Option(
            help="Between two candidates.  [default: 1 for whole numbers, else 1/50 of the range]",
            metavar="NUMBER",
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Confidence of the answer.")] = 0.95,
    replications: Annotated[int, typer.Option(help="Most replications of one candidate.", min=2)] = 320,
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
    confirm the answer, and try the next candidate. The folder gets capacity.csv and capacity.png.
    Exit codes: 0 found, 2 invalid scenario, parameter or folder, 3 no candidate suffices, 4 inconclusive,
    5 no scheduler.

    Example: harness plan steady --vary mediaconvert.slots --from 5 --to 40 --for "p95(E2E:ready) <= 10 min"
    """
    sys.stderr.write(f"simulating {scenario} until the objective holds\n")
    with exit_on_sweep_failure("plan"):
        from harness import experiments
        from harness.lab.gate.scenario_reader import read_scenario
        from harness.lab.results.writer import new_run_folder

        changes, overrides = split_settings(settings or [])
        changed = read_scenario(
            scenario,
            changes,
            calibration=calibration,
            rate=None if rate is None else values_of("rate", rate)[0],
            duration=duration,
            seed=seed,
        )
        folder = out or new_run_folder(changed.name, "plan")
        key = vary.removeprefix("platform.")
        found = experiments.plan(
            changed,
            key,
            _number(key, "--from", low),
            _number(key, "--to", high),
            objective,
            step=None if step is None else _number(key, "--step", step),
            confidence=confidence,
            replications=replications,
            executor=dask,
            processes=processes,
            out=folder,
            warm_up=warm_up,
            state_machine=state_machine,
            engine=engine,
            platform=platform,
            overrides=overrides,
            progress=sys.stderr.isatty(),
            on_probe=lambda probe: _show_probe(key, probe),
        )
        sys.stderr.write(f"{found.reason}\n")
        if found.bill is not None:
            dollars = found.bill.per_thousand(found.bill.dollars)
            sys.stderr.write(f"cost: ${dollars:.2f} per 1,000 batches\n")
        sys.stderr.write(f"folder: {folder}\n")
        if json:
            sys.stdout.write(json_format.dumps(_document(found), indent=2, ensure_ascii=False) + "\n")
        raise typer.Exit(_EXIT_CODES[found.result])


_EXIT_CODES = {
    "pass": ExitCode.OK,
    "fail": ExitCode.BREACHED,
    "inconclusive": ExitCode.INCONCLUSIVE,
}
"""By the result of the search."""


def _number(key: str, option: str, text: str) -> int | float:
    values = values_of(key, text)
    if len(values) != 1 or isinstance(values[0], bool) or not isinstance(values[0], int | float):
        raise SettingInvalid(f"{option} takes a number, not {text!r}")
    return values[0]


def _show_probe(key: str, probe: "CapacityProbe") -> None:
    sys.stderr.write(
        f"{probe.purpose.value:<12} {key} = {probe.value:<8g} {probe.result.value:<12} {probe.estimate}\n"
    )


def _document(found: "ChartedCapacity") -> dict[str, Any]:
    rows = found.to_frame().to_dict(orient="records")
    probes = [{str(key): _finite(value) for key, value in row.items()} for row in rows]
    bill = found.bill
    return {
        "parameter": found.key,
        "objective": found.objective,
        "wanted": "greatest" if found.greatest else "least",
        "value": found.value,
        "result": found.result.value,
        "reason": found.reason,
        "next_fails": found.next_fails,
        "usd_per_thousand_batches": None if bill is None else bill.per_thousand(bill.dollars),
        "probes": probes,
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
