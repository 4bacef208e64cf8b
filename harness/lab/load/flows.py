"""
What the people of a scenario do, step by step.

A flow is plain code over a `Visit`: it reads as the story of one arrival. What a request costs, when it
was due and how it is recorded is the visit's business. A flow ends by returning, or by `Stopped` when a
step it needs has failed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from harness.lab.load.forbidden import forbidden
from harness.lab.load.visit import Visit
from harness.lab.workload import flows
from harness.lab.workload.identities import Role


def photo_shoot(visit: Visit) -> None:
    """A photographer uploads a shoot, waits until it is ready and looks at what came of it."""
    photographer = visit.token(Role.PHOTOGRAPHER)
    upload(visit, photographer)
    if visit.wait_until_ended(photographer):
        visit.look_at_downloads(photographer)


def project_documents(visit: Visit) -> None:
    """An owner uploads plans and renders of a development and waits until they are ready."""
    owner = visit.token(Role.OWNER)
    upload(visit, owner)
    if visit.wait_until_ended(owner):
        visit.look_at_downloads(owner)


def retry(visit: Visit) -> None:
    """A photographer has a batch that ended processed again."""
    photographer = visit.token(Role.PHOTOGRAPHER)
    upload(visit, photographer)
    visit.wait_until_ended(photographer)
    for _ in range(visit.flow(flows.Retry).retries):
        visit.think()
        visit.retry(photographer)
        visit.wait_until_ended(photographer)


def abandon(visit: Visit) -> None:
    """A photographer starts a batch and never completes it."""
    photographer = visit.token(Role.PHOTOGRAPHER)
    visit.create(photographer)
    if visit.flow(flows.Abandon).after == "uploads":
        visit.think()
        visit.upload_files()


def viewer(visit: Visit) -> None:
    """Somebody looks at a listing and fetches some of the files."""
    visit.view(
        visit.token(Role.OWNER), visit.mix.fetches(visit.arrival.index, visit.flow(flows.Viewer).fetches)
    )


def upload(visit: Visit, token: str) -> None:
    """Create a batch, upload its files and complete it."""
    visit.create(token)
    visit.think()
    visit.upload_files()
    visit.think()
    visit.complete(token)


FLOWS: Mapping[str, Callable[[Visit], Any]] = {
    "photo_shoot": photo_shoot,
    "project_documents": project_documents,
    "retry": retry,
    "abandon": abandon,
    "viewer": viewer,
    "forbidden": forbidden,
}
