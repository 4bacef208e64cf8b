"""
What the people of a scenario do, step by step.

A flow is plain code over a `ClientSession`: it reads as the story of one arrival. The session
measures and records the requests. A flow ends by returning, or by `SessionStopped` when a step it needs has
failed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from harness.lab.load.clients.client_session import ClientSession
from harness.lab.load.clients.refused_attempts import forbidden
from harness.lab.workload import client_flows
from harness.lab.workload.identities import CallerRole


def photo_shoot(visit: ClientSession) -> None:
    """A photographer uploads a shoot, waits until it is ready and looks at what came of it."""
    photographer = visit.token(CallerRole.PHOTOGRAPHER)
    upload(visit, photographer)
    if visit.wait_until_ended(photographer):
        visit.look_at_downloads(photographer)


def project_documents(visit: ClientSession) -> None:
    """An owner uploads plans and renders of a development and waits until they are ready."""
    owner = visit.token(CallerRole.OWNER)
    upload(visit, owner)
    if visit.wait_until_ended(owner):
        visit.look_at_downloads(owner)


def retry(visit: ClientSession) -> None:
    """A photographer has a batch that ended processed again."""
    photographer = visit.token(CallerRole.PHOTOGRAPHER)
    upload(visit, photographer)
    visit.wait_until_ended(photographer)
    for _ in range(visit.flow(client_flows.RetryFlow).retries):
        visit.think()
        visit.retry(photographer)
        visit.wait_until_ended(photographer)


def abandon(visit: ClientSession) -> None:
    """A photographer starts a batch and never completes it."""
    photographer = visit.token(CallerRole.PHOTOGRAPHER)
    visit.create(photographer)
    if visit.flow(client_flows.AbandonFlow).after == "uploads":
        visit.think()
        visit.upload_files()


def viewer(visit: ClientSession) -> None:
    """Somebody looks at a listing and fetches some of the files."""
    visit.view(
        visit.token(CallerRole.OWNER),
        visit.mix.fetches(visit.arrival.index, visit.flow(client_flows.ViewerFlow).fetches),
    )


def upload(visit: ClientSession, token: str) -> None:
    """Create a batch, upload its files and complete it."""
    visit.create(token)
    visit.think()
    visit.upload_files()
    visit.think()
    visit.complete(token)


FLOWS: Mapping[str, Callable[[ClientSession], Any]] = {
    "photo_shoot": photo_shoot,
    "project_documents": project_documents,
    "retry": retry,
    "abandon": abandon,
    "viewer": viewer,
    "forbidden": forbidden,
}
