"""``harness load``: play a scenario with Locust and evaluate the run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.completion import scenarios
from harness.cli.exit_codes import ExitCode
from harness.cli.quantities import duration as duration_of
from harness.cli.quantities import rate as rate_of
from harness.cli.shared_options import StackOption

LOOPBACK = "127.0.0.1"
SEED_DIGITS = 18

if TYPE_CHECKING:
    from harness.lab.results.run import Run


def load(
    scenario: Annotated[
        Path | None,
        typer.Argument(
            help="The scenario: a file, or a name such as steady; optional with --worker.",
            autocompletion=scenarios,
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None, typer.Option(help="The run folder.  [default: runs/<time>-<scenario>-live]")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", help="Mean arrival rate in model time: 4/s, 240/min.", parser=rate_of, metavar="RATE"
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration",
            help="Model time during which arrivals come: 90s, 10m, 1h30m.",
            parser=duration_of,
            metavar="DURATION",
        ),
    ] = None,
    processes: Annotated[int, typer.Option(help="Number of Locust workers on this machine.", min=1)] = 1,
    host: Annotated[
        str | None,
        typer.Option(
            help="Base URL of a service with the same API.  "
            "[default: the running stack of this folder, or a new one]"
        ),
    ] = None,
    stack: StackOption = None,
    identities: Annotated[
        Path | None,
        typer.Option(help="CSV file with the columns listing_id,development,role,token.", metavar="FILE"),
    ] = None,
    metrics_url: Annotated[
        list[str] | None,
        typer.Option(
            help="Prometheus page of a process of the host; repeat it for other processes.", metavar="URL"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Replaces the seed of the scenario.")] = None,
    users: Annotated[
        int | None, typer.Option(help="Number of users of a closed workload; it replaces the arrivals.")
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            help="Play the faults of this seed of harness rehearse, or of a failing schedule of its --json.",
            metavar="SEED|FILE",
        ),
    ] = None,
    ui: Annotated[bool, typer.Option("--ui", help="Open Locust's web page and start runs there.")] = False,
    validate: Annotated[
        bool, typer.Option("--validate", help="Check the scenario without playing it.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
    master: Annotated[
        bool, typer.Option("--master", help="Coordinate workers on other machines; evaluate the run here.")
    ] = False,
    expect_workers: Annotated[
        int, typer.Option(help="With --master: number of workers to wait for.", min=1)
    ] = 1,
    bind: Annotated[
        str,
        typer.Option(
            help="With --master: address to listen on; 0.0.0.0 means all. Who reaches it can read the tokens."
        ),
    ] = LOOPBACK,
    worker: Annotated[
        bool,
        typer.Option(
            "--worker",
            help="Play the scenario of the master at --master-host, with --processes workers; SCENARIO, if "
            "given, must be the master's.",
        ),
    ] = False,
    master_host: Annotated[
        str | None, typer.Option(help="With --worker: address of the master's machine.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the master.", min=1, max=65535)] = 5557,
) -> None:
    """
    Play a scenario with Locust and evaluate the run.

    Arrivals start at their scheduled times, however slow the service is; response times count from these
    times. At a --host, an alarm is evaluated only if the service's status or its pages show the metric.

    Exit codes: 0 passed, 2 invalid scenario or option, 3 breached, 4 inconclusive, 5 target unreachable,
    6 a forbidden request succeeded, 7 something was lost or doubled.

    Example: harness load scenarios/steady.toml --duration 300 --processes 2
    """
    from harness.cli.failures import exit_on_failure, exit_with

    changes: dict[str, Any] = {"rate": rate, "duration": duration, "seed": seed, "users": users}
    is_changed = any(value is not None for value in changes.values())
    if replay is not None and (scenario is not None or worker or ui):
        exit_with("load", ExitCode.USAGE, "--replay takes the place of a scenario: leave out the others")
    if replay is not None:
        scenario = _replayed(replay)
    listens = bind != LOOPBACK or expect_workers != 1
    if problem := usage_problem(
        scenario,
        ui=ui,
        master=master,
        listens=listens,
        worker=worker,
        master_host=master_host,
        is_changed=is_changed,
    ):
        exit_with("load", ExitCode.USAGE, problem)
    sys.stderr.write(f"joining the master at {master_host}\n" if worker else f"reading {scenario}\n")
    with exit_on_failure("load"):
        from harness.cli.command_line import command_line

        if worker:
            raise typer.Exit(_join(str(master_host), port, processes, scenario, changes))
        assert scenario is not None  # noqa: S101 - otherwise there is a usage problem
        if validate:
            raise typer.Exit(_validate(scenario, changes, host=host, as_json=json))
        options: dict[str, Any] = {"host": host, "identities": identities, "metrics_urls": metrics_url or ()}
        options |= {"processes": processes, "command": command_line(), "stack": stack}
        if ui:
            raise typer.Exit(_serve(scenario, out or Path("runs"), options))

        from harness.api.play import play
        from harness.lab.load.locust_process import Master

        sys.stderr.write(_plan(scenario, changes))
        options["master"] = Master(expect_workers, bind, port) if master else None
        raise typer.Exit(_evaluate(play(scenario, out=out, **options, **changes), as_json=json))


def _replayed(given: str) -> Path:
    """Write the scenario of a rehearsed schedule, say what it has no words for, and return its file."""
    from tempfile import mkdtemp

    from harness.cli.failures import exit_with
    from harness.cli.rehearse import read_schedule
    from harness.stack.rehearsed.replayed_schedule import replayed

    if given.isdecimal() and len(given) > SEED_DIGITS:
        exit_with("load", ExitCode.USAGE, f"a seed has at most {SEED_DIGITS} digits, not {len(given)}")
    found = replayed(int(given)) if given.isdecimal() else replayed(*read_schedule("load", Path(given)))
    for text in found.left_out:
        sys.stderr.write(f"not played, for a scenario has no words for it: {text}\n")
    path = Path(mkdtemp(prefix="harness-replay-"), "schedule.json")
    path.write_text(found.scenario.model_dump_json(), encoding="utf-8")
    return path


def usage_problem(
    scenario: Path | None,
    *,
    ui: bool,
    master: bool,
    listens: bool,
    worker: bool,
    master_host: str | None,
    is_changed: bool,
) -> str | None:
    """Return what is wrong with the combination of options; None if it is valid."""
    problems = (
        (master and worker, "--master and --worker exclude each other"),
        (
            worker and master_host is None,
            "--worker needs --master-host: the address of the machine that runs with --master",
        ),
        (not worker and master_host is not None, "--master-host belongs to --worker"),
        # Locust's operator gives master and workers the same options.
        (listens and not (master or worker), "--bind and --expect-workers belong to --master"),
        (
            master and ui,
            "--ui cannot be combined with --master: it uses only workers on this machine",
        ),
        (
            ui and is_changed,
            "--ui plays scenarios unchanged: leave out --rate, --duration, --seed and --users",
        ),
        (scenario is None and not worker, "name a scenario file, e.g. scenarios/smoke.toml"),
    )
    return next((message for is_wrong, message in problems if is_wrong), None)


def _join(host: str, port: int, processes: int, path: Path | None, changes: dict[str, Any]) -> ExitCode:
    from harness.lab.gate.scenario_reader import read_scenario
    from harness.lab.load.remote_worker import join

    scenario_hash = read_scenario(path, **changes).hash if path else None
    join(host, port=port, processes=processes, scenario_hash=scenario_hash)
    return ExitCode.OK


def _validate(path: Path, changes: dict[str, Any], *, host: str | None, as_json: bool) -> ExitCode:
    import json

    from harness.cli.failures import exit_with
    from harness.lab.gate.scenario_reader import read_scenario
    from harness.lab.sim.simulation import must_fit_blueprint
    from harness.lab.workload.arrivals.schedule import live_schedule
    from harness.lab.workload.faults.fault_window import FaultWorld
    from harness.lab.workload.faults.playable import must_play
    from harness.lab.workload.identities import ListingNeeds

    scenario = read_scenario(path, **changes)
    must_play(scenario, FaultWorld.DEPLOYED if host else FaultWorld.LIVE)
    try:
        must_fit_blueprint(scenario)
    except ValueError as error:
        exit_with("load", ExitCode.USAGE, f"{path}: {error}")
    needs = ListingNeeds.of(scenario)
    count = None if scenario.users else len(live_schedule(scenario))
    if as_json:
        facts = {
            "scenario": scenario.name,
            "hash": scenario.hash,
            "arrivals": count,
            "users": scenario.users,
            "duration_s": scenario.duration_s,
            "clock_duration_s": scenario.duration_s / scenario.time_scale,
            "listings": needs.ordinary,
            "development_listings": needs.developments,
        }
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return ExitCode.OK
    sys.stdout.write(
        f"{path}: {f'{scenario.users} users' if scenario.users else f'{count} arrivals'} in "
        f"{scenario.length_text}; needs {needs.ordinary} listings and {needs.developments} development "
        "listings\n"
    )
    return ExitCode.OK


def _plan(path: Path, changes: dict[str, Any]) -> str:
    """Return one line on what is played, and for how long."""
    from harness.lab.gate.scenario_reader import read_scenario

    scenario = read_scenario(path, **changes)
    offered = f"{scenario.users} users" if scenario.users else f"{scenario.arrival_rate:.3g} arrivals/s"
    return f"{scenario.name}: {offered} for {scenario.length_text}\n"


def _serve(path: Path, runs: Path, options: dict[str, Any]) -> ExitCode:
    from harness.api.play import serve_scenarios

    codes = [ExitCode.OK]
    serve_scenarios(
        path, on_run=lambda run: codes.append(_evaluate(run, as_json=False)), runs=runs, **options
    )
    return max(codes)


def _evaluate(run: "Run", *, as_json: bool) -> ExitCode:
    from rich.console import Console

    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.gate.outputs import announce, write
    from harness.lab.results.notes import REMARKS

    verdict = check_run(run)
    write(verdict, run.folder)
    Console(stderr=True).print(run.summary.to_rich())
    announce(verdict, as_json=as_json)
    for remark in run.header.notes.get(REMARKS, ()):
        sys.stderr.write(f"note: {remark}\n")
    if run.header.target:
        sys.stderr.write(f"target: {run.header.target_text}\n")
    sys.stderr.write(f"run: {run.folder}\n")
    return ExitCode(verdict.exit_code)
