"""
``harness watch``: evaluate the alarms while a stack or a run is going.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from harness.lab.gate.live_evaluation import Datum, LiveEvaluation, StateChange

POLL_S = 1.0
SETTLE_S = 5.0
"""An instant is judged this much later: the service puts its metrics every two seconds."""


def watch(
    run: Annotated[
        Path | None, typer.Argument(help="A run folder in the making; without it, the stack that is up.")
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            help="Take a run's alarms from this CloudFormation template instead of ours.", metavar="FILE"
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, print what there is, and leave.")] = False,
    duration: Annotated[
        float | None, typer.Option("--for", help="Leave after so many seconds.", metavar="SECONDS", min=0)
    ] = None,
) -> None:
    """
    Evaluate the alarms while a stack or a run is going, and print each change of state with its reason.

    On a stack the states are set in its CloudWatch, and the alarms' topics get their messages.
    Leaves with 0 when no alarm is in ALARM at the end, 3 when one is, 2 without a run, 5 without a stack.

    Example: harness watch --for 600
    """
    try:
        watched = _stack() if run is None else _folder(run, template)
        raise typer.Exit(_follow(watched, 0.0 if once else duration))
    except ConnectionError as error:
        sys.stderr.write(f"harness watch: {error}\n")
        raise typer.Exit(ExitCode.UNREACHABLE) from None
    except (ValueError, OSError) as error:
        sys.stderr.write(f"harness watch: {error}\n")
        raise typer.Exit(ExitCode.USAGE) from None


def _tell_nobody(move: "StateChange") -> None:
    """A run folder has no endpoint behind it."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """
    Something that is going.

    Attributes:
        judge: Evaluates its alarms.
        fetch: Returns the data that are new.
        moves_of_all: Returns every change of state once it is over, None while it is going.
        tell: Is told of every change of state.
    """

    judge: "LiveEvaluation"
    fetch: "Callable[[], Iterable[Datum]]"
    moves_of_all: "Callable[[], list[StateChange] | None]" = lambda: None
    tell: "Callable[[StateChange], None]" = _tell_nobody


def _follow(watched: _Watched, duration: float | None) -> ExitCode:
    for alarm in watched.judge.unjudged:
        sys.stderr.write(f"harness watch: {alarm.name} is not judged: {alarm.why}\n")
    until = math.inf if duration is None else time.monotonic() + duration
    states: dict[str, str] = {name: str(state) for name, state in watched.judge.states(0.0).items()}
    told: set[tuple[float, str, str]] = set()
    try:
        while True:
            moves = watched.moves_of_all()
            is_over = moves is not None
            if moves is None:
                watched.judge.feed(watched.fetch())
                watched.judge.states(time.time() - SETTLE_S)
                moves = watched.judge.moves
            news = [move for move in moves if (move.at, move.alarm, move.state) not in told]
            _print(news)
            # What happened before we came is over: only where it left each alarm is worth telling.
            for move in news if told else {move.alarm: move for move in news}.values():
                watched.tell(move)
            told |= {(move.at, move.alarm, move.state) for move in news}
            states |= {move.alarm: move.state for move in moves}
            if is_over or time.monotonic() >= until:
                break
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    for name, state in states.items():
        sys.stdout.write(f"{state:<17}  {name}\n")
    return ExitCode.BREACHED if "ALARM" in states.values() else ExitCode.OK


def _print(moves: "Iterable[StateChange]") -> None:
    for move in moves:
        at = datetime.fromtimestamp(move.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        change = f"{move.before} -> {move.state}" if move.state is not move.before else f"{move.state} acts"
        sys.stdout.write(f"{at}  {move.alarm}  {change}  {move.reason}\n")
    sys.stdout.flush()


def _stack() -> _Watched:
    import httpx

    from harness.lab.gate.account import Account
    from harness.lab.gate.live_evaluation import LiveEvaluation
    from harness.stack.processes.state_file import StackState

    state = StackState.read()
    if state is None:
        raise ConnectionError(_nothing_up())
    account = Account(
        state.aws_url,
        {
            "aws_access_key_id": state.aws_access_key_id,
            "aws_secret_access_key": state.aws_secret_access_key,
            "region_name": state.region,
        },
    )
    alarms, composites = account.alarms()
    judge = LiveEvaluation(alarms, composites, started_at=state.started_at, time_scale=state.time_scale)
    client, seen = httpx.Client(base_url=state.aws_url, timeout=30.0), 0

    def fetch() -> "Iterable[Datum]":
        nonlocal seen
        try:
            answer = client.get("/_harness/metrics", params={"since": seen}).raise_for_status().json()
        except httpx.HTTPError as error:
            raise ConnectionError(f"The stack does not answer any more: {error}") from None
        seen = answer["next"]
        return [(at, metric, labels, value) for at, metric, labels, value in answer["data"]]

    return _Watched(judge, fetch, tell=account.tell)


def _nothing_up() -> str:
    """Return what to do instead; a stack that 'harness load' starts for itself is known to that run alone."""
    from harness.lab.results.writer import PARTS

    going = sorted(Path("runs").glob(f"*/{PARTS}"), key=lambda parts: parts.stat().st_mtime)
    if going:
        return f"No stack is up; a run is being recorded: 'harness watch {going[-1].parent}' watches it."
    return "No stack is up: start one with 'harness up', or name the folder of a run that is going."


def _folder(folder: Path, template: Path | None) -> _Watched:
    from harness.lab.gate.judge import judge
    from harness.lab.gate.live_evaluation import LiveEvaluation, moves_of
    from harness.lab.gate.run_verdict import alarms_of
    from harness.lab.results.rows import MetricRow
    from harness.lab.results.run import Run, read_header
    from harness.lab.results.tail import Tail

    header = read_header(folder)
    alarms, composites = alarms_of(template)
    start = header.started_at.timestamp()
    live = LiveEvaluation(alarms, composites, started_at=start, time_scale=header.time_scale)
    tail = Tail(folder, MetricRow)

    def fetch() -> "Iterable[Datum]":
        return ((start + row.at, row.metric, row.labels, row.value) for row in tail.new_rows())

    def moves_of_all() -> "list[StateChange] | None":
        run = Run.load(folder)
        return moves_of(judge(run, alarms, composites), start) if run.header.complete else None

    return _Watched(live, fetch, moves_of_all)
