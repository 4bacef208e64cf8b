"""``harness calibrate``: measure service times and latencies from runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import runs as run_folders
from harness.cli.failures import exit_on_invalid_input


def calibrate(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders of one system.", autocompletion=run_folders)
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The calibration file; its figure has the same name.", metavar="FILE"
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the fits as JSON on stdout.")] = False,
) -> None:
    """
    Measure service times, latencies and error rates from runs, for simulations of the same system.

    Each step gets the distribution that predicts held-out attempts best, by its amount of work (files,
    megapixels, megabytes, seconds of video). The file says how many observations there were, how well the
    fit agrees, and for which amounts of work it holds. A figure compares observed and fitted times.
    Exit codes: 0 done, 2 a run cannot be read or has too few observations.

    Example: harness calibrate runs/20260102T101500Z-steady-live -o staging.toml, then
    harness sim steady --calibration staging.toml
    """
    with exit_on_invalid_input("calibrate"):
        if out.suffix != ".toml":
            raise ValueError(f"{out} must be a TOML file: its name must end in .toml")
        if not out.parent.is_dir():
            raise ValueError(f"{out} cannot be written: there is no folder {out.parent}")
        sys.stderr.write(f"reading and fitting {len(runs)} run(s): up to a minute\n")
        from harness.experiments import calibrate as measure

        frame = measure(*runs, out=out).to_frame()
    if json:
        sys.stdout.write(frame.to_json(orient="records", indent=2) + "\n")
    else:
        sys.stdout.write(frame.round(3).to_string(index=False) + "\n")
    sys.stderr.write(f"calibration: {out}\nfigure: {out.with_suffix('.png')}\n")
