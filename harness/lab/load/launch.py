"""
Play a scenario against a running service: start Locust, watch it, and make the run folder.

Locust runs as a process of its own and is never imported here, so a notebook's kernel or a program that
uses other threads is safe.
"""

import re
import shutil
import sys
from contextlib import closing
from pathlib import Path

from harness.lab.load.live_run import LiveRun, ServiceAccess
from harness.lab.load.locust_process import ONE_WORKER, LocalWorkers, LocustProcess, Master
from harness.lab.load.progress_view import OnProgress
from harness.lab.load.run_outcome import GENERATOR, RunOutcome
from harness.lab.load.run_watchdog import RunWatchdog
from harness.lab.results.run import Run
from harness.lab.results.writer import must_hold_a_run, new_run_folder
from harness.lab.workload.scenario import Scenario

SIGNALLED = 128
"""An exit code above it is that of a process which was ended by a signal."""


class LoadFailed(RuntimeError):
    """The run did not begin; the message gives the reason, and the end of Locust's log."""


class WorkersMissing(LoadFailed):
    """Fewer workers than expected connected, or one was lost before the run began."""


class WorkersDisagree(ValueError):
    """A worker has another plan than its master; the message gives the differences."""


def play(
    scenario: Scenario,
    *,
    host: str,
    access: ServiceAccess,
    out: Path | None = None,
    workers: LocalWorkers | Master = ONE_WORKER,
    on_progress: OnProgress | None = None,
    command: str | None = None,
) -> Run:
    """
    Play *scenario* against *host* and return the run.

    An interrupt (Ctrl-C) ends the run early: what is unfinished is recorded as such, and the run is
    returned, marked as interrupted. A second interrupt is raised.

    Args:
        host: Base URL of a service that implements the contract.
        out: The run folder; by default a new one under ``runs``.
        workers: On this machine; or a master, to which workers of other machines connect.
        on_progress: Called with the progress of the run, a few times a second.
        command: The command line; it is kept in ``run.json`` without passwords.

    Raises:
        Unreachable: The service does not answer, refuses the tokens or the canary.
        IdentitiesInvalid: The identities cannot be used, or are too few.
        WorkersDisagree: A worker has another version or another scenario.
        WorkersMissing: Fewer workers connected than were expected, or one was lost before the run began.
        LoadFailed: Locust did not begin the run.
        FolderUnfit: The run folder holds a run already, or cannot be written to.
    """
    folder = out or new_run_folder(scenario.name, "live")
    must_hold_a_run(folder)
    print(f"checking {host}", file=sys.stderr)
    run = LiveRun(scenario, folder, host=host, access=access, workers=workers.workers, command=command)
    generator = folder / GENERATOR
    shutil.rmtree(generator, ignore_errors=True)
    generator.mkdir()
    copy = generator / "scenario.json"
    copy.write_text(scenario.model_dump_json(), encoding="utf-8")
    arguments = ["--headless", "--only-summary", "--host", host, *workers.arguments]
    arguments += ["--scenario", str(copy.resolve()), "--identities", str(access.identities.resolve())]
    arguments += ["--run-folder", str(folder.resolve())]

    watchdog = RunWatchdog(folder)

    def look() -> bool:
        watchdog.must_have_room()
        outcome = run.update(locust.pid)
        if on_progress is not None:
            on_progress(run.progress)
        return outcome.is_over or watchdog.is_silent()

    with closing(LocustProcess(generator / "locust.log", arguments)) as locust, closing(run):
        code = locust.watch(look)
    outcome = run.update()
    if outcome.began_at_epoch_s is None or outcome.refusal is not None:
        raise _reason_not_begun(outcome, code, locust.log_tail(), workers)
    return run.finish(_ended(outcome, run, locust))


def _reason_not_begun(
    outcome: RunOutcome, code: int, log: str, workers: LocalWorkers | Master
) -> LoadFailed | WorkersDisagree:
    """Return the error of a run that did not begin."""
    if outcome.disagreement is not None:
        return WorkersDisagree(outcome.disagreement)
    if outcome.refusal is not None:
        return WorkersMissing(outcome.refusal) if outcome.lost else LoadFailed(outcome.refusal)
    if "Gave up waiting for workers" in log:
        connected = re.findall(r"(\d+) of \d+ connected", log)
        return WorkersMissing(
            f"{connected[-1] if connected else 0} of {workers.workers} expected workers connected within "
            f"{workers.patience} s to {workers.address}"
        )
    if code >= SIGNALLED:
        return WorkersMissing(f"Locust was ended by signal {code - SIGNALLED} before the run began")
    if outcome.interrupted:
        return LoadFailed("interrupted before it began")
    return LoadFailed(f"Locust did not begin:\n{log}")


def _ended(outcome: RunOutcome, run: LiveRun, locust: LocustProcess) -> RunOutcome:
    """Return the outcome of a run that began, as far as it is known."""
    if not outcome.is_over:
        outcome.ended_at_s = run.progress.at_s
        outcome.shortfalls.append(f"Locust was lost at {outcome.ended_at_s:.1f} s; see {locust.log.name}")
    return outcome
