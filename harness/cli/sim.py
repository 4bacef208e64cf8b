"""
``harness sim``: play a scenario in simulation and judge it.
"""

import json as json_format
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from harness.lab.results.run import Run
    from harness.lab.sim.experiment.experiment import Experiment
    from harness.lab.sim.experiment.quantiles import Estimate
    from harness.lab.workload.scenario import Scenario

MOST_REPLICATIONS = 200
"""With --precision and without --replications."""


def sim(
    scenario: Annotated[Path, typer.Argument(help="The scenario file to play.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The run folder.  [default: runs/<time>-<scenario>-simpy]")
    ] = None,
    engine: Annotated[Literal["simpy"], typer.Option(help="What plays it.")] = "simpy",
    replications: Annotated[
        int, typer.Option(help="Independent runs, for confidence intervals; the first is recorded.", min=1)
    ] = 1,
    precision: Annotated[
        float | None,
        typer.Option(
            help="Replicate until p95 of ready is this precise, e.g. 0.05; --replications is then the most."
        ),
    ] = None,
    warm_up: Annotated[
        float | None,
        typer.Option(help="Arrivals before this are not counted [s].  [default: found by MSER-5]"),
    ] = None,
    processes: Annotated[int | None, typer.Option(help="Replications side by side.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the scenario's.")] = None,
    duration: Annotated[
        float | None, typer.Option(help="How long arrivals keep coming [model seconds].")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Mean arrival rate [1/s of model time].")] = None,
    state_machine: Annotated[
        Path | None, typer.Option(help="Play this state machine (ASL) instead of ours.", metavar="FILE")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Service times and platform as measured, not as assumed.", metavar="FILE"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter, e.g. mediaconvert.slots=20.", metavar="KEY=VALUE"),
    ] = None,
    platform: Annotated[
        Literal["aws", "local"] | None,
        typer.Option(help="AWS, or the stack of one machine.  [default: the scenario's, else aws]"),
    ] = None,
    prices: Annotated[Path | None, typer.Option(help="Price table instead of ours.", metavar="FILE")] = None,
    trace: Annotated[
        int | None,
        typer.Option(
            help="Show the life of this arrival's batch, and write it for Perfetto.", metavar="BATCH"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
) -> None:
    """
    Play a scenario in simulation and judge the run.

    The state machine played is the one the stack deploys; arrivals, batches and service times are those
    of the live load. --set changes the platform (mediaconvert.slots=20,
    lambda.reserved_concurrency.thumbnails=5) or, with the key of a scenario, that (max_in_flight=10).
    --calibration takes service times and platform from a file of what was measured.
    Leaves with 0 fine, 2 bad scenario, state machine or setting, 3 breached, 4 inconclusive.

    Example: harness sim scenarios/steady.toml --set mediaconvert.slots=10 --replications 10
    """
    options = SimulationOptions(
        out=out,
        engine=engine,
        replications=replications,
        precision=precision,
        warm_up=warm_up,
        processes=processes,
        state_machine=state_machine,
        platform=platform,
        prices=prices,
        trace=trace,
        json=json,
    )
    with _leaving():
        from harness.lab.gate.scenario_reader import read_scenario

        changes, overrides = _split(settings or [])
        played = read_scenario(
            scenario, changes, calibration=calibration, rate=rate, duration=duration, seed=seed
        )
        _must_make_sense(played, options)
        raise typer.Exit(_simulate(played, overrides, options))


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What the command line says beside the scenario and its changes."""

    out: Path | None
    engine: str
    replications: int
    precision: float | None
    warm_up: float | None
    processes: int | None
    state_machine: Path | None
    platform: Literal["aws", "local"] | None
    prices: Path | None
    trace: int | None
    json: bool


class SettingInvalid(ValueError):
    """A ``--set`` that is none, or an option that makes no sense."""


@contextmanager
def _leaving() -> Iterator[None]:
    """Turn what goes wrong inside into one sentence on stderr and the right exit code."""
    from harness.cli.failures import exit_if_disk_full, exit_with

    try:
        from harness.lab.report.batch_life import NoSuchArrival
        from harness.lab.results.writer import FolderUnfit
        from harness.lab.sim.cost import PricesInvalid
        from harness.lab.sim.platform.platform import PlatformInvalid
        from harness.lab.sim.simulation import MachineInvalid
        from harness.lab.workload.scenario_file import ScenarioError

        yield
    # First: until all of those are imported nobody knows the others.
    except KeyboardInterrupt:
        exit_with("sim", ExitCode.INCONCLUSIVE, "interrupted")
    except OSError as error:
        exit_if_disk_full("sim", error)
    except (
        ScenarioError,
        PlatformInvalid,
        MachineInvalid,
        PricesInvalid,
        FolderUnfit,
        NoSuchArrival,
        SettingInvalid,
    ) as error:
        exit_with("sim", ExitCode.USAGE, error)


def _must_make_sense(scenario: "Scenario", options: SimulationOptions) -> None:
    """
    Make sure of what can be told before anything is played.

    Raises:
        SettingInvalid, NoSuchArrival: An option makes no sense with the scenario.
    """
    if options.precision is not None and not 0 < options.precision < 1:
        raise SettingInvalid(f"--precision lies between 0 and 1, e.g. 0.05, not {options.precision:g}")
    if options.warm_up is not None:
        from harness.lab.sim.experiment.experiment import must_leave_arrivals

        try:
            must_leave_arrivals(scenario, options.warm_up)
        except ValueError as error:
            raise SettingInvalid(error) from None
    if options.trace is not None:
        from harness.lab.report.batch_life import must_arrive

        must_arrive(scenario, options.trace)


def _split(settings: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is set in the scenario and what on the platform."""
    from harness.lab.sim.platform.platform import SECTIONS

    changes: dict[str, str] = {}
    overrides: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals and value):
            raise SettingInvalid(f"--set takes KEY=VALUE, e.g. mediaconvert.slots=20, not {setting!r}")
        key = key.removeprefix("platform.")
        of_platform = key.partition(".")[0] in SECTIONS
        (overrides if of_platform else changes)[key] = value
    return changes, overrides


def _simulate(scenario: "Scenario", overrides: dict[str, str], options: SimulationOptions) -> ExitCode:
    from rich.console import Console

    from harness.cli.command_line import command_line
    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.gate.outputs import announce, write
    from harness.lab.results.notes import REMARKS
    from harness.lab.sim.cost import Prices, bill
    from harness.lab.sim.simulation import simulate

    people = Console(stderr=True)
    prices = Prices.read(options.prices)
    with _bar("simulating", scenario.duration_s + scenario.drain_s, "s") as show:
        run = simulate(
            scenario,
            engine=options.engine,
            state_machine=options.state_machine,
            platform=options.platform,
            overrides=overrides,
            out=options.out,
            progress=show,
            command=command_line(),
        )
    for name in run.header.notes.get("unmodelled", ()):
        sys.stderr.write(
            f"warning: nothing says how long {name} takes: taken as 0 s without errors; "
            f"say so with [model.{_key(name)}] in the scenario\n"
        )
    for remark in run.header.notes.get(REMARKS, ()):
        sys.stderr.write(f"warning: {remark}\n")
    people.print(run.summary.to_rich())
    costs = bill(run, prices)
    people.print(costs.to_rich())
    _write_json(costs.to_dict(), run.folder / "cost.json")
    codes = [_experiment(scenario, overrides, options, run)] if _wants_experiment(options) else []
    verdict = check_run(run)
    write(verdict, run.folder)
    announce(verdict, as_json=options.json)
    code = _worst([ExitCode(verdict.exit_code), *codes])
    if code != ExitCode(verdict.exit_code):
        sys.stderr.write(
            "That was the recorded run alone; "
            f"with all replications the exit code is {code.value}: see experiment.json\n"
        )
    sys.stderr.write(f"run: {run.folder}\n")
    if options.trace is not None:
        # Last: where users set the pace only the run tells who arrived, and the run stands all the same.
        _trace(run, options.trace)
    return code


def _key(name: str) -> str:
    """Return a name as a key of TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json_format.dumps(name, ensure_ascii=False)


def _wants_experiment(options: SimulationOptions) -> bool:
    return options.replications > 1 or options.precision is not None


def _experiment(
    scenario: "Scenario", overrides: dict[str, str], options: SimulationOptions, run: "Run"
) -> ExitCode:
    """Replicate, show the intervals, and judge the objectives about the time to READY by them."""
    from harness.lab.sim.experiment.experiment import experiment

    most = options.replications if options.replications > 1 else MOST_REPLICATIONS
    with _bar("replicating", most, "replications") as show:
        found = experiment(
            scenario,
            replications=most,
            precision=options.precision,
            warm_up=options.warm_up,
            processes=options.processes,
            state_machine=options.state_machine,
            platform=options.platform,
            overrides=overrides,
            progress=show,
        )
    lines = dict(_lines(found))
    judgements = dict(_judgements(found))
    if found.warm_up.warning:
        sys.stderr.write(f"warning: {found.warm_up.warning}\n")
    if found.unfinished:
        sys.stderr.write(
            f"warning: {found.unfinished} of the batches counted had not ended when their replication did: "
            f"percentiles are the least they can be; a longer drain_s lets them end\n"
        )
    for name, text in (*lines.items(), *judgements.items()):
        sys.stderr.write(f"{name}: {text}\n")
    if not found.reached:
        sys.stderr.write(
            f"precision: {len(found.replications)} replications did not reach {options.precision:g}\n"
        )
    document = {
        "replications": len(found.replications),
        "warm_up_s": found.warm_up.until,
        "warning": found.warm_up.warning,
        "cool_down_s": found.cool_down,
        "unfinished": found.unfinished,
        "precision_reached": found.reached,
        "estimates": lines,
        "objectives": judgements,
    }
    _write_json(document, run.folder / "experiment.json")
    if "fail" in judgements.values():
        return ExitCode.BREACHED
    doubtful = "inconclusive" in judgements.values() or not found.reached
    return ExitCode.INCONCLUSIVE if doubtful else ExitCode.OK


def _lines(found: "Experiment") -> Iterator[tuple[str, str]]:
    for percent in (50, 95, 99):
        yield f"p{percent}(E2E:ready)", _said(partial(found.percentile, percent), " s")
    yield "fail_ratio(E2E:ready)", _said(lambda: found.failed)
    yield "counted from", f"{found.warm_up.until:g} s"


def _said(estimate: "Callable[[], Estimate]", unit: str = "") -> str:
    """Return an estimate in words, or why there is none."""
    try:
        return f"{estimate()}{unit}"
    except ValueError as error:
        return str(error)


def _judgements(found: "Experiment") -> Iterator[tuple[str, str]]:
    """Judge what replications can: upper limits of percentiles of the time to READY."""
    from harness.lab.gate.objective import Objective

    for stated in found.scenario.objectives:
        objective = Objective.parse(stated.expression)
        is_ours = objective.selector in ("E2E:ready", "E2E ready", "ready") and objective.function[0] == "p"
        if is_ours and objective.comparison in ("<", "<=") and objective.window is None:
            percent, limit = float(objective.function[1:]), float(objective.limit)
            yield stated.expression, found.judge(percent, limit).value


def _trace(run: "Run", arrival: int) -> None:
    from rich.console import Console

    from harness.lab.report.batch_life import life_of_arrival, life_table
    from harness.lab.report.batch_trace import write_trace

    life = life_of_arrival(run, arrival)
    path = run.folder / f"trace-{arrival}.json"
    write_trace(life, f"arrival {arrival} of {run.id}", path)
    people = Console(stderr=True)
    people.print(life_table(life, f"Life of arrival {arrival}"))
    people.print(f"trace: {path} (open it in https://ui.perfetto.dev)")


@contextmanager
def _bar(words: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    """Show progress where somebody can see it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit),
        TimeElapsedColumn(),
    )
    people = Console(stderr=True)
    # Twice a second: drawn ten times, as is the custom, it takes a twentieth of a simulation's time.
    with Progress(
        *columns, console=people, transient=True, disable=not people.is_terminal, refresh_per_second=2
    ) as bars:
        task = bars.add_task(words, total=total)
        yield lambda done: bars.update(task, completed=done)


def _worst(codes: list[ExitCode]) -> ExitCode:
    for code in (ExitCode.SECURITY, ExitCode.INCONCLUSIVE, ExitCode.BREACHED):
        if code in codes:
            return code
    return ExitCode.OK


def _write_json(document: object, path: Path) -> None:
    text = json_format.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
