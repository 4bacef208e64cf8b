"""``harness calibrate``: measure service times and latencies from runs, or from Step Functions histories."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import runs as run_folders
from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_on_invalid_input, exit_with

EXECUTIONS_MAX = 1000


def calibrate(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Run folders of one system.", autocompletion=run_folders)
    ] = None,
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The calibration file; its figure has the same name.", metavar="FILE"
        ),
    ],
    executions: Annotated[
        str | None,
        typer.Option(
            help="In place of runs: a state machine in your AWS account, or a folder of exported histories.",
            metavar="ARN|FOLDER",
        ),
    ] = None,
    histories: Annotated[
        Path | None,
        typer.Option(
            help="Where fetched histories are kept; a second call continues there.  "
            "[default: the calibration's name with .histories]",
            metavar="FOLDER",
        ),
    ] = None,
    at_most: Annotated[
        int, typer.Option(help="Number of executions to fetch, the newest first.", min=1)
    ] = EXECUTIONS_MAX,
    process_log: Annotated[
        Path | None,
        typer.Option(
            help="Also write the histories as a process-mining log, .csv or .parquet.", metavar="FILE"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the fits as JSON on stdout.")] = False,
) -> None:
    """
    Measure a system, for simulations of it: from its runs, or from its Step Functions histories alone.

    From runs: each step gets the distribution that predicts held-out attempts best, by its amount of work
    (files, megapixels, megabytes, seconds of video). The file says how many observations there were, how well
    the fit agrees, and for which amounts of work it holds. A figure compares observed and fitted times.
    From histories (--executions), of any state machine: queues, servers, service times, failures, retries and
    cold starts of each Task, and the arrivals. A scenario beside the calibration plays the recorded load.
    Exit codes: 0 done, 2 a run or history cannot be used, 5 AWS does not answer or permit.

    Example: harness calibrate runs/20260102T101500Z-steady-live -o staging.toml, then
    harness sim steady --calibration staging.toml
    """
    with exit_on_invalid_input("calibrate"):
        _must_be_writable(out, bool(runs), executions)
        if executions is not None:
            _from_histories(executions, out, histories, at_most, process_log, as_json=json)
            return
        if histories is not None or process_log is not None:
            raise ValueError("--histories and --process-log belong to --executions")
        _from_runs(runs or [], out, as_json=json)


def _must_be_writable(out: Path, has_runs: bool, executions: str | None) -> None:
    if has_runs == (executions is not None):
        raise ValueError("name either run folders, or --executions ARN|FOLDER")
    if out.suffix != ".toml":
        raise ValueError(f"{out} must be a TOML file: its name must end in .toml")
    if not out.parent.is_dir():
        raise ValueError(f"{out} cannot be written: there is no folder {out.parent}")


def _from_runs(runs: list[Path], out: Path, *, as_json: bool) -> None:
    sys.stderr.write(f"reading and fitting {len(runs)} run{'' if len(runs) == 1 else 's'}: up to a minute\n")
    from harness.api.calibrate import calibrate as measure

    measured = measure(*runs, out=out)
    for remark in measured.remarks:
        _warn(remark)
    frame = measured.to_frame()
    if as_json:
        sys.stdout.write(frame.to_json(orient="records", indent=2) + "\n")
    else:
        sys.stdout.write(frame.round(3).to_string(index=False) + "\n")
    sys.stderr.write(f"calibration: {out}\nfigure: {out.with_suffix('.png')}\n")


def _from_histories(
    source: str, out: Path, kept: Path | None, at_most: int, process_log: Path | None, *, as_json: bool
) -> None:
    from harness.api.calibrate import calibrate_executions

    if process_log is not None and process_log.suffix not in (".csv", ".parquet"):
        raise ValueError(f"--process-log {process_log} must end in .csv or .parquet")
    folder = _fetched(source, kept or out.with_suffix(".histories"), at_most)
    machine = calibrate_executions(folder, out=out, process_log=process_log, warn=_warn)
    for remark in machine.remarks:
        _warn(remark)
    frame = machine.to_frame()
    if as_json:
        sys.stdout.write(frame.to_json(orient="records", indent=2) + "\n")
    else:
        sys.stdout.write(frame.round(3).to_string(index=False, na_rep="") + "\n")
    _say_next(out, machine.arrivals.text, has_definition=machine.definition is not None)


def _fetched(source: str, kept: Path, at_most: int) -> Path:
    """Return the folder of the histories; those of a state machine in AWS are fetched before."""
    if not source.startswith("arn:"):
        return Path(source)
    from harness.cli.progress_bar import progress_bar
    from harness.lab.calibration.histories.history_download import DownloadFailed, HistoryDownload

    try:
        sys.stderr.write(f"fetching at most {at_most} histories into {kept}\n")
        with progress_bar("fetching", at_most, "executions") as show:
            HistoryDownload.of(source, kept, at_most)(source, show)
    except DownloadFailed as error:
        exit_with("calibrate", ExitCode.UNREACHABLE, error)
    except KeyboardInterrupt:
        exit_with("calibrate", ExitCode.INCONCLUSIVE, f"interrupted; the same command continues in {kept}")
    return kept


def _warn(sentence: str) -> None:
    sys.stderr.write(f"warning: {sentence}\n")


def _say_next(out: Path, arrivals: str, *, has_definition: bool) -> None:
    scenario, definition = out.with_suffix(".scenario.toml"), out.with_suffix(".asl.json")
    sys.stderr.write(f"arrivals: {arrivals}\ncalibration: {out}\nscenario: {scenario}\n")
    if has_definition:
        sys.stderr.write(
            f"play it: harness sim {scenario} --calibration {out} --state-machine {definition}\n"
        )
    else:
        sys.stderr.write(
            "to play it, put the answer of 'aws stepfunctions describe-state-machine' into the folder, or "
            "give the definition to harness sim with --state-machine\n"
        )
