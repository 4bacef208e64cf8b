"""
Where a run is played: at a host somebody named, on the stack that is up, or on one started for it.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness.cli.scenario_arguments import read
from harness.lab.load.launch import play
from harness.lab.load.locust_process import Master
from harness.lab.load.outside_observer import outside
from harness.lab.load.progress_view import watching
from harness.lab.load.run_plan import ListingNeeds
from harness.lab.load.web_page_runs import People, Provide, serve_page
from harness.lab.results.writer import must_hold_a_run
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.stack.processes.loopback import bypass_proxies

if TYPE_CHECKING:
    from harness.lab.results.run import Run
    from harness.stack.processes.state_file import StackState


SETTLE_S = 2.5
"""The service puts its metrics every two seconds: the last ones come after the run has ended."""


class TargetUnfit(ValueError):
    """The scenario cannot be played there; says why and what to do."""


@dataclass(frozen=True, slots=True)
class RunTarget:
    """
    A service to play at.

    Attributes:
        provide: Sees to the people a scenario needs.
    """

    host: str
    provide: Provide


def play_scenario(
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
) -> "Run":
    """
    Play a scenario and return the run; in a notebook with a progress bar and a live table.

    Without *host* the stack that is up is used, or one is started for the run and stopped after it.

    >>> import harness
    >>> run = harness.play("scenarios/steady.toml", duration=60, out=folder / "live")
    >>> run.engine, run.header.complete
    ('live', True)

    Args:
        path: Scenario file.
        host: Base URL of a service that speaks the contract; needs *identities*.
        identities: CSV file of who may act on which listing.
        out: The run folder; by default a new one under ``runs``.
        rate: Mean arrival rate [1/s of model time], instead of the scenario's.
        duration: How long arrivals keep coming [model s], instead of the scenario's.
        processes: How many workers play [count].
        seed: Instead of the scenario's.
        users: Play it closed, with so many users, instead of at its arrival rate.
        master: Let workers of other machines play, and only conduct them.
        metrics_urls: Prometheus pages of *host*, e.g. of its API and of its worker.
        command: The command line that asked for it, to be kept with the run.

    Raises:
        ScenarioError: The file is no scenario; says which line.
        StageUnfit: The service that is up cannot play it, or *identities* are missing.
        PlayersDisagree: A worker has another version or another scenario.
        Unreachable: The service does not answer or does not let us in.
        FolderUnfit: The run folder holds a run already, or cannot be written to.
    """
    bypass_proxies()
    scenario = read(Path(path), rate=rate, duration=duration, seed=seed, users=users)
    if out is not None:
        must_hold_a_run(Path(out))
    where = stage(scenario, host, None if identities is None else Path(identities), metrics_urls)
    with (
        where as found,
        found.provide(scenario) as people,
        watching(scenario.duration_s / scenario.time_scale) as on_progress,
    ):
        return play(
            scenario,
            host=found.host,
            identities=people.identities,
            out=None if out is None else Path(out),
            processes=processes,
            on_progress=on_progress,
            watch=people.watch,
            master=master,
            command=command,
        )


def serve(
    path: Path,
    *,
    on_run: Callable[["Run"], None],
    host: str | None = None,
    identities: Path | None = None,
    runs: Path = Path("runs"),
    processes: int = 1,
    metrics_urls: Sequence[str] = (),
    command: str | None = None,
) -> None:
    """
    Open Locust's page on the scenarios of a folder, until interrupted.

    Args:
        path: The scenario chosen at first; its neighbours can be chosen too.
        on_run: Told each run when it is over.
        runs: Under which the run folders are made.
    """
    scenario = load_scenario(path)
    neighbours = [each for each in sorted(path.parent.glob("*.toml")) if each.name != path.name]
    with stage(scenario, host, identities, metrics_urls) as found:
        serve_page(
            [path, *neighbours],
            host=found.host,
            runs=runs,
            provide=found.provide,
            on_open=lambda url: print(f"open {url}, press Start; Ctrl-C here ends it", file=sys.stderr),
            on_run=on_run,
            processes=processes,
            command=command,
        )


@contextmanager
def stage(
    scenario: Scenario, host: str | None, identities: Path | None, metrics_urls: Sequence[str] = ()
) -> Iterator[RunTarget]:
    """
    Find or make a place to play *scenario*.

    Raises:
        StageUnfit: There is one, but not for this scenario.
        Unreachable: One of *metrics_urls* is no page of metrics.
    """
    if host is not None:
        if identities is None:
            raise TargetUnfit("--host needs --identities: a CSV file of listings, roles and tokens")
        known = People(identities, outside(metrics_urls))
        yield RunTarget(host.rstrip("/"), lambda _: nullcontext(known))
        return
    if metrics_urls:
        raise TargetUnfit("--metrics-url needs --host: of the local stack everything is recorded anyway")
    from harness.stack.processes.state_file import StackState

    state = StackState.read()
    if state is not None:
        must_fit(scenario, state)
        yield RunTarget(state.api_url, partial(_seeded, state, identities))
        return
    with _own_stack(scenario) as state:
        yield RunTarget(state.api_url, partial(_seeded, state, identities))


@contextmanager
def _own_stack(scenario: Scenario) -> Iterator["StackState"]:
    from harness.stack.local_stack import LocalStack, StackOptions

    with TemporaryDirectory(prefix="harness-stack-") as folder:
        # As it was adjusted: service times and faults are keyed by its seed.
        resolved = Path(folder, "scenario.json")
        resolved.write_text(scenario.model_dump_json(), encoding="utf-8")
        options = StackOptions(
            mode="real" if scenario.media == "real" else "modelled",
            scenario=resolved,
            time_scale=scenario.time_scale,
            listings=0,
            state_file=Path(folder, "stack.json"),
            developments=0,
            progress=lambda text: print(f"stack: {text}", file=sys.stderr, flush=True),
        )
        with LocalStack(options) as stack:
            yield stack.state


@contextmanager
def _seeded(state: "StackState", identities: Path | None, scenario: Scenario) -> Iterator[People]:
    """Give the scenario the listings it needs, and its people their tokens."""
    from harness.stack.database.seed import seed, write_identities

    must_fit(scenario, state)
    with TemporaryDirectory(prefix="harness-identities-") as folder:
        if identities is None:
            needs = ListingNeeds.of(scenario)
            listings = seed(state.database_url, listings=needs.ordinary, developments=needs.developments)
            identities = Path(folder, "identities.csv")
            write_identities(identities, listings, state.jwt_key)
        yield People(identities, partial(_beside, state))


@contextmanager
def _beside(state: "StackState", folder: Path, began_at_epoch_s: float) -> Iterator[None]:
    """Tell the stack when the run begins, and record what it knows of it."""
    import httpx

    from harness.stack.run_sampler import sampled

    httpx.post(f"{state.aws_url}/_harness/began", params={"at": began_at_epoch_s}).raise_for_status()
    with sampled(state, folder, began_at_epoch_s):
        yield
        time.sleep(SETTLE_S)


def must_fit(scenario: Scenario, state: "StackState") -> None:
    """
    Make sure that a stack is one for this scenario.

    Raises:
        StageUnfit: It is not; says why and what to do.
    """
    if scenario.media == "placeholder" and state.mode == "real":
        raise TargetUnfit(
            f"{scenario.name} uploads filler, which the real pipeline of the stack that is up refuses: "
            "stop it, or start one with modelled handlers"
        )
    if scenario.time_scale != state.time_scale:
        raise TargetUnfit(
            f"{scenario.name} has time scale {scenario.time_scale:g}, the stack that is up "
            f"{state.time_scale:g}: stop it, or start one with the scenario's"
        )
    is_work_from_scenario = state.mode == "modelled" or scenario.faults
    if is_work_from_scenario and state.work_hash != scenario.work_hash:
        played = state.scenario or "no scenario"
        raise TargetUnfit(
            f"the stack that is up plays the service times and faults of {played}, not those of "
            f"{scenario.name} with seed {scenario.seed}: stop it, or start one with this scenario"
        )
