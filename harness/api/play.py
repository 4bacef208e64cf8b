"""Live runs of a scenario: at a given host, on the running stack, or on a stack started for the run."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.lab.gate.scenario_reader import read_scenario
from harness.lab.load.launch import play as play_with_locust
from harness.lab.load.live_run import ServiceAccess, without_secrets
from harness.lab.load.locust_process import LocalWorkers, Master
from harness.lab.load.outside_observer import RunObserver, outside_observer
from harness.lab.load.preflight.fresh_listings import fresh_identities
from harness.lab.load.progress_view import progress_view
from harness.lab.load.web_page_runs import Provide, WebPageRuns
from harness.lab.report.plots import PlottableRun
from harness.lab.results.writer import must_hold_a_run
from harness.lab.workload.faults.fault_window import FaultWorld
from harness.lab.workload.faults.playable import must_play
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.shipped.shipped_scenarios import find_scenario
from harness.stack.dashboard.processes import part_processes
from harness.stack.deployed_parameters import DeployedParameters
from harness.stack.processes.locust_page import noted_page
from harness.stack.processes.loopback import bypass_proxies
from harness.stack.run_target import TargetUnfit, facts_of, must_fit, recorded, seeded_identities, stack_for

if TYPE_CHECKING:
    from harness.lab.results.run import Run
    from harness.stack.processes.state_file import StackState


@dataclass(frozen=True, slots=True)
class RunTarget:
    """
    A service where a scenario is played.

    Attributes:
        host: Its base URL.
        provide: Provider of identities for a scenario.
        noted: Notes the address of Locust's web page for the live page of the stack.
    """

    host: str
    provide: Provide
    noted: Callable[[str], AbstractContextManager[object]] = nullcontext


def play(
    path: str | Path,
    *,
    host: str | None = None,
    identities: str | Path | None = None,
    out: str | Path | None = None,
    rate: float | None = None,
    duration: float | None = None,
    processes: int = 1,
    seed: int | None = None,
    users: int | None = None,
    master: Master | None = None,
    metrics_urls: Sequence[str] = (),
    command: str | None = None,
    own_stack: bool = False,
    stack: str | None = None,
    deployed: DeployedParameters | None = None,
) -> PlottableRun:
    """
    Play a scenario with Locust and return the run; a notebook shows a progress bar and a live table.

    Without *host* the running stack of this working folder is used, or one is started for the run and
    stopped after it.

    >>> import harness
    >>> run = harness.play("scenarios/steady.toml", duration=60, out=folder / "live")
    >>> run.engine, run.header.complete
    ('live', True)

    Args:
        host: Base URL of a service with the same API; needs *identities*.
        identities: CSV file of listings and tokens.
        out: The run folder; by default a new one under ``runs``.
        rate: Mean arrival rate [1/s of model time]; replaces the scenario's.
        duration: Time during which arrivals come [model s]; replaces the scenario's.
        seed: Replaces the scenario's seed.
        processes: Number of Locust workers on this machine.
        users: Number of users of a closed workload; it replaces the arrivals.
        master: Coordinate workers on other machines instead of starting workers here.
        metrics_urls: Prometheus pages of *host*, e.g. of its API and of its worker.
        command: The command line, to be recorded with the run.
        own_stack: Without *host*, start a stack for the run even if one is running.
        stack: Name, folder or state file of a running stack of another working folder.
        deployed: What a stack that is started for the run is deployed with, instead of the defaults.

    Raises:
        ScenarioError: The scenario or a change is not valid.
        TargetUnfit: The running stack cannot play the scenario, or *identities* are missing.
        StackNotFound: *stack* does not run.
        IdentitiesInvalid: The identities are invalid or too few.
        StackError: A stack cannot be started.
        WorkersMissing: Fewer workers connected than were expected.
        WorkersDisagree: A worker has another version or another scenario.
        LoadFailed: Locust did not begin the run.
        Unreachable: The service does not answer or refuses the tokens, or a page has no metrics.
        FolderUnfit: The run folder contains a run, or is not writable.
    """
    bypass_proxies()
    scenario = read_scenario(Path(path), rate=rate, duration=duration, seed=seed, users=users)
    out = None if out is None else Path(out)
    if out is not None:
        must_hold_a_run(out)
    given = None if identities is None else Path(identities)
    with (
        run_target(
            scenario, host, given, metrics_urls, own_stack=own_stack, stack=stack, deployed=deployed
        ) as target,
        target.provide(scenario) as access,
        progress_view(scenario.duration_s / scenario.time_scale, scenario.time_scale) as on_progress,
    ):
        run = play_with_locust(
            scenario,
            host=target.host,
            access=access,
            out=out,
            workers=master or LocalWorkers(processes),
            on_progress=on_progress,
            command=command,
        )
    return PlottableRun.of(run)


def serve_scenarios(
    path: Path,
    *,
    on_run: Callable[["Run"], None],
    host: str | None = None,
    identities: Path | None = None,
    runs: Path = Path("runs"),
    processes: int = 1,
    metrics_urls: Sequence[str] = (),
    command: str | None = None,
    stack: str | None = None,
) -> None:
    """
    Serve Locust's web page for the scenarios of a folder, until interrupted.

    Args:
        path: The scenario that is selected at first; the page offers all scenarios of its folder.
        on_run: Called with each run when it is over.
    """
    path = find_scenario(path)
    scenario = read_scenario(path)
    others = [each for each in sorted(path.parent.glob("*.toml")) if each.name != path.name]
    with run_target(scenario, host, identities, metrics_urls, stack=stack) as target, ExitStack() as notes:

        def on_open(url: str) -> None:
            print(f"open {url} and press Start; Ctrl-C here ends it", file=sys.stderr)
            notes.enter_context(target.noted(url))

        page = WebPageRuns(
            host=target.host,
            runs=runs,
            provide=target.provide,
            on_run=on_run,
            workers=LocalWorkers(processes),
            command=command,
        )
        page.serve([path, *others], on_open=on_open)


@contextmanager
def run_target(
    scenario: Scenario,
    host: str | None,
    identities: Path | None,
    metrics_urls: Sequence[str] = (),
    *,
    own_stack: bool = False,
    stack: str | None = None,
    deployed: DeployedParameters | None = None,
) -> Iterator[RunTarget]:
    """Find the target of a scenario, or start one; errors are those of `play`."""
    if host is None and metrics_urls:
        raise TargetUnfit("--metrics-url needs --host: the metrics of the local stack are always recorded")
    if host is not None and stack is not None:
        raise TargetUnfit("--host and --stack exclude each other: a run is played at one service")
    if host is None:
        with stack_for(scenario, own_stack=own_stack, stack=stack, deployed=deployed) as state:
            provide = partial(_stack_identities, state, identities)
            yield RunTarget(state.api_url, provide, partial(noted_page, state))
    elif identities is None:
        raise TargetUnfit("--host needs --identities: a CSV file of listings, roles and tokens")
    else:
        must_play(scenario, FaultWorld.DEPLOYED)
        url = host.rstrip("/")
        yield RunTarget(url, partial(_deployed_identities, url, identities, outside_observer(metrics_urls)))


@contextmanager
def _deployed_identities(
    host: str, given: Path, observer: RunObserver, scenario: Scenario
) -> Iterator[ServiceAccess]:
    """Provide identities of a deployed service for a scenario: those of listings that wait for photos."""
    with fresh_identities(host, given, scenario) as (identities, remarks):
        yield ServiceAccess(identities, observer, {"api": without_secrets(host)}, remarks)


@contextmanager
def _stack_identities(state: "StackState", given: Path | None, scenario: Scenario) -> Iterator[ServiceAccess]:
    """Provide identities of a stack for a scenario: the given ones, or new listings."""
    must_fit(scenario, state)
    with nullcontext(given) if given else seeded_identities(scenario, state) as identities:
        processes = partial(part_processes, state.supervisor_pid)
        yield ServiceAccess(identities, partial(recorded, state), facts_of(state), processes=processes)
