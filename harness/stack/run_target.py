"""
The stack of a run: the running one, or one that is started for the run and stopped after it.

The modules that start and record a stack take half a second to import; they are imported when used.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.blueprint.template import load_template
from harness.lab.sim.platform.real_capacity import RealCapacity
from harness.lab.workload.faults.fault_window import FaultWorld
from harness.lab.workload.faults.playable import must_play
from harness.lab.workload.identities import ListingNeeds
from harness.lab.workload.scenario import Scenario
from harness.stack.deployed_parameters import DeployedParameters
from harness.stack.processes.stack_place import find_stack, running_stacks
from harness.stack.processes.state_file import StackState

OWN_STACK = "started for this run"
SETTLE_S = 2.5
"""Wait after a run: the service puts its metrics every two seconds, so the last ones come late."""


class TargetUnfit(ValueError):
    """The scenario cannot be played at the target; the message says why and what to do."""


@contextmanager
def stack_for(
    scenario: Scenario,
    *,
    own_stack: bool = False,
    stack: str | None = None,
    deployed: DeployedParameters | None = None,
) -> Iterator[StackState]:
    """
    Use the running stack of this working folder, which `must_fit`, or start one and stop it at the end.

    Args:
        own_stack: Start one even if another one is running.
        stack: Use this stack of another working folder; see `find_stack`.
        deployed: What the started stack is deployed with; a running one is as it is.

    Raises:
        StackNotFound: *stack* does not run.
        TargetUnfit: The stack cannot play the scenario.
    """
    state = None if own_stack else find_stack(stack)
    if state is not None:
        must_fit(scenario, state)
        _say(f"playing at {state.name}")
        yield state
        return
    must_play(scenario, FaultWorld.LIVE)
    if not own_stack and (others := running_stacks()):
        _say(f"one is started for this run; of other folders there run (--stack): {', '.join(others)}")
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
            name=OWN_STACK,
            developments=0,
            deployed=deployed or DeployedParameters(),
            progress=_say,
        )
        with LocalStack(options) as own:
            yield own.state


def _say(text: str) -> None:
    print(f"stack: {text}", file=sys.stderr, flush=True)


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
    from harness.stack.control_client import announce_run
    from harness.stack.faults.fault_record import faults_played
    from harness.stack.run_sampler import sampled

    announce_run(state, began_at_epoch_s)
    with sampled(state, folder, began_at_epoch_s), faults_played(state, folder, began_at_epoch_s):
        yield
        time.sleep(SETTLE_S)
    _audit(state, folder, began_at_epoch_s)


def _audit(state: StackState, folder: Path, began_at: float) -> None:
    """Audit what was created since the run began; raise OSError if the stack cannot be asked."""
    from botocore.exceptions import BotoCoreError, ClientError

    from harness.lab.results.audit_file import STACK, write_audit
    from harness.service.core.errors import Unavailable
    from harness.stack.audit.stack_audit import StackAuditor

    try:
        write_audit(folder, STACK, StackAuditor(state, began_at).audit())
    except (BotoCoreError, ClientError, Unavailable) as error:
        raise OSError(f"the stack could not be audited: {error}") from error


def facts_of(state: StackState) -> dict[str, str | int | float]:
    """Return what the header of a run says about the stack that it is played at."""
    facts: dict[str, str | int | float] = {"stack": state.name, "work": state.mode}
    if state.mode == "real":
        slots = load_template(parameters={"CallbackUrl": ""}).media_convert_queue.concurrent_jobs
        facts |= asdict(RealCapacity.of(slots))
    return facts


def must_fit(scenario: Scenario, state: StackState) -> None:
    """
    Raise `TargetUnfit` if a running stack cannot play a scenario.

    Raises:
        ScenarioError: The scenario has a fault that no local stack can play.
    """
    must_play(scenario, FaultWorld.LIVE)
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
