"""
The flows of a scenario: what one arrival does, step by step.

A flow is plain code over a `ClientSession`, which sends and records the requests. It ends by returning, or by
`SessionStopped` when a step that it needs has failed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from harness.lab.load.clients.client_session import ClientSession
from harness.lab.load.clients.refused_attempts import forbidden
from harness.lab.workload import client_flows
from harness.lab.workload.identities import CallerRole


def photo_shoot(client: ClientSession) -> None:
    """Upload a shoot as its photographer, wait until it is ready and fetch the results."""
    _upload_and_fetch(client, client.token(CallerRole.PHOTOGRAPHER))


def project_documents(client: ClientSession) -> None:
    """Upload plans and renders of a development as its owner, wait until they are ready and fetch them."""
    _upload_and_fetch(client, client.token(CallerRole.OWNER))


def retry(client: ClientSession) -> None:
    """Upload a shoot, and have it processed again after it has ended."""
    photographer = client.token(CallerRole.PHOTOGRAPHER)
    _upload(client, photographer)
    client.wait_until_ended(photographer)
    for _ in range(client.flow(client_flows.RetryFlow).retries):
        client.think()
        client.retry(photographer)
        client.wait_until_ended(photographer)


def abandon(client: ClientSession) -> None:
    """Create a batch and never complete it."""
    photographer = client.token(CallerRole.PHOTOGRAPHER)
    client.create(photographer)
    if client.flow(client_flows.AbandonFlow).after == "uploads":
        client.think()
        client.upload_files(photographer)


def viewer(client: ClientSession) -> None:
    """View a listing and fetch some of its files."""
    fetches = client.mix.fetches(client.arrival.index, client.flow(client_flows.ViewerFlow).fetches)
    client.view_listing(client.token(CallerRole.OWNER), fetches)


FLOWS: Mapping[str, Callable[[ClientSession], Any]] = {
    "photo_shoot": photo_shoot,
    "project_documents": project_documents,
    "retry": retry,
    "abandon": abandon,
    "viewer": viewer,
    "forbidden": forbidden,
}


def _upload_and_fetch(client: ClientSession, token: str) -> None:
    _upload(client, token)
    if client.wait_until_ended(token):
        client.fetch_downloads(token)


def _upload(client: ClientSession, token: str) -> None:
    """Create a batch, upload its files and complete it."""
    client.create(token)
    client.think()
    client.upload_files(token)
    client.think()
    client.complete(token)
