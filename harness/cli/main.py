"""The command ``harness``: one module for each verb, imported only when the verb is used."""

import importlib
import sys
from collections.abc import Sequence

from harness.cli.exit_codes import ExitCode
from harness.cli.extras import missing_package
from harness.stack.processes.loopback import bypass_proxies

VERBS = {
    "up": "Start the service and its stack on this machine",
    "load": "Play a scenario against the service with Locust",
    "sim": "Play a scenario in simulation",
    "check": "Evaluate a run: alarms, objectives, exit code",
    "report": "Write the report page of a run",
    "compare": "Compare two runs",
    "lab": "Open JupyterLab with the notebooks",
    "watch": "Evaluate the alarms of a running stack or run",
    "batches": "List the media batches, delete one",
    "db": "Manage the private database: install, status, migrate, shell",
    "bench": "Measure the performance of the harness on this machine",
    "demo": "Start the stack, play a short run, evaluate it and write its report",
}

USAGE = "usage: harness VERB [OPTIONS]\n\nverbs:\n" + "\n".join(
    f"  {verb:<9} {about}" for verb, about in VERBS.items()
)

EXAMPLES = """
examples:
  harness demo
  harness load scenarios/steady.toml --duration 300
  harness check fixtures/runs/dead_letter
  harness VERB --help
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and exit with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(f"{USAGE}\n{EXAMPLES}")
        raise SystemExit(ExitCode.OK if words else ExitCode.USAGE)
    if words[0] == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"harness {version('media-harness')}\n")
        raise SystemExit(ExitCode.OK)
    if words[0] not in VERBS:
        sys.stderr.write(f"harness: unknown verb {words[0]!r}\n{USAGE}\n")
        raise SystemExit(ExitCode.USAGE)
    try:
        bypass_proxies()
        _run(words[0], words[1:])
    except KeyboardInterrupt:
        # While the module of the verb was imported; later the verb handles it.
        sys.stderr.write(f"harness {words[0]}: interrupted\n")
        raise SystemExit(ExitCode.INCONCLUSIVE) from None
    except ModuleNotFoundError as error:
        reason = missing_package(error)
        if reason is None:
            raise
        sys.stderr.write(f"harness {words[0]}: {reason}\n")
        raise SystemExit(ExitCode.USAGE) from None


def _run(verb: str, words: list[str]) -> None:
    module = importlib.import_module(f"harness.cli.{verb}")
    import typer

    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        app.command()(getattr(module, verb))
    app(args=words, prog_name=f"harness {verb}")


if __name__ == "__main__":
    main()
