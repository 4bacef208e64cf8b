"""
Listings that earlier runs have used up are left out of the next run.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from harness.lab.load.preflight import fresh_listings
from harness.lab.load.preflight.fresh_listings import fresh_identities
from harness.lab.load.preflight.preflight import Unreachable
from harness.lab.workload.identities import Identities, IdentitiesInvalid
from harness.lab.workload.scenario import load_scenario
from tests.lab.load.conftest import scenario_text, write_identities


@pytest.fixture
def scenario(tmp_path):
    """Return a scenario of ten uploads."""
    path = tmp_path / "ten.toml"
    path.write_text(scenario_text(duration_s=1), encoding="utf-8")
    return load_scenario(path)


@pytest.fixture
def identities(tmp_path):
    """Return a file with twenty ordinary listings; every third listing is a development."""
    return write_identities(tmp_path / "identities.csv", 30)


@contextmanager
def service(used: set[int], *, status: int = 204, pause: float = 0.0) -> Iterator[tuple[str, list[int]]]:
    """Serve downloads of the listings *used*, else *status*; yield the URL and the listings asked about."""
    asked: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            time.sleep(pause)  # a slow service
            listing = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["listingId"]
            assert self.headers["Authorization"] == f"Bearer token-photographer-{listing:06d}"
            asked.append(listing)
            self.send_response(200 if listing in used else status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_listings_with_media_are_left_out(scenario, identities):
    """
    The others keep all their tokens, developments stay, and a remark says how many were left out.
    """
    with service({1, 4, 28}) as (url, asked), fresh_identities(url, identities, scenario) as (fresh, remarks):
        listings = Identities.read(fresh).listings

    assert {one.listing_id for one in listings} == set(range(1, 31)) - {1, 4}
    assert {len(one.tokens) for one in listings} == {4}
    assert remarks == [f"2 listings of {identities} have media of earlier runs and were not used"]
    # The service was asked until ten listings had no media, and about no development.
    assert sorted(asked) == [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17]


@pytest.mark.parametrize("status", [204, 401, 500])
def test_without_media_the_file_is_used_as_it_is(scenario, identities, status):
    """
    Also if the service refuses to answer: the preflight says why.
    """
    with service(set(), status=status) as (url, _), fresh_identities(url, identities, scenario) as found:
        assert found == (identities, [])


def test_too_few_are_left(scenario, identities):
    """
    The message has the numbers and says what to do.
    """
    reason = re.escape("needs 10 ordinary listings that wait for photos; of 20")
    with (
        service(set(range(1, 18))) as (url, _),
        pytest.raises(IdentitiesInvalid, match=f"{reason}.*12 have media.*harness db seed"),
        fresh_identities(url, identities, scenario),
    ):
        pass


def test_a_service_that_is_not_there(scenario, identities):
    """
    The preflight has the message.
    """
    with fresh_identities("http://127.0.0.1:9", identities, scenario) as found:
        assert found == (identities, [])


def test_a_service_that_never_finishes(scenario, identities, monkeypatch):
    """
    The run does not wait for it without end.
    """
    monkeypatch.setattr(fresh_listings, "DEADLINE_S", 0.2)
    with (
        service(set(), pause=1.0) as (url, _),
        pytest.raises(Unreachable, match=r"did not finish its answers within 0\.2 s"),
        fresh_identities(url, identities, scenario),
    ):
        pass
