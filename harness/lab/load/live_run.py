"""
A run that Locust plays: prepared, observed while it goes on, and finished.

Times are float seconds.
"""

import os
import platform
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import psutil

from harness.blueprint.template import load_template
from harness.lab.alarms.template_alarms import metric_alarms
from harness.lab.gate.objective import Dimension, Objective
from harness.lab.load.generator.self_check import findings
from harness.lab.load.host.host_recorder import Processes, no_processes, recorded_host
from harness.lab.load.outside_observer import RunObserver, outside_observer, unobserved
from harness.lab.load.preflight.preflight import preflight
from harness.lab.load.progress import Progress
from harness.lab.load.run_outcome import OUTCOME, PROGRESS, RunOutcome
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.audit_file import TABLES, write_audit
from harness.lab.results.notes import ABORTED, REMARKS, UNOBSERVED
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.stations.station_table import write_stations
from harness.lab.results.table_audit import audit_tables
from harness.lab.results.writer import RunWriter, write_header
from harness.lab.workload.scenario import Scenario

_URL = re.compile(r"(https?://)(?:[^/@\s']*@)?([^?#\s']*)(?:[?#][^\s']*)?")


@dataclass(frozen=True, slots=True)
class ServiceAccess:
    """
    What a run needs to use a service and to observe it.

    Attributes:
        identities: CSV file of listings, roles and tokens.
        observer: Records what the requests alone do not show, e.g. the stack's metrics; by default what can
            be observed from outside.
        target: Facts about the service for `RunHeader.target`.
        remarks: Sentences for ``run.json``.
        processes: Returns the processes of the service on this machine, to record what they use.
    """

    identities: Path
    observer: RunObserver = field(default_factory=outside_observer)
    target: Mapping[str, str | int | float] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    processes: Processes = no_processes


class LiveRun:
    """
    One run, from the check of the service to the finished run folder.

    Args:
        folder: The run folder.
        workers: How many workers play [count].
        command: The command line; it is kept in ``run.json`` without passwords.
    """

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        *,
        host: str,
        access: ServiceAccess,
        workers: int,
        command: str | None = None,
    ) -> None:
        remarks = [*access.remarks, *preflight(host, RunPlan.read(scenario, access.identities))]
        notes: dict[str, Any] = {} if command is None else {"command": without_secrets(command)}
        if remarks:
            notes[REMARKS] = remarks
        self.folder = folder
        self._scenario = scenario
        header = live_header(scenario, folder, workers, notes)
        self._writer = RunWriter(folder, header.model_copy(update={"target": dict(access.target)}))
        self._observer = access.observer
        self._processes = access.processes
        self._observing = ExitStack()
        self._observed: Collection[str] | None = None
        self._observation_error: str | None = None
        self._has_begun = False

    @property
    def progress(self) -> Progress:
        return Progress.read(self.folder / PROGRESS)

    def update(self, locust: int | None = None) -> RunOutcome:
        """
        Return how far the run is; call it a few times a second.

        When the run has begun, its start is written to ``run.json`` and its observers are started.

        Args:
            locust: Process id of the load generator.
        """
        outcome = RunOutcome.read(self.folder / OUTCOME)
        if outcome.began_at_epoch_s is not None and not self._has_begun:
            self._has_begun = True
            began_at = datetime.fromtimestamp(outcome.began_at_epoch_s, UTC)
            self._writer.header = self._writer.header.model_copy(update={"started_at": began_at})
            write_header(self.folder, self._writer.header)
            self._observe(outcome.began_at_epoch_s, {} if locust is None else {"locust": locust})
        return outcome

    def finish(self, outcome: RunOutcome) -> Run:
        """Make the tables of a run that has begun and is over, and return it."""
        self.close()
        if self._observation_error is not None:
            outcome.shortfalls.append(self._observation_error)
        remarks = list(self._writer.header.notes.get(REMARKS, ()))
        if outcome.untried:
            remarks.append(
                f"{outcome.untried} attempts with an expired upload URL were not tried: the URLs outlive the "
                "arrivals; play longer than they live (--duration)"
            )
        run = self._writer.finish(
            duration_s=outcome.ended_at_s,
            workers=outcome.workers,
            lost_workers=outcome.lost,
            notes={
                "generator": _generator_notes(self._scenario, outcome),
                REMARKS: remarks,
                **({} if outcome.aborted is None else {ABORTED: outcome.aborted}),
                UNOBSERVED: [] if self._observed is None else unobserved(metric_alarms(), self._observed),
            },
        )
        write_audit(run.folder, TABLES, audit_tables(run))
        if len(run.steps):
            write_stations(run)
        return run

    def close(self) -> None:
        """Stop the observer; a second call does nothing."""
        with self._noting_errors():
            self._observing.close()

    def _observe(self, began_at: float, generator: Mapping[str, int]) -> None:
        with self._noting_errors():
            self._observed = self._observing.enter_context(self._observer(self.folder, began_at))
        # Entered last, left first: what follows the run, e.g. its audit, is no part of it.
        host = recorded_host(self.folder, began_at, lambda: {**self._processes(), **generator})
        self._observing.enter_context(host)

    @contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, httpx.HTTPError) as error:
            reason = error or type(error).__name__
            self._observation_error = f"the observation of the run is incomplete: {reason}"


def live_header(scenario: Scenario, folder: Path, workers: int, notes: Mapping[str, Any]) -> RunHeader:
    """Return the header of a run that begins now."""
    return RunHeader(
        id=folder.name,
        engine="live",
        scenario_name=scenario.name,
        scenario=scenario.model_dump(mode="json"),
        scenario_hash=scenario.hash,
        blueprint_hash=load_template().hash,
        seed=scenario.seed,
        started_at=datetime.now(UTC),
        time_scale=scenario.time_scale,
        arrival_rate=scenario.arrival_rate,
        workers=workers,
        versions={name: version(name) for name in ("locust", "gevent")}
        | {"harness": version("media-harness"), "python": platform.python_version()},
        machine={
            "host": platform.node(),
            "processors": os.cpu_count() or 1,
            "memory_bytes": psutil.virtual_memory().total,
        },
        notes=dict(notes),
    )


def without_secrets(command: str) -> str:
    """Return a command line without the users, passwords and queries of its URLs."""
    return _URL.sub(r"\1\2", command)


def _generator_notes(scenario: Scenario, outcome: RunOutcome) -> dict[str, object]:
    health = outcome.health
    found = [*outcome.shortfalls, *findings(health, tightest_limit(scenario))]
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
        "workers": [asdict(each) for each in health],
    }


def tightest_limit(scenario: Scenario) -> float | None:
    """Return the smallest latency that an objective allows [clock s]; None if no objective limits a time."""
    parsed = [Objective.parse(each.expression) for each in scenario.objectives]
    limits = (
        # Response times of requests are clock time, whatever the time scale.
        float(each.limit) / (scenario.time_scale if each.is_of_model_time else 1.0)
        for each in parsed
        if each.dimension is Dimension.TIME and each.comparison in ("<", "<=")
    )
    return min(limits, default=None)
