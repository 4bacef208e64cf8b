"""The command ``harness``: one module for each verb, imported only when the verb is used."""

import importlib
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

from harness.cli.exit_codes import ExitCode
from harness.cli.extras import missing_package
from harness.stack.processes.loopback import bypass_proxies

if TYPE_CHECKING:
    import typer

VERBS = {
    "up": "Start the service and its stack on this machine",
    "load": "Play a scenario against the service with Locust",
    "sim": "Play a scenario in simulation",
    "sweep": "Simulate a scenario at every point of a grid of parameters",
    "plan": "Find the least capacity, or the greatest rate, for an objective",
    "calibrate": "Measure service times and latencies from runs, for simulations",
    "rehearse": "Play the service in virtual time under seeded faults, and audit it",
    "check": "Evaluate a run: alarms, objectives, exit code",
    "audit": "Audit a run: whether a batch was lost, doubled, or shown wrongly",
    "report": "Write the report page of a run",
    "compare": "Compare two runs",
    "runs": "List the runs of a folder",
    "new": "Write a new scenario, with comments",
    "lab": "Open JupyterLab with the notebooks",
    "watch": "Evaluate the alarms of a running stack or run",
    "batches": "List the media batches, delete one",
    "db": "Manage the database: install, status, migrate, doctor, seed, shell",
    "bench": "Measure the performance of the harness on this machine",
    "demo": "Start the stack, play a short run, evaluate it and write its report",
}

INTERRUPTED = 130
"""Typer's exit code for a Ctrl-C that the verb did not handle."""

COMPLETION_VARIABLE = "_HARNESS_COMPLETE"
"""Set by the shell when it asks for completions."""

USAGE = "usage: harness VERB [OPTIONS]\n\nverbs:\n" + "\n".join(
    f"  {verb:<9} {about}" for verb, about in VERBS.items()
)

EXAMPLES = """
examples:
  harness demo
  harness load steady --duration 10m
  harness check fixtures/runs/dead_letter
  harness VERB --help

completion of verbs, options, scenarios and runs in your shell: harness --install-completion
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and exit with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if COMPLETION_VARIABLE in os.environ or words[:1] in (["--install-completion"], ["--show-completion"]):
        _complete(words)
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(f"{USAGE}\n{EXAMPLES}")
        raise SystemExit(ExitCode.OK if words else ExitCode.USAGE)
    if words[0] == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"harness {version('media-harness')}\n")
        raise SystemExit(ExitCode.OK)
    if words[0] not in VERBS:
        sys.stderr.write(_unknown(words[0]))
        raise SystemExit(ExitCode.USAGE)
    try:
        bypass_proxies()
        _run(words[0], words[1:])
    except KeyboardInterrupt:
        sys.stderr.write(f"harness {words[0]}: interrupted\n")
        raise SystemExit(ExitCode.INCONCLUSIVE) from None
    except ModuleNotFoundError as error:
        reason = missing_package(error)
        if reason is None:
            raise
        sys.stderr.write(f"harness {words[0]}: {reason}\n")
        raise SystemExit(ExitCode.USAGE) from None


def _unknown(word: str) -> str:
    close = get_close_matches(word, VERBS, n=1)
    if close:
        return f"harness: unknown verb {word!r}; did you mean {close[0]}?\n"
    return f"harness: unknown verb {word!r}\n{USAGE}\n"


def _run(verb: str, words: list[str]) -> None:
    try:
        app_of(verb)(args=words, prog_name=f"harness {verb}")
    except SystemExit as left:
        if left.code == INTERRUPTED:
            raise KeyboardInterrupt from None
        raise


def app_of(verb: str) -> "typer.Typer":
    """Return the command line of one verb."""
    import typer

    module = importlib.import_module(f"harness.cli.{verb}")
    app: typer.Typer | None = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        app.command(name=verb)(getattr(module, verb))
    return app


def _complete(words: Sequence[str]) -> NoReturn:
    """Answer the shell that asks for completions, or install or show its script; exit."""
    import typer

    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(lambda: None)
    for verb in VERBS:
        one = app_of(verb)
        if len(one.registered_commands) == 1:
            app.registered_commands += one.registered_commands
        else:
            app.add_typer(one, name=verb)
    app(args=words, prog_name="harness")
    raise SystemExit(ExitCode.OK)


if __name__ == "__main__":
    main()
