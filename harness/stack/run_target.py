"""
The stack of a run: the running one, or one that is started for the run and stopped after it.

The modules that start and record a stack take half a second to import; they are imported when used.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.lab.workload.identities import ListingNeeds
from harness.lab.workload.scenario import Scenario
from harness.stack.processes.state_file import StackState

SETTLE_S = 2.5
"""Wait after a run: the service puts its metrics every two seconds, so the last ones come late."""


class TargetUnfit(ValueError):
    """The scenario cannot be played at the target; the message says why and what to do."""


@contextmanager
def stack_for(scenario: Scenario, *, own_stack: bool = False) -> Iterator[StackState]:
    """
    Use the running stack, which `must_fit`, or start one for the scenario and stop it at the end.

    Args:
        own_stack: Start one even if another one is running.
    """
    state = None if own_stack else StackState.read()
    if state is not None:
        must_fit(scenario, state)
        yield state
        return
    from harness.stack.local_stack import LocalStack, StackOptions

    with TemporaryDirectory(prefix="harness-stack-") as folder:
        # The scenario with its changes: service times and faults depend on its seed.
        changed = Path(folder, "scenario.json")
        changed.write_text(scenario.model_dump_json(), encoding="utf-8")
        options = StackOptions(
            mode="real" if scenario.media == "real" else "modelled",
            scenario=changed,
            time_scale=scenario.time_scale,
            listings=0,
            state_file=Path(folder, "stack.json"),
            developments=0,
            progress=lambda text: print(f"stack: {text}", file=sys.stderr, flush=True),
        )
        with LocalStack(options) as stack:
            yield stack.state


@contextmanager
def seeded_identities(scenario: Scenario, state: StackState) -> Iterator[Path]:
    """Add the listings that a scenario needs to the stack's database; yield the file of their tokens."""
    from harness.stack.database.seed import seed, write_identities

    with TemporaryDirectory(prefix="harness-identities-") as folder:
        needs = ListingNeeds.of(scenario)
        listings = seed(state.database_url, listings=needs.ordinary, developments=needs.developments)
        identities = Path(folder, "identities.csv")
        write_identities(identities, listings, state.jwt_key)
        yield identities


@contextmanager
def recorded(state: StackState, folder: Path, began_at_epoch_s: float) -> Iterator[None]:
    """Report the beginning of a run to the stack, and record the stack's metrics and steps of the run."""
    import httpx

    from harness.stack.run_sampler import sampled

    httpx.post(f"{state.aws_url}/_harness/began", params={"at": began_at_epoch_s}).raise_for_status()
    with sampled(state, folder, began_at_epoch_s):
        yield
        time.sleep(SETTLE_S)


def must_fit(scenario: Scenario, state: StackState) -> None:
    """Raise `TargetUnfit` if a running stack cannot play a scenario."""
    if scenario.media == "placeholder" and state.mode == "real":
        raise TargetUnfit(
            f"{scenario.name} uploads placeholder files, which the running stack's real pipeline refuses: "
            "stop the stack, or start one with modelled handlers"
        )
    if scenario.time_scale != state.time_scale:
        raise TargetUnfit(
            f"{scenario.name} has time scale {scenario.time_scale:g}, the running stack has "
            f"{state.time_scale:g}: stop the stack, or start one with the time scale of the scenario"
        )
    is_work_from_scenario = state.mode == "modelled" or scenario.faults
    if is_work_from_scenario and state.work_hash != scenario.work_hash:
        played = state.scenario or "no scenario"
        raise TargetUnfit(
            f"the running stack has the service times and faults of {played}, not those of "
            f"{scenario.name} with seed {scenario.seed}: stop the stack, or start one with this scenario"
        )
