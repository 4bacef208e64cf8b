"""``harness rehearse``: the real core under schedules of faults, in virtual time."""

import json as json_module
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.completion import scenarios
from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_on_failure, exit_with
from harness.cli.progress_bar import progress_bar
from harness.cli.quantities import duration as duration_of

if TYPE_CHECKING:
    from harness.service.rehearsal.campaign import Campaign
    from harness.service.rehearsal.fault_decisions import FaultDecision
    from harness.service.rehearsal.played_schedule import PlayedSchedule


def rehearse(
    scenario: Annotated[
        Path | None,
        typer.Argument(
            help="Play this scenario, a file or a name such as steady, instead of seeded schedules.",
            autocompletion=scenarios,
        ),
    ] = None,
    *,
    schedules: Annotated[int, typer.Option(help="Number of schedules.", min=1)] = 1000,
    first_seed: Annotated[int, typer.Option(help="Seed of the first schedule.", min=0)] = 0,
    story: Annotated[
        int | None, typer.Option(help="Play the schedule of this seed alone, and print what happened.")
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(
            help="With --story: exactly the faults of this file, a failing schedule of --json.",
            metavar="FILE",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="With SCENARIO: the run folder.  [default: runs/<time>-<scenario>-rehearsed]"),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration",
            help="With SCENARIO: time during which batches arrive: 90s, 10m, 24h.",
            parser=duration_of,
            metavar="DURATION",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="With SCENARIO: replaces its seed.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on stdout.")] = False,
) -> None:
    """
    Play the service in virtual time under seeded faults, and audit it after each schedule.

    The use cases, the loops of the worker, and the state machine are the real ones; database, bucket and
    queue are in memory. A schedule that breaks a rule is shrunk to the fewest faults, and its story printed.

    With SCENARIO the clients, service times and faults of a scenario are played instead, into a run folder
    for check, report and audit.

    Exit codes: 0 no rule was broken, 2 the scenario or the file of faults is not valid, 7 a rule was broken;
    with SCENARIO also those of its verdict: 3 breached, 4 inconclusive, 6 a forbidden request succeeded.

    Example: harness rehearse --schedules 20000
    """
    if scenario is not None:
        raise typer.Exit(_play_scenario(scenario, out, duration, seed, as_json=json))
    if (out, duration, seed) != (None, None, None):
        exit_with("rehearse", ExitCode.USAGE, "--out, --duration and --seed need a SCENARIO")
    if faults is not None and story is None:
        exit_with(
            "rehearse", ExitCode.USAGE, "--faults needs --story: the seed whose clients meet the faults"
        )
    with exit_on_failure("rehearse"):
        from harness.service.rehearsal.campaign import rehearse as play

        told: list[str] = []
        if story is not None:
            found = _one(story, None if faults is None else _read(faults))
            told = _story(found)
            outcome: dict[str, Any] = _as_json(found)
            failed = bool(found.violations)
        else:
            campaign = play(schedules, first_seed=first_seed, progress=_progress(schedules))
            told = [line for failing in campaign.failing for line in _story(failing)]
            told += _table(campaign)
            outcome = _summary(campaign)
            failed = bool(campaign.failing)
        if json:
            sys.stdout.write(json_module.dumps(outcome, indent=2, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("\n".join(told) + "\n")
        raise typer.Exit(ExitCode.AUDIT if failed else ExitCode.OK)


def _play_scenario(
    path: Path, out: Path | None, duration: float | None, seed: int | None, *, as_json: bool
) -> ExitCode:
    """Play a scenario in virtual time, evaluate the run, and return the exit code."""
    sys.stderr.write(f"rehearsing {path}\n")
    with exit_on_failure("rehearse"):
        from harness.cli.command_line import command_line
        from harness.lab.gate.evaluate_run import check_run
        from harness.lab.gate.outputs import announce, write
        from harness.lab.gate.scenario_reader import read_scenario
        from harness.stack.rehearsed.rehearsed_run import rehearse_scenario

        scenario = read_scenario(path, duration=duration, seed=seed)
        with progress_bar("rehearsing", scenario.duration_s, "s") as show:
            run = rehearse_scenario(scenario, out=out, progress=show, command=command_line())
        verdict = check_run(run)
        write(verdict, run.folder)
        announce(verdict, as_json=as_json)
        sys.stderr.write(f"run: {run.folder}\n")
        return ExitCode(verdict.exit_code)


def _read(path: Path) -> "list[FaultDecision]":
    return read_schedule("rehearse", path)[1]


def read_schedule(verb: str, path: Path) -> "tuple[int, list[FaultDecision]]":
    """Return seed and faults of a failing schedule, as ``--json`` writes it; a wrong file ends the verb."""
    from pydantic import TypeAdapter

    from harness.service.rehearsal.fault_decisions import FaultDecision

    try:
        document = json_module.loads(path.read_text(encoding="utf-8"))
        seed = TypeAdapter(int).validate_python(document.get("seed", 0))
        return seed, TypeAdapter(list[FaultDecision]).validate_python(document["faults"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        exit_with(verb, ExitCode.USAGE, f"{path} has no list of faults: {error}")


def _one(seed: int, decisions: "list[FaultDecision] | None") -> "PlayedSchedule":
    from contextlib import closing

    from harness.service.rehearsal.played_schedule import play_schedule, quiet_service
    from harness.service.rehearsal.virtual_time import Runners

    with quiet_service(), closing(Runners()) as runners:
        return play_schedule(seed, runners, decisions)


def _progress(schedules: int) -> Any:
    shown = sys.stderr.isatty()

    def progress(campaign: "Campaign") -> None:
        if shown and campaign.schedules % 100 == 0:
            sys.stderr.write(f"\r{campaign.schedules} of {schedules} schedules")
            if campaign.schedules == schedules:
                sys.stderr.write("\n")

    return progress


def _story(played: "PlayedSchedule") -> list[str]:
    """Return the story of a schedule: time, who, what; then its faults and what they broke."""
    lines = [f"seed {played.seed}"]
    lines += [f"{at:10.2f} s  {who:<32} {what}" for at, who, what in played.story]
    lines += [f"fault: {decision}" for decision in played.decisions]
    lines += [f"VIOLATION {violation}" for violation in played.violations]
    return [*lines, ""]


def _table(campaign: "Campaign") -> list[str]:
    strikes = sum(campaign.strikes.values())
    return [
        f"schedules      {campaign.schedules}, seeds from {campaign.first_seed}",
        f"batches        {campaign.batches}",
        f"faults         {strikes}",
        *(f"  {count:>6}  {strike}" for strike, count in campaign.strikes.most_common()),
        f"virtual time   {campaign.virtual_seconds / 3600:,.0f} h",
        f"healed within  {campaign.healing_s / 60:.0f} min after the last fault or request",
        f"took           {campaign.wall_seconds:.0f} s, {campaign.cpu_seconds:.0f} s of processor time",
        f"violations     {len(campaign.failing)} schedules",
    ]


def _summary(campaign: "Campaign") -> dict[str, Any]:
    return {
        "first_seed": campaign.first_seed,
        "schedules": campaign.schedules,
        "batches": campaign.batches,
        "faults": {strike.value: count for strike, count in campaign.strikes.most_common()},
        "virtual_h": round(campaign.virtual_seconds / 3600, 1),
        "healing_s": round(campaign.healing_s, 1),
        "wall_s": round(campaign.wall_seconds, 1),
        "cpu_s": round(campaign.cpu_seconds, 1),
        "failing": [_as_json(failing) for failing in campaign.failing],
    }


def _as_json(played: "PlayedSchedule") -> dict[str, Any]:
    return {
        "seed": played.seed,
        "faults": [asdict(decision) for decision in played.decisions],
        "violations": [
            {"rule": one.rule, "subject": one.subject, "text": one.text} for one in played.violations
        ],
        "story": [{"at_s": round(at, 3), "who": who, "what": what} for at, who, what in played.story],
    }
