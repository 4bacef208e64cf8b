"""
What can go wrong while a run is played, and the exit code of each.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from harness.cli.exit_codes import ExitCode


@contextmanager
def leaving(verb: str) -> Iterator[None]:
    """Turn what goes wrong inside into one sentence on stderr and the right exit code."""
    from harness.cli.stage import StageUnfit
    from harness.lab.load.launch import LoadFailed, PlayersDisagree, WorkersMissing
    from harness.lab.load.preflight import Unreachable
    from harness.lab.results.run import RunUnreadable
    from harness.lab.workload.identities import IdentitiesInvalid
    from harness.lab.workload.scenario_file import ScenarioError

    # CI and Kubernetes send SIGTERM; it ends a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except (ScenarioError, StageUnfit, IdentitiesInvalid, RunUnreadable, PlayersDisagree) as error:
        leave(verb, ExitCode.USAGE, error)
    except Unreachable as error:
        leave(verb, ExitCode.UNREACHABLE, error)
    except WorkersMissing as error:
        leave(verb, ExitCode.INCONCLUSIVE, error)
    except LoadFailed as error:
        leave(verb, ExitCode.UNEXPECTED, error)
    except KeyboardInterrupt:
        leave(verb, ExitCode.INCONCLUSIVE, "interrupted before there was a run to judge")


def leave(verb: str, code: ExitCode, why: object) -> NoReturn:
    """Say why and leave."""
    sys.stderr.write(f"harness {verb}: {why}\n")
    raise typer.Exit(code) from None


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
