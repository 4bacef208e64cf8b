"""
Hostile requests against the API: each is refused as it should be, none is answered 5xx, and nothing changes.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.identifiers import ListingId
from tests.security.attacks import Attack, all_attacks
from tests.service.api.conftest import DEVELOPMENT, LISTING, ServiceEnvironment, env_of, open_env

ATTACKS = all_attacks()
KINDS = list(dict.fromkeys(attack.kind for attack in ATTACKS))


@pytest.fixture(scope="module")
def env() -> Iterator[ServiceEnvironment]:
    """One API for all attacks, with one batch in the pipeline."""
    client, ports = open_env()
    client.event_hooks = {}  # most paths and methods here are in no document
    with client:
        opened = env_of(client, ports)
        opened.received()
        yield opened


def answer(env: ServiceEnvironment, attack: Attack) -> httpx.Response:
    return env.client.request(
        attack.method, attack.path, headers=dict(attack.headers), content=attack.content
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_attack_is_answered_5xx_or_gets_more_than_it_may(env: ServiceEnvironment, kind: str) -> None:
    """
    Every attack gets one of its right statuses, and nothing is stored but the batches that were accepted.
    """
    before, created = stored(env), 0
    wrong = []
    for attack in (one for one in ATTACKS if one.kind == kind):
        response = answer(env, attack)
        created += response.status_code == 201
        if response.status_code not in attack.answers:
            wrong.append((attack.name, response.status_code, response.text[:200]))

    assert wrong == []
    assert stored(env) == (before[0] + created, *before[1:])


def stored(env: ServiceEnvironment) -> tuple[int, int, int]:
    """Return the number of batches, of messages, and of batches that are not where they were."""
    batches = [
        one
        for n in (LISTING, DEVELOPMENT)
        for one in env.media.list_batches_by_listing(ListingId(n), limit=10**6)
    ]
    received = sum(one.status is not BatchStatus.PENDING_UPLOAD for one in batches)
    return len(batches), len(env.media.list_outbox()), received


def test_names_are_unique() -> None:
    """
    A failing attack is found by its name.
    """
    names = Counter((attack.kind, attack.name) for attack in ATTACKS)

    assert [name for name, count in names.items() if count > 1] == []


def test_a_defect_would_be_seen(env: ServiceEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An attack that makes the service fail is answered 500 here, too: the suite can fail.
    """

    def defect(*_: object) -> Callable[[], None]:
        raise ZeroDivisionError

    monkeypatch.setattr("harness.service.api.bearer_token.Tokens.user_of", defect)
    attack = next(one for one in ATTACKS if one.kind == "JWT")

    assert answer(env, attack).status_code == 500
