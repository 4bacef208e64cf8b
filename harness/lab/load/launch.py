"""
Play a scenario against a running service: start Locust, watch it, gather what it recorded.

Locust runs as a process of its own and is never imported here, so a notebook's kernel or a program that
uses other threads is safe. Times are float seconds.
"""

import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from harness.lab.alarms.template_alarms import metric_alarms
from harness.lab.gate.objective import Dimension, Objective
from harness.lab.load.generator.self_check import findings
from harness.lab.load.live_header import header
from harness.lab.load.locust_process import LocustProcess, Master, worker_arguments
from harness.lab.load.outside_observer import Watch, outside, unobserved
from harness.lab.load.preflight import preflight
from harness.lab.load.progress import Progress
from harness.lab.load.progress_view import OnProgress
from harness.lab.load.run_outcome import GENERATOR, RunOutcome
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.notes import REMARKS, UNOBSERVED
from harness.lab.results.run import Run
from harness.lab.results.writer import RunWriter, must_hold_a_run, new_run_folder, write_header
from harness.lab.workload.scenario import Scenario

LOOK_EVERY_S = 0.25

GAVE_UP = "Gave up waiting for workers"
"""What Locust says when fewer workers came than it was told to expect."""


class LoadFailed(RuntimeError):
    """The run did not come about; says why, and what Locust said last."""


class WorkersMissing(LoadFailed):
    """Not every worker of the other machines came."""


class PlayersDisagree(ValueError):
    """A worker would play something else than its master; says in what they differ."""


def play(
    scenario: Scenario,
    *,
    host: str,
    identities: Path,
    out: Path | None = None,
    processes: int = 1,
    on_progress: OnProgress | None = None,
    watch: Watch | None = None,
    master: Master | None = None,
    command: str | None = None,
) -> Run:
    """
    Play *scenario* against *host* and return the run.

    An interrupt (Ctrl-C) ends the run early: what is unfinished is recorded as such, and the run is
    returned all the same, marked as interrupted. A second one gives up.

    Args:
        host: Base URL of a service that speaks the contract.
        identities: CSV file of who may act on which listing.
        out: The run folder; by default a new one under ``runs``.
        processes: How many Locust workers play side by side on this machine [count].
        on_progress: Told how far the run is, a few times a second.
        watch: Records something beside the run, e.g. the stack's metrics; by default what can be known from
            outside.
        master: Let workers of other machines play, and only conduct them; *processes* then do not count.
        command: The command line that asked for it; it is kept in ``run.json`` without passwords.

    Raises:
        Unreachable: The service does not answer, refuses the tokens or the canary.
        IdentitiesInvalid: The identities cannot be used, or are too few.
        PlayersDisagree: A worker has another version or another scenario.
        WorkersMissing: Fewer workers came than were expected.
        LoadFailed: Locust did not begin to play.
        FolderUnfit: The run folder holds a run already, or cannot be written to.
    """
    folder = out or new_run_folder(scenario.name, "live")
    must_hold_a_run(folder)
    plan = RunPlan.read(scenario, identities)
    canary = preflight(host, plan)
    workers = master.workers if master else processes
    remarks = [canary.told] if canary else []
    writer = RunWriter(folder, header(scenario, folder, workers, command=command, remarks=remarks))
    generator = folder / GENERATOR
    shutil.rmtree(generator, ignore_errors=True)
    generator.mkdir()
    copy = generator / "scenario.json"
    copy.write_text(scenario.model_dump_json(), encoding="utf-8")
    arguments = ["--headless", "--only-summary", "--host", host]
    arguments += master.arguments if master else worker_arguments(processes)
    arguments += ["--scenario", str(copy.resolve()), "--identities", str(identities.resolve())]
    locust = LocustProcess(generator / "locust.log", [*arguments, "--run-folder", str(folder.resolve())])
    try:
        beside = _watch_over(locust, writer, on_progress, watch or outside())
    finally:
        locust.close()
    outcome = _outcome(locust, generator, master)
    outcome.shortfalls += beside.lacking
    return finish(writer, scenario, outcome, beside.observed)


def begin(writer: RunWriter, began_at_epoch_s: float) -> None:
    """Say in ``run.json`` when the run began, for whoever looks while it goes on."""
    started_at = datetime.fromtimestamp(began_at_epoch_s, UTC)
    writer.header = writer.header.model_copy(update={"started_at": started_at})
    write_header(writer.folder, writer.header)


def finish(
    writer: RunWriter, scenario: Scenario, outcome: RunOutcome, observed: Collection[str] | None
) -> Run:
    """
    Make the tables of a run that has begun and is over, and return it.

    Args:
        observed: Names of the service's metrics that were observed; None if they and AWS's all were.
    """
    missed = [] if observed is None else unobserved(metric_alarms(), observed)
    return writer.finish(
        started_at=datetime.fromtimestamp(outcome.began_at_epoch_s or 0.0, UTC),
        duration_s=outcome.ended_at_s,
        workers=outcome.workers,
        lost_workers=outcome.lost,
        notes={
            "generator": _account(scenario, outcome),
            REMARKS: [*writer.header.notes.get(REMARKS, ()), *_untried(outcome)],
            UNOBSERVED: missed,
        },
    )


