"""
What the people of a scenario do, step by step: the flows of the live load.
"""

from collections.abc import Callable, Mapping

from harness.lab.sim.model.client_session import Pauses, SimulatedClient
from harness.lab.workload import client_flows


def upload(visit: SimulatedClient) -> Pauses:
    """Create a batch, upload its files and complete it."""
    yield from visit.create()
    yield from visit.think()
    yield from visit.upload_files()
    yield from visit.think()
    yield from visit.complete()


def wait_and_look(visit: SimulatedClient) -> Pauses:
    """Upload a batch, wait until it is ready and look at what came of it."""
    yield from upload(visit)
    if (yield from visit.wait_until_ended()):
        yield from visit.look_at_downloads()


def retry(visit: SimulatedClient) -> Pauses:
    """Have a batch that ended processed again."""
    yield from upload(visit)
    yield from visit.wait_until_ended()
    flow = visit.world.scenario.flows[visit.batch.flow_index]
    assert isinstance(flow, client_flows.RetryFlow)  # noqa: S101 - the batch names the flow it was drawn from
    for _ in range(flow.retries):
        yield from visit.think()
        yield from visit.retry()
        yield from visit.wait_until_ended()


def abandon(visit: SimulatedClient) -> Pauses:
    """Start a batch and never complete it."""
    yield from visit.create()
    flow = visit.world.scenario.flows[visit.batch.flow_index]
    assert isinstance(flow, client_flows.AbandonFlow)  # noqa: S101 - the batch names the flow it was drawn from
    if flow.after == "uploads":
        yield from visit.think()
        yield from visit.upload_files()


PLAYS: Mapping[str, Callable[[SimulatedClient], Pauses]] = {
    "photo_shoot": wait_and_look,
    "project_documents": wait_and_look,
    "retry": retry,
    "abandon": abandon,
    "viewer": SimulatedClient.view,
    "forbidden": SimulatedClient.try_forbidden,
}
