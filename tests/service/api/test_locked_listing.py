"""
A listing whose row is locked does not hold up other listings, probes and metrics.
"""

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack

import httpx
import jwt
import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.memory.tracer import InMemoryTracer
from harness.service.adapters.memory.workflow import InMemoryWorkflow
from harness.service.adapters.mysql.listing_repository import MySQLListingRepository
from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.adapters.prometheus.instruments import InflightJobs
from harness.service.api.server import serve
from harness.service.app import Ports, Rules, assemble
from harness.service.core.model.identifiers import ListingId
from harness.service.settings import Settings

pytestmark = pytest.mark.stack

KEY = "k" * 32
LOCKED, OTHER, OPERATOR = 901, 902, 903
CREATES, THREADS, WAITING = 60, 32, 8
# Children first: MySQL 9.7.4 deletes the grandchildren of the first child only.
ROWS = """
DELETE FROM listing_media_jobs;
DELETE FROM listing_media_batches;
DELETE FROM listing_identities;
DELETE FROM users;
INSERT INTO users (id, full_name, email) VALUES (903, 'Operator', 'o@example.org');
INSERT INTO user_privileges (user_id, privilege) VALUES (903, 'media:manage');
INSERT INTO listing_identities (id, listing_uuid, user_id, code, active_version_id)
    VALUES (901, '00000000-0000-0000-0000-000000000901', 903, 901, 901),
    (902, '00000000-0000-0000-0000-000000000902', 903, 902, 902);
INSERT INTO listing_versions (id, listing_identity_id, user_id, version, status, type)
    VALUES (901, 901, 903, 1, 6, 1), (902, 902, 903, 1, 6, 1)
"""


@pytest.fixture
def pool(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Connections that wait for a lock longer than this test takes."""
    patience = "SET SESSION innodb_lock_wait_timeout = 600"
    monkeypatch.setattr("harness.service.adapters.mysql.pool._ON_CONNECT", patience)
    pool = Pool(DatabaseAddress.parse(database_url), size=THREADS, read_timeout=600)
    with pool.session() as session:
        for sql in ROWS.split(";"):
            session.write(Statement("seed", "", sql))
    yield pool
    pool.close()


@pytest.fixture
def media(pool: Pool) -> Iterator[MySQLMediaRepository]:
    probes = Pool(pool.address, size=1)
    yield MySQLMediaRepository(pool, probes=probes)
    probes.close()


@pytest.fixture
def client(pool: Pool, media: MySQLMediaRepository) -> Iterator[TestClient]:
    registry, clock = CollectorRegistry(), ManualClock()
    InflightJobs(media.count_inflight_jobs, registry)
    ports = Ports(
        media=media,
        listings=MySQLListingRepository(pool),
        storage=InMemoryObjectStorage(),
        queue=InMemoryJobQueue(clock),
        workflow=InMemoryWorkflow(),
        clock=clock,
        instruments=InMemoryInstruments(),
        tracer=InMemoryTracer(),
    )
    names = {"queue_url": "q", "dead_letter_queue_url": "d", "state_machine_arn": "s"}
    settings = Settings(database_url="mysql://host/db", max_threads=THREADS, jwt_key=KEY, **names)
    with TestClient(serve(assemble(ports, Rules(), registry), settings)) as client:
        yield client


def create(client: TestClient, listing: int) -> httpx.Response:
    claims = {"sub": str(OPERATOR), "iss": "toq", "aud": "toq-media", "exp": int(time.time()) + 600}
    photo = {
        "clientId": "front",
        "mediaType": "PHOTO_VERTICAL",
        "filename": "front.jpg",
        "contentType": "image/jpeg",
        "bytes": 5,
        "checksum": hashlib.sha256(b"photo").hexdigest(),
        "sequence": 1,
    }
    return client.post(
        "/api/v2/listings/media/uploads",
        json={"listingId": listing, "batchReference": str(uuid.uuid4()), "files": [photo]},
        headers={"Authorization": f"Bearer {jwt.encode(claims, KEY, 'HS256')}"},
    )


def test_others_are_answered_while_the_listing_is_locked(
    client: TestClient, media: MySQLMediaRepository
) -> None:
    """
    Of sixty creates on the locked listing eight wait; the others are refused soon, and told to try again.
    """
    with ThreadPoolExecutor(CREATES) as threads:
        with media.transaction() as tx:
            tx.lock_listing(ListingId(LOCKED))
            waiting = {threads.submit(create, client, LOCKED) for _ in range(CREATES)}
            refused = []
            while len(waiting) > WAITING:
                done, waiting = wait(waiting, timeout=60, return_when=FIRST_COMPLETED)
                assert done, "more requests wait for the lock than the limit allows"
                refused += [future.result() for future in done]

            others = [create(client, OTHER), client.get("/readyz"), client.get("/metrics")]

            assert not any(future.done() for future in waiting)
        accepted = Counter(future.result().status_code for future in waiting)

    assert [response.status_code for response in others] == [201, 200, 200]
    assert "media_processing_inflight_jobs 0.0" in others[2].text
    assert {(response.status_code, response.headers["retry-after"]) for response in refused} == {(503, "1")}
    assert accepted == {201: WAITING}


def test_a_burst_on_one_listing_is_accepted(client: TestClient) -> None:
    """
    More creates than may wait for the lock, which nobody holds for long, queue.
    """
    with ThreadPoolExecutor(CREATES) as threads:
        answers = list(threads.map(create, [client] * CREATES, [OTHER] * CREATES))

    assert Counter(response.status_code for response in answers) == {201: CREATES}


def test_probes_do_not_wait_for_the_connections_of_requests(client: TestClient, pool: Pool) -> None:
    """
    Every connection of the requests is in use, and all probes answer.
    """
    with ExitStack() as held:
        for _ in range(THREADS):
            held.enter_context(pool.session())

        answers = [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")]

    assert answers == [200, 200, 200]
