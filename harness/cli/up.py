"""``harness up``: the service and its stack on this machine, until Ctrl-C."""

import contextlib
import csv
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_with

PORT_MAX = 65_535
BOTH = "--modelled and --faults exclude each other: modelled handlers play the faults of their scenario"

if TYPE_CHECKING:
    from harness.stack.local_stack import StackOptions
    from harness.stack.processes.state_file import StackState


def _scenario(path: Path | None) -> Path | None:
    """Refuse an option in the place of a scenario: it was forgotten, and the next option was taken for it."""
    if path is not None and str(path).startswith("-"):
        raise typer.BadParameter(f"{path} is an option; name a scenario first, e.g. steady {path} ...")
    return path


def up(
    *,
    modelled: Annotated[
        Path | None,
        typer.Option(
            metavar="SCENARIO",
            help="Model the handlers with this scenario, instead of real work.",
            callback=_scenario,
        ),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(
            metavar="SCENARIO", help="Real work, with the faults of this scenario.", callback=_scenario
        ),
    ] = None,
    time_scale: Annotated[
        float | None, typer.Option(help="Model seconds per second, instead of the scenario's.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the API; 0: a free one.", min=0, max=PORT_MAX)] = 0,
    aws_port: Annotated[
        int, typer.Option(help="Port of the local AWS; 0: a free one.", min=0, max=PORT_MAX)
    ] = 0,
    s3_port: Annotated[
        int, typer.Option(help="Port of the local S3; 0: a free one.", min=0, max=PORT_MAX)
    ] = 0,
    listings: Annotated[int, typer.Option(min=1, help="Listings for photo and video batches.")] = 200,
    developments: Annotated[int, typer.Option(min=0, help="Development listings.")] = 50,
    json_: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON object.")] = False,
    open_: Annotated[
        bool, typer.Option("--open", help="Serve the live page and open it in a browser.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the logs of the processes.")] = False,
) -> None:
    """
    Start the service with its database and a local AWS, and keep it running until Ctrl-C.

    At the end all processes are stopped. To use your own servers instead, set HARNESS_DATABASE_URL,
    AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_S3.

    Example: harness up --modelled scenarios/steady.toml --port 8080
    """
    if modelled and faults:
        exit_with("up", ExitCode.USAGE, BOTH)
    _must_differ({"--port": port, "--aws-port": aws_port, "--s3-port": s3_port})
    sys.stderr.write("starting a stack\n")
    from harness.stack.local_stack import StackFailed, StackOptions

    try:
        options = StackOptions(
            mode="modelled" if modelled else "real",
            scenario=modelled or faults,
            time_scale=_time_scale(modelled, time_scale),
            ports={"api": port, "aws": aws_port, "s3": s3_port},
            listings=listings,
            developments=developments,
            progress=lambda text: typer.echo(text, err=True),
        )
    except (StackFailed, ValueError, OSError) as error:
        exit_with("up", ExitCode.USAGE, error)
    _run(options, as_json=json_, open_page=open_, verbose=verbose)


def _must_differ(ports: dict[str, int]) -> None:
    """Exit if two parts would listen on the same port; 0 is a free one."""
    owners: dict[int, str] = {}
    for option, port in ports.items():
        if port and port in owners:
            exit_with("up", ExitCode.USAGE, f"{owners[port]} and {option} are both {port}: choose two ports")
        owners[port] = option


def _run(options: "StackOptions", *, as_json: bool, open_page: bool, verbose: bool) -> None:
    from harness.service.core.errors import Unavailable
    from harness.stack.local_stack import LocalStack
    from harness.stack.stack_error import StackError
    from harness.supervision.guarded_process import CannotStart

    stack = LocalStack(options)
    try:
        with _interrupted_by_signals():
            stack.start()
            state = stack.state
            sys.stdout.write(_as_json(state) if as_json else _as_text(state))
            sys.stdout.flush()
            with (
                _following(Path(state.logs)) if verbose else contextlib.nullcontext(),
                _live_page(state) if open_page else contextlib.nullcontext(),
            ):
                stack.wait()
    except (StackError, CannotStart, Unavailable) as error:
        exit_with("up", ExitCode.UNEXPECTED, error)
    finally:
        stack.stop()


def _time_scale(scenario: Path | None, given: float | None) -> float:
    if given is not None:
        return given
    if scenario is None:
        return 1.0
    from harness.lab.workload.scenario import load_scenario

    return load_scenario(scenario).time_scale


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """End the block on SIGTERM as on Ctrl-C, also where the shell has set Ctrl-C to be ignored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopping …", err=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_json(state: "StackState") -> str:
    shown = {
        "stack": state.name,
        "api_url": state.api_url,
        "docs_url": f"{state.api_url}/docs",
        "metrics_urls": [f"{state.api_url}/metrics", state.worker_metrics_url],
        "database": state.engine,
        "environment": state.exports,
        "identities": state.identities,
        "logs": state.logs,
        "mode": state.mode,
        "time_scale": state.time_scale,
    }
    return json.dumps(shown) + "\n"


def _as_text(state: "StackState") -> str:
    exports = "\n".join(f"  export {name}={value}" for name, value in state.exports.items())
    work = "real" if state.mode == "real" else f"modelled, {state.time_scale:g} model seconds per second"
    return f"""
stack      {state.name}
API        {state.api_url}
docs       {state.api_url}/docs
metrics    {state.api_url}/metrics
           {state.worker_metrics_url}
database   {state.engine}
work       {work}
logs       {state.logs}
identities {state.identities} (listings, roles and their tokens)

The aws command line works here with
{exports}
  (version 1 ignores them for SQS: aws sqs --endpoint-url $AWS_ENDPOINT_URL …)

A first request, as a photographer:
{_example_request(state)}

Ctrl-C stops everything.
"""


def _example_request(state: "StackState") -> str:
    with Path(state.identities).open(newline="", encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    body = json.dumps({"listingId": int(first["listing_id"])})
    return (
        f"  curl -i {state.api_url}/api/v2/listings/media/downloads/query \\\n"
        f"    -H 'Content-Type: application/json' -H 'Authorization: Bearer {first['token']}' \\\n"
        f"    -d '{body}'"
    )


@contextlib.contextmanager
def _live_page(state: "StackState") -> Iterator[None]:
    """Serve the live page, print its address, and open it in a browser if there is a screen."""
    import webbrowser

    from harness.stack.dashboard.dashboard_server import dashboard
    from harness.stack.dashboard.observer import Observer

    with dashboard(Observer(state)) as url:
        typer.echo(f"live page  {url}", err=True)
        # Without a screen webbrowser would start a text browser in this terminal.
        if sys.platform == "darwin" or {"BROWSER", "DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
            webbrowser.open(url)
        yield


@contextlib.contextmanager
def _following(logs: Path) -> Iterator[None]:
    """Copy new lines of the log files to standard error while the block runs."""
    ended = threading.Event()
    follower = threading.Thread(target=_follow, args=(logs, ended), daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()


def _follow(logs: Path, ended: threading.Event) -> None:
    offsets: dict[Path, int] = {}
    while not ended.wait(0.2):
        for path in sorted(logs.glob("*.log")):
            with path.open("rb") as file:
                file.seek(offsets.get(path, 0))
                new = file.read()
                offsets[path] = file.tell()
            for line in new.decode("utf-8", "replace").splitlines():
                typer.echo(f"{path.stem:<7} {line}", err=True)
