"""The exit codes and the messages of the failures that several verbs share."""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from harness.cli.exit_codes import ExitCode

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Errors of a disk that accepts no more data."""


@contextmanager
def exit_on_invalid_input(verb: str) -> Iterator[None]:
    """Exit with `ExitCode.USAGE` if the body cannot read what the command line names."""
    try:
        yield
    except ValueError as error:
        exit_with(verb, ExitCode.USAGE, error)
    except OSError as error:
        exit_with(verb, ExitCode.USAGE, in_words(error))


def in_words(error: OSError) -> str:
    """Return the file and what is wrong with it, without the number of the error."""
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


@contextmanager
def exit_on_failure(verb: str) -> Iterator[None]:
    """Turn a failure of the body, which plays a run, into one sentence on stderr and an exit code."""
    from harness.lab.load.launch import LoadFailed, WorkersDisagree, WorkersMissing
    from harness.lab.load.preflight.preflight import Unreachable
    from harness.lab.results.run import RunUnreadable
    from harness.lab.results.writer import FolderUnfit
    from harness.lab.workload.identities import IdentitiesInvalid
    from harness.lab.workload.scenario_file import ScenarioError
    from harness.stack.processes.stack_place import StackNotFound
    from harness.stack.run_target import TargetUnfit
    from harness.stack.stack_error import StackError
    from harness.supervision.guarded_process import CannotStart

    # CI and Kubernetes send SIGTERM; it ends a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    usage = (ScenarioError, TargetUnfit, IdentitiesInvalid, RunUnreadable, WorkersDisagree, FolderUnfit)
    try:
        yield
    except usage as error:
        exit_with(verb, ExitCode.USAGE, error)
    except (Unreachable, StackNotFound) as error:
        exit_with(verb, ExitCode.UNREACHABLE, error)
    except WorkersMissing as error:
        exit_with(verb, ExitCode.INCONCLUSIVE, error)
    except (LoadFailed, StackError, CannotStart) as error:
        exit_with(verb, ExitCode.UNEXPECTED, error)
    except OSError as error:
        exit_if_disk_full(verb, error)
    except KeyboardInterrupt:
        exit_with(verb, ExitCode.INCONCLUSIVE, "interrupted before the run began")


@contextmanager
def exit_on_sweep_failure(verb: str) -> Iterator[None]:
    """Turn a failure of the body, which simulates many runs, into one sentence on stderr and an exit code."""
    try:
        from harness.lab.sim.sweep.executors import WorkersLost

        yield
    # First: before the import is complete, the name of the other error is undefined.
    except KeyboardInterrupt:
        exit_with(verb, ExitCode.INCONCLUSIVE, "interrupted; the same command with --out FOLDER continues")
    except WorkersLost as error:
        exit_with(verb, ExitCode.INCONCLUSIVE, error)
    except (ValueError, typer.BadParameter) as error:
        exit_with(verb, ExitCode.USAGE, error)
    except (TimeoutError, ConnectionError) as error:
        exit_with(verb, ExitCode.UNREACHABLE, error)
    except OSError as error:
        exit_if_disk_full(verb, error)


def must_be_a_page(path: Path | None) -> None:
    """Raise ValueError if a page cannot be written there: found out before the charts are drawn."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name the page's file, e.g. {path / 'report.html'}")
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {path.parent}")


def exit_with(verb: str, code: ExitCode, reason: object) -> NoReturn:
    """Write the reason to stderr and exit."""
    sys.stderr.write(f"harness {verb}: {reason}\n")
    raise typer.Exit(code) from None


def exit_if_disk_full(verb: str, error: OSError) -> NoReturn:
    """Exit if the disk accepts no more data; raise any other error, which is a defect."""
    if error.errno not in DISK_ERRORS:
        raise error
    exit_with(verb, ExitCode.INCONCLUSIVE, f"the results could not be written: {error}")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
