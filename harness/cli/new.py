"""``harness new``: write a new scenario."""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_with


def new(
    name: Annotated[str, typer.Argument(help="The name of the scenario, or the path of its file.")],
) -> None:
    """
    Write a scenario with comments to NAME.toml, to be changed.

    Exits with 0, or with 2 if the file exists or cannot be written.

    Example: harness new busy_saturday
    """
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    template = files("harness.lab.workload.shipped") / "new_scenario.toml"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template.read_text(encoding="utf-8").replace("@NAME@", str(path)))
    except FileExistsError:
        exit_with("new", ExitCode.USAGE, f"{path} exists already; name another file")
    except OSError as error:
        exit_with("new", ExitCode.USAGE, f"{path} cannot be written: {error.strerror}")
    sys.stdout.write(f"{path}\n")
    sys.stderr.write(f"next: harness sim {path}\n")
