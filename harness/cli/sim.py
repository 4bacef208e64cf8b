"""
The verb ``harness sim``: simulate a scenario and evaluate the run.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from harness.cli.completion import scenarios
from harness.cli.exit_codes import ExitCode
from harness.cli.progress_bar import progress_bar
from harness.cli.quantities import duration as duration_of
from harness.cli.quantities import rate as rate_of
from harness.cli.shared_options import (
    CalibrationOption,
    EngineOption,
    PlatformOption,
    ProcessesOption,
    SeedOption,
    StateMachineOption,
)
from harness.cli.simulation_settings import SettingInvalid, split_settings
from harness.cli.statistics_only import must_be_compatible, play_statistics

if TYPE_CHECKING:
    from pydantic import JsonValue

    from harness.lab.results.run import Run
    from harness.lab.sim.cost import Prices
    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.experiment.experiment_plan import ExperimentPlan
    from harness.lab.sim.platform.platform_settings import Preset
    from harness.lab.workload.scenario import Scenario

REPLICATIONS_MAX = 200
"""Most replications with --precision and without --replications."""


def sim(
    scenario: Annotated[
        Path, typer.Argument(help="The scenario: a file, or a name such as steady.", autocompletion=scenarios)
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The run folder.  [default: runs/<time>-<scenario>-<engine>]")
    ] = None,
    engine: EngineOption = "auto",
    replications: Annotated[
        int,
        typer.Option(help="Independent runs, for confidence intervals; the first one is recorded.", min=1),
    ] = 1,
    precision: Annotated[
        float | None,
        typer.Option(
            help="Run replications until p95 of ready has this relative precision, e.g. 0.05; "
            "--replications is then the maximum."
        ),
    ] = None,
    warm_up: Annotated[
        float | None,
        typer.Option(
            help="With --replications or --precision: arrivals before this do not count.  "
            "[default: found by MSER-5]",
            parser=duration_of,
            metavar="DURATION",
        ),
    ] = None,
    processes: ProcessesOption = None,
    seed: SeedOption = None,
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration",
            help="Model time during which batches arrive: 90s, 10m, 1h30m.",
            parser=duration_of,
            metavar="DURATION",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", help="Mean arrival rate in model time: 4/s, 240/min.", parser=rate_of, metavar="RATE"
        ),
    ] = None,
    state_machine: StateMachineOption = None,
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input", help="JSON input of every execution, for a state machine of yours.", metavar="FILE"
        ),
    ] = None,
    calibration: CalibrationOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set a parameter, e.g. mediaconvert.slots=20.", metavar="KEY=VALUE"),
    ] = None,
    platform: PlatformOption = None,
    prices: Annotated[
        Path | None, typer.Option(help="Replaces the price table of the package.", metavar="FILE")
    ] = None,
    statistics_only: Annotated[
        bool,
        typer.Option(
            "--statistics-only",
            help="Keep no tables: percentiles and counts in bounded memory, on the compiled engine.",
        ),
    ] = False,
    trace: Annotated[
        int | None,
        typer.Option(
            help="Show the events of this arrival's batch, and write them for Perfetto.", metavar="BATCH"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
) -> None:
    """
    Simulate a scenario and evaluate the run.

    The simulated state machine is the one that the stack deploys; arrivals, batches and service times are
    those of the live load. --set changes a platform parameter (mediaconvert.slots=20,
    lambda.reserved_concurrency.thumbnails=5) or, with the key of a scenario, the scenario
    (max_in_flight=10). --calibration reads measured service times and platform parameters from a file.
    --statistics-only plays millions of batches: it counts times to READY instead of recording rows, judges
    the objectives on them, and writes statistics.json.
    Exit codes: 0 passed, 2 invalid scenario, state machine or setting, 3 breached, 4 inconclusive,
    7 something was lost or doubled.

    Example: harness sim scenarios/steady.toml --set mediaconvert.slots=10 --replications 10
    """
    sys.stderr.write(f"simulating {scenario}\n")
    with _errors_as_exit_codes():
        from harness.lab.gate.scenario_reader import read_scenario
        from harness.lab.workload.calibration import EXTRAPOLATED

        changes, overrides = split_settings(settings or [])
        changed = read_scenario(
            scenario, changes, calibration=calibration, rate=rate, duration=duration, seed=seed
        )
        _, extrapolated, where = changed.calibration.partition(EXTRAPOLATED)
        if extrapolated:
            sys.stderr.write(f"warning: the calibration is {extrapolated}{where}\n")
        if input_ is not None:
            changed = _with_input(changed, input_)
        if statistics_only:
            must_be_compatible(
                {
                    "--replications": replications > 1,
                    "--precision": precision is not None,
                    "--warm-up": warm_up is not None,
                    "--trace": trace is not None,
                    "--prices": prices is not None,
                    "--engine simpy": engine == "simpy",
                }
            )
            code = play_statistics(changed, overrides, platform, state_machine, out, engine, json=json)
            raise typer.Exit(code)
        simulation = _Simulation(
            scenario=changed,
            overrides=overrides,
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
        raise typer.Exit(simulation.run())


@contextmanager
def _errors_as_exit_codes() -> Iterator[None]:
    """Turn expected errors into one sentence on stderr and an exit code."""
    from harness.cli.failures import exit_if_disk_full, exit_with

    try:
        from harness.lab.report.batch_life import NoSuchArrival
        from harness.lab.results.writer import FolderUnfit
        from harness.lab.sim.compiled.not_lowerable import NotLowerable
        from harness.lab.sim.cost import PricesInvalid
        from harness.lab.sim.platform.platform_settings import PlatformInvalid
        from harness.lab.sim.simulation import MachineInvalid
        from harness.lab.workload.scenario_file import ScenarioError

        yield
    # First: before the imports are complete, the names of the other errors are undefined.
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
        NotLowerable,
        SettingInvalid,
    ) as error:
        exit_with("sim", ExitCode.USAGE, error)


def _with_input(scenario: "Scenario", path: Path) -> "Scenario":
    """Return the scenario with the JSON of a file as the input of its executions."""
    from harness.lab.workload.scenario_file import file_text
    from harness.states_language.json_node import load_json

    try:
        return scenario.with_input(cast("JsonValue", load_json(file_text(path))))
    except OSError as error:
        raise SettingInvalid(f"--input {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SettingInvalid(f"--input {path}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Simulation:
    """The steps of the verb, with their output."""

    scenario: "Scenario"
    overrides: dict[str, str]
    out: Path | None
    engine: "EngineName"
    replications: int
    precision: float | None
    warm_up: float | None
    processes: int | None
    state_machine: Path | None
    platform: "Preset | None"
    prices: Path | None
    trace: int | None
    json: bool

    def run(self) -> ExitCode:
        """Simulate, print the results and return the exit code."""
        from harness.lab.gate.evaluate_run import check_run
        from harness.lab.gate.outputs import announce, write
        from harness.lab.sim.cost import Prices

        plan = self._checked_plan()
        run = self._simulate(Prices.read(self.prices))
        codes = [self._experiment(plan, run)] if plan is not None else []
        verdict = check_run(run)
        write(verdict, run.folder)
        announce(verdict, as_json=self.json)
        code = _worst([ExitCode(verdict.exit_code), *codes])
        if code != ExitCode(verdict.exit_code):
            sys.stderr.write(
                "This is the verdict of the recorded run only; "
                f"with all replications the exit code is {code.value}: see experiment.json\n"
            )
        sys.stderr.write(f"run: {run.folder}\n")
        if self.trace is not None:
            # Last: in a closed workload only the run shows which arrivals exist, and it remains valid.
            self._trace(run, self.trace)
        return code

    def _checked_plan(self) -> "ExperimentPlan | None":
        """
        Check the options before anything is simulated; return the plan of the experiment, if one is wanted.

        Raises:
            SettingInvalid, NoSuchArrival: An option is invalid for the scenario.
        """
        if self.precision is not None and not 0 < self.precision < 1:
            raise SettingInvalid(f"--precision must lie between 0 and 1, e.g. 0.05, not {self.precision:g}")
        wants_experiment = self.replications > 1 or self.precision is not None
        if self.warm_up is not None and not wants_experiment:
            raise SettingInvalid(
                "--warm-up belongs to --replications and --precision; for a single run set warm_up_s in the "
                "scenario"
            )
        # Without either option nothing of it is imported, which takes time.
        plan = self._plan() if wants_experiment else None
        if self.trace is not None:
            from harness.lab.report.batch_life import must_arrive

            must_arrive(self.scenario, self.trace)
        return plan

    def _plan(self) -> "ExperimentPlan":
        from harness.lab.sim.experiment.experiment_plan import ExperimentPlan

        try:
            return ExperimentPlan(
                self.scenario,
                replications=self.replications if self.replications > 1 else REPLICATIONS_MAX,
                precision=self.precision,
                warm_up=self.warm_up,
                processes=self.processes,
                state_machine=self.state_machine,
                platform=self.platform,
                overrides=self.overrides,
                engine=self.engine,
            )
        except ValueError as error:
            raise SettingInvalid(error) from None

    def _simulate(self, prices: "Prices") -> "Run":
        from rich.console import Console

        from harness.cli.command_line import command_line
        from harness.lab.sim.cost import bill
        from harness.lab.sim.simulation import note_of_engine, simulate, warnings_of

        with progress_bar("simulating", self.scenario.duration_s + self.scenario.drain_s, "s") as show:
            run = simulate(
                self.scenario,
                engine=self.engine,
                state_machine=self.state_machine,
                platform=self.platform,
                overrides=self.overrides,
                out=self.out,
                progress=show,
                command=command_line(),
            )
        if (note := note_of_engine(run)) is not None:
            sys.stderr.write(f"note: {note}\n")
        for warning in warnings_of(run):
            sys.stderr.write(f"warning: {warning}\n")
        console = Console(stderr=True)
        console.print(run.summary.to_rich())
        costs = bill(run, prices)
        console.print(costs.to_rich())
        costs.write(run.folder)
        return run

    def _experiment(self, plan: "ExperimentPlan", run: "Run") -> ExitCode:
        """Run the experiment, print and write its report, and return its exit code."""
        from harness.lab.sim.experiment.experiment_report import ExperimentReport
        from harness.lab.sim.experiment.quantiles import LimitResult

        with progress_bar("replicating", plan.replications, "replications") as show:
            report = ExperimentReport.of(plan.run(show))
        for warning in report.warnings:
            sys.stderr.write(f"warning: {warning}\n")
        for name, text in (*report.estimates.items(), *report.objectives.items()):
            sys.stderr.write(f"{name}: {text}\n")
        if not report.experiment.reached:
            count = len(report.experiment.replications)
            sys.stderr.write(f"precision: {count} replications did not reach {plan.precision}\n")
        report.write(run.folder / "experiment.json")
        return {
            LimitResult.PASS: ExitCode.OK,
            LimitResult.FAIL: ExitCode.BREACHED,
            LimitResult.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
        }[report.result]

    def _trace(self, run: "Run", arrival: int) -> None:
        from rich.console import Console

        from harness.lab.report.batch_life import life_of_arrival, life_table
        from harness.lab.report.batch_trace import write_trace

        life = life_of_arrival(run, arrival)
        path = run.folder / f"trace-{arrival}.json"
        write_trace(life, f"arrival {arrival} of {run.id}", path)
        console = Console(stderr=True)
        console.print(life_table(life, f"Life of arrival {arrival}"))
        console.print(f"trace: {path} (open it in https://ui.perfetto.dev)")


def _worst(codes: list[ExitCode]) -> ExitCode:
    for code in (ExitCode.SECURITY, ExitCode.AUDIT, ExitCode.INCONCLUSIVE, ExitCode.BREACHED):
        if code in codes:
            return code
    return ExitCode.OK