@dataclass
class _Beside:
    """
    What became of what was recorded beside a run.

    Attributes:
        observed: See `finish`.
        lacking: What is not there that should be, in words.
    """

    observed: Collection[str] | None = None
    lacking: list[str] = field(default_factory=list)


def _watch_over(
    locust: LocustProcess, writer: RunWriter, on_progress: OnProgress | None, watch: Watch
) -> _Beside:
    """
    Return when Locust has ended. An interrupt makes it end.
    """
    generator = writer.folder / GENERATOR
    beside = _Beside()
    has_begun = is_interrupted = False
    try:
        with ExitStack() as watching:
            while True:
                try:
                    ended = locust.wait(LOOK_EVERY_S)
                    if not has_begun and (began := began_at(generator)) is not None:
                        has_begun = True
                        begin(writer, began)
                        beside.observed = watching.enter_context(watch(writer.folder, began))
                    if on_progress is not None:
                        on_progress(Progress.read(generator / "progress.json"))
                    if ended is not None:
                        return beside
                except KeyboardInterrupt:
                    if is_interrupted:
                        raise
                    is_interrupted = True
                    locust.interrupt()
    except (OSError, httpx.HTTPError) as error:
        beside.lacking.append(incomplete(error))
        return beside


def incomplete(error: Exception) -> str:
    """Say that what was to be recorded beside a run was not."""
    return f"what was to be recorded beside the run is incomplete: {error or type(error).__name__}"


def began_at(generator: Path) -> float | None:
    """Return when a run began [epoch s]; None if it has not yet."""
    path = generator / "outcome.json"
    return RunOutcome.read(path).began_at_epoch_s if path.exists() else None


def _outcome(locust: LocustProcess, generator: Path, master: Master | None) -> RunOutcome:
    """
    Return how the playing went.

    Raises:
        PlayersDisagree, WorkersMissing, LoadFailed: It never began.
    """
    path = generator / "outcome.json"
    outcome = RunOutcome.read(path) if path.exists() else RunOutcome()
    if outcome.disagreement is not None:
        raise PlayersDisagree(outcome.disagreement)
    if outcome.refusal is not None:
        raise LoadFailed(outcome.refusal)
    if outcome.began_at_epoch_s is None:
        if master is not None and GAVE_UP in locust.log_tail():
            raise WorkersMissing(
                f"{_came(locust.log_tail())} of {master.workers} expected workers came within "
                f"{master.patience} s to {master.bind}:{master.port}"
            )
        why = (
            "interrupted before it began"
            if outcome.interrupted
            else f"Locust did not begin:\n{locust.log_tail()}"
        )
        raise LoadFailed(why)
    if not outcome.is_over:
        outcome.ended_at_s = Progress.read(generator / "progress.json").at_s
        outcome.shortfalls.append(f"Locust was lost at {outcome.ended_at_s:.1f} s; see {locust.log.name}")
    return outcome


def _untried(outcome: RunOutcome) -> Iterator[str]:
    if outcome.untried:
        yield (
            f"{outcome.untried} attempts with an expired upload URL were not tried: the URLs outlive the "
            "arrivals; play longer than they live (--duration)"
        )


def _came(log: str) -> str:
    """Return how many workers were there when Locust gave up waiting, as it says itself."""
    told = re.findall(r"(\d+) of \d+ connected", log)
    return str(told[-1]) if told else "0"


def _account(scenario: Scenario, outcome: RunOutcome) -> dict[str, object]:
    """Return what ``run.json`` says of the generator."""
    health = outcome.generator_health()
    found = [*outcome.shortfalls, *findings(health, _tightest_limit(scenario))]
    if outcome.interrupted:
        length = scenario.duration_s / scenario.time_scale
        found.insert(0, f"interrupted {outcome.ended_at_s:.1f} s into a run of {length:.0f} s")
    offered, started = sum(each.offered for each in health), sum(each.started for each in health)
    return {
        "findings": found,
        "offered": offered,
        "started": started,
        "achieved": started / offered if offered else 1.0,
        "interrupted": outcome.interrupted,
        "untried": outcome.untried,
        "workers": outcome.health,
    }


def _tightest_limit(scenario: Scenario) -> float | None:
    """Return the smallest latency any objective allows [clock s]."""
    parsed = [Objective.parse(each.expression) for each in scenario.objectives]
    limits = [float(each.limit) for each in parsed if each.dimension is Dimension.TIME]
    return min(limits) / scenario.time_scale if limits else None
