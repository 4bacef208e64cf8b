"""
What can go wrong while a run is played, and the exit code of each.
"""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from harness.cli.exit_codes import ExitCode

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""What a disk answers when it takes no more."""


@contextmanager
def leaving(verb: str) -> Iterator[None]:
    """Turn what goes wrong inside into one sentence on stderr and the right exit code."""
    from harness.cli.run_target import TargetUnfit
    from harness.lab.load.launch import LoadFailed, WorkersDisagree, WorkersMissing
    from harness.lab.load.preflight import Unreachable
    from harness.lab.results.run import RunUnreadable
    from harness.lab.results.writer import FolderUnfit
    from harness.lab.workload.identities import IdentitiesInvalid
    from harness.lab.workload.scenario_file import ScenarioError

    # CI and Kubernetes send SIGTERM; it ends a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except (
        ScenarioError,
        TargetUnfit,
        IdentitiesInvalid,
        RunUnreadable,
        WorkersDisagree,
        FolderUnfit,
    ) as error:
        leave(verb, ExitCode.USAGE, error)
    except Unreachable as error:
        leave(verb, ExitCode.UNREACHABLE, error)
    except WorkersMissing as error:
        leave(verb, ExitCode.INCONCLUSIVE, error)
    except LoadFailed as error:
        leave(verb, ExitCode.UNEXPECTED, error)
    except OSError as error:
        leave_full(verb, error)
    except KeyboardInterrupt:
        leave(verb, ExitCode.INCONCLUSIVE, "interrupted before there was a run to judge")


def leave(verb: str, code: ExitCode, why: object) -> NoReturn:
    """Say why and leave."""
    sys.stderr.write(f"harness {verb}: {why}\n")
    raise typer.Exit(code) from None


def leave_full(verb: str, error: OSError) -> NoReturn:
    """Leave because the disk takes no more; any other error passes, for it is a defect."""
    if error.errno not in DISK:
        raise error
    leave(verb, ExitCode.UNEXPECTED, f"what came of it could not be written: {error}")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
