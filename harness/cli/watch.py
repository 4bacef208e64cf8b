"""``harness watch``: evaluate the alarms of a stack or a run while it is active."""

import math
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_on_invalid_input, exit_with
from harness.cli.quantities import duration as duration_of
from harness.cli.shared_options import StackOption

if TYPE_CHECKING:
    from harness.lab.alarms.state_change import StateChange
    from harness.lab.gate.alarm_watch import AlarmWatch
    from harness.lab.gate.live_evaluation import Datum


def watch(
    run: Annotated[
        Path | None, typer.Argument(help="The folder of an active run; by default the active stack.")
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            help="Read the alarms of a run from this CloudFormation template instead of the built-in one.",
            metavar="FILE",
        ),
    ] = None,
    stack: StackOption = None,
    once: Annotated[bool, typer.Option("--once", help="Evaluate once, print the result, and exit.")] = False,
    duration: Annotated[
        float | None,
        typer.Option("--for", help="Exit after this time: 90s, 10m.", metavar="DURATION", parser=duration_of),
    ] = None,
) -> None:
    """
    Evaluate the alarms of an active stack or run, and print each state change with its reason.

    For a stack, the states are also set in its CloudWatch and published to the topics of the alarms.
    Exit codes: 0 no alarm is in ALARM at the end, 2 no run in the folder, 3 an alarm is in ALARM,
    5 no stack is active.

    Example: harness watch --for 600
    """
    sys.stderr.write("watching the alarms\n")
    with exit_on_invalid_input("watch"):
        try:
            alarms = _watch_stack(stack) if run is None else _watch_folder(run, template)
            raise typer.Exit(_follow(alarms, 0.0 if once else duration))
        except ConnectionError as error:
            exit_with("watch", ExitCode.UNREACHABLE, error)


def _follow(alarms: "AlarmWatch", duration: float | None) -> ExitCode:
    for alarm in alarms.unevaluated:
        sys.stderr.write(f"harness watch: {alarm.name} is not evaluated: {alarm.reason}\n")
    until = math.inf if duration is None else time.monotonic() + duration
    try:
        while True:
            new = alarms.poll(time.time())
            _print(new)
            alarms.apply(new)
            if alarms.is_over or time.monotonic() >= until:
                break
            time.sleep(1.0)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    for name, state in alarms.states.items():
        sys.stdout.write(f"{state:<17}  {name}\n")
    return ExitCode.BREACHED if "ALARM" in alarms.states.values() else ExitCode.OK


def _print(changes: "Iterable[StateChange]") -> None:
    for one in changes:
        at = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        change = f"{one.before} -> {one.state}" if one.state is not one.before else f"{one.state} acts"
        sys.stdout.write(f"{at}  {one.alarm}  {change}  {one.reason}\n")
    sys.stdout.flush()


def _watch_stack(named: str | None) -> "AlarmWatch":
    import httpx

    from harness.lab.alarms.account import Account
    from harness.lab.gate.alarm_watch import AlarmWatch
    from harness.lab.gate.live_evaluation import LiveEvaluation
    from harness.stack.processes.stack_place import find_stack

    state = find_stack(named)
    if state is None:
        raise ConnectionError(_no_stack())
    credentials = {
        "aws_access_key_id": state.aws_access_key_id,
        "aws_secret_access_key": state.aws_secret_access_key,
        "region_name": state.region,
    }
    account = Account(state.aws_url, credentials)
    live = LiveEvaluation(account.alarms(), started_at=state.started_at, time_scale=state.time_scale)
    client, since = httpx.Client(base_url=state.aws_url, timeout=30.0), 0

    def fetch() -> "Iterable[Datum]":
        nonlocal since
        try:
            answer = client.get("/_harness/metrics", params={"since": since}).raise_for_status().json()
        except httpx.HTTPError as error:
            raise ConnectionError(f"The stack does not answer any more: {error}") from None
        since = answer["next"]
        return [(at, metric, labels, value) for at, metric, labels, value in answer["data"]]

    return AlarmWatch(live, fetch, apply=account.apply)


def _no_stack() -> str:
    """Return the message without a stack; it names the active run, whose own stack is not visible here."""
    from harness.lab.results.writer import PARTS
    from harness.stack.processes.stack_place import running_stacks

    active = sorted(Path("runs").glob(f"*/{PARTS}"), key=lambda parts: parts.stat().st_mtime)
    if active:
        return f"No stack is active, but a run is: watch it with 'harness watch {active[-1].parent}'."
    if others := running_stacks():
        return (
            f"No stack of this folder is active; name one of another folder: --stack {' or '.join(others)}."
        )
    return "No stack is active: start one with 'harness up', or name the folder of an active run."


def _watch_folder(folder: Path, template: Path | None) -> "AlarmWatch":
    from harness.lab.gate.alarm_watch import AlarmWatch
    from harness.lab.gate.evaluate_run import alarms_from, evaluate_run
    from harness.lab.gate.live_evaluation import LiveEvaluation, state_changes
    from harness.lab.results.rows import MetricRow
    from harness.lab.results.run import Run, read_header
    from harness.lab.results.tail import Tail

    header = read_header(folder)
    alarms = alarms_from(template)
    start = header.started_at.timestamp()
    live = LiveEvaluation(alarms, started_at=start, time_scale=header.time_scale)
    tail = Tail(folder, MetricRow)

    def fetch() -> "Iterable[Datum]":
        return ((start + row.at, row.metric, row.labels, row.value) for row in tail.new_rows())

    def final_changes() -> "list[StateChange] | None":
        run = Run.load(folder)
        return state_changes(evaluate_run(run, alarms), start) if run.header.complete else None

    return AlarmWatch(live, fetch, final_changes=final_changes)
