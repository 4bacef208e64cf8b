"""
``harness``: the front door. One module a verb, imported only when it is asked for.
"""

import importlib
import sys
from collections.abc import Sequence

from harness.cli.exit_codes import ExitCode
from harness.stack.processes.loopback import bypass_proxies

VERBS = {
    "up": "Start the service and its stack on this machine",
    "load": "Play a scenario against the service with Locust",
    "sim": "Play a scenario in simulation",
    "check": "Judge a run: alarms, objectives, exit code",
    "report": "Write a run's page",
    "compare": "Set two runs side by side",
    "lab": "Open JupyterLab on the notebooks",
    "watch": "Evaluate the alarms while a stack or a run is going",
    "db": "The private database: install, status, migrate, shell",
    "bench": "Measure this machine, as ratios",
    "demo": "Stack, smoke run, verdict and page in one go",
}

USAGE = "usage: harness VERB [OPTIONS]\n\nverbs:\n" + "\n".join(
    f"  {verb:<9} {about}" for verb, about in VERBS.items()
)

EXAMPLES = """
examples:
  harness demo
  harness load scenarios/steady.toml --duration 60
  harness check fixtures/runs/dead_letter
  harness VERB --help
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(f"{USAGE}\n{EXAMPLES}")
        raise SystemExit(0 if words else 2)
    if words[0] == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"harness {version('media-harness')}\n")
        raise SystemExit(0)
    if words[0] not in VERBS:
        sys.stderr.write(f"harness: there is no verb {words[0]!r}.\n{USAGE}\n")
        raise SystemExit(2)
    try:
        bypass_proxies()
        _run(words[0], words[1:])
    except KeyboardInterrupt:
        # Before the verb was there to say so itself.
        sys.stderr.write(f"harness {words[0]}: interrupted\n")
        raise SystemExit(ExitCode.INCONCLUSIVE) from None


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
