"""The flows of a scenario, step by step, as in the live load."""

from collections.abc import Callable, Mapping

from simpy.events import ProcessGenerator

from harness.lab.sim.model.client_session import SimulatedClient
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload import client_flows
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.scenario import Scenario
from harness.states_language.host import NS


def upload(client: SimulatedClient) -> ProcessGenerator:
    """Create a batch, upload its files and complete it."""
    yield from client.create()
    yield from client.think()
    yield from client.upload_files()
    yield from client.think()
    yield from client.complete()


def upload_and_download(client: SimulatedClient) -> ProcessGenerator:
    """Upload a batch, wait until it is READY and download the results."""
    yield from upload(client)
    if (yield from client.wait_until_ended()):
        yield from client.download()


def retry(client: SimulatedClient) -> ProcessGenerator:
    """Upload a batch, wait for its end, and have it processed again."""
    yield from upload(client)
    yield from client.wait_until_ended()
    flow = client.flow
    assert isinstance(flow, client_flows.RetryFlow)  # noqa: S101 - the batch was drawn from it
    for _ in range(flow.retries):
        yield from client.think()
        yield from client.retry()
        yield from client.wait_until_ended()


def abandon(client: SimulatedClient) -> ProcessGenerator:
    """Start a batch and never complete it."""
    yield from client.create()
    flow = client.flow
    assert isinstance(flow, client_flows.AbandonFlow)  # noqa: S101 - the batch was drawn from it
    if flow.after == "uploads":
        yield from client.think()
        yield from client.upload_files()


FLOWS: Mapping[str, Callable[[SimulatedClient], ProcessGenerator]] = {
    "photo_shoot": upload_and_download,
    "project_documents": upload_and_download,
    "retry": retry,
    "abandon": abandon,
    "viewer": SimulatedClient.view,
    "forbidden": SimulatedClient.attempt_refused,
}


def take_no_time(scenario: Scenario, platform: Platform) -> bool:
    """Return whether every session of a scenario may take no time at all, so that users never stop coming."""
    return (
        not platform.host.processors
        and platform.s3.bytes_per_s is None
        and all(_is_nothing(of) for of in (platform.api.request_s, platform.api.network_s))
        and _is_nothing(platform.s3.request_s)
        and all(_never_waits(flow, scenario) for flow in scenario.flows)
    )


def _never_waits(flow: client_flows.Flow, scenario: Scenario) -> bool:
    if isinstance(flow, client_flows.AbandonFlow):
        return flow.after == "create" or _is_nothing(scenario.behaviour.think_time_s)
    # The others poll until their batch ends.
    return isinstance(flow, client_flows.ViewerFlow | client_flows.ForbiddenFlow)


def _is_nothing(of: Distribution) -> bool:
    """Return whether a duration rounds to 0 ns."""
    return of.rarely_exceeds(0.5 / NS)
