"""The flows of a scenario, step by step, as in the live load."""

from collections.abc import Callable, Mapping

from simpy.events import ProcessGenerator

from harness.lab.sim.model.client_session import SimulatedClient
from harness.lab.workload import client_flows


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
