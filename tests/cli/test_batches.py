"""
``harness batches``: output, messages and exit codes.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from harness.cli.batches import app
from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.model.batch import Batch, BatchStatus, Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType
from harness.stack.database.seed import seed

BATCH = "0f6f7f0e-3f0a-4c39-9d4e-1f2b5c0a9d11"


def batches(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(autouse=True)
def no_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stack runs, and neither a database URL nor a token is set."""
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "stack.json"))
    for name in ("HARNESS_DATABASE_URL", "HARNESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)


class FakeApi(BaseHTTPRequestHandler):
    """Answers with ``answer`` (status, body) and records the requests."""

    answer: tuple[int, dict[str, Any]] = (200, {"batchId": BATCH, "deletedAt": "2026-01-05T09:00:00Z"})
    requests: list[tuple[str, str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, self.headers["Authorization"], body))
        status, answer = self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Write no access log."""


@pytest.fixture
def api() -> Iterator[tuple[str, type[FakeApi]]]:
    """The URL of an API, and its class."""
    kind = type("Api", (FakeApi,), {"requests": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()


class TestDelete:
    def test_the_request_is_that_of_the_api(self, api: tuple[str, type[FakeApi]]) -> None:
        """
        With the token, and the reason.
        """
        url, kind = api

        result = batches("delete", "42", BATCH, "--reason", "wrong", "--host", f"{url}/", "--token", "t")

        assert (result.exit_code, result.stdout) == (0, f"{BATCH} deleted at 2026-01-05T09:00:00Z\n")
        assert kind.requests == [
            (
                "/api/v2/listings/media/uploads/delete",
                "Bearer t",
                {"listingId": 42, "batchId": BATCH, "reason": "wrong"},
            )
        ]

    @pytest.mark.parametrize(("status", "code"), [(400, 2), (404, 1), (409, 1), (503, 5)])
    def test_a_refusal_is_reported_with_its_message(
        self, api: tuple[str, type[FakeApi]], status: int, code: int
    ) -> None:
        """
        The exit code tells a wrong request and a service that is down from other refusals.
        """
        url, kind = api
        kind.answer = (status, {"code": status, "message": "The batch is PROCESSING.", "details": None})

        result = batches("delete", "42", BATCH, "--reason", "x", "--host", url, "--token", "t")

        assert (result.exit_code, result.stdout) == (code, "")
        assert result.stderr == f"harness batches: {status}: The batch is PROCESSING.\n"

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (["--host", "http://127.0.0.1:1"], 2, "--host needs --token"),
            (["--host", "http://127.0.0.1:1", "--token", "t"], 5, "does not answer"),
            ([], 5, "give --host, or `harness up`"),
        ],
    )
    def test_without_token_host_or_stack_the_error_says_what_to_do(
        self, words: list[str], code: int, message: str
    ) -> None:
        """
        Nothing is written to standard output.
        """
        result = batches("delete", "42", BATCH, "--reason", "x", *words)

        assert (result.exit_code, result.stdout) == (code, "")
        assert message in result.stderr


class TestList:
    def test_without_a_database_the_error_says_what_to_do(self) -> None:
        """
        The three ways to name one.
        """
        result = batches("list")

        assert result.exit_code == 5
        assert "--database" in result.stderr
        assert "harness up" in result.stderr

    def test_an_invalid_url_is_a_usage_error(self) -> None:
        """
        The error says what is wrong with it.
        """
        result = batches("list", "--database", "postgresql://u@h/db")

        assert result.exit_code == 2
        assert "must begin with mysql" in result.stderr

    @pytest.mark.stack
    def test_batches_are_listed_newest_first(self, database_url: str) -> None:
        """
        A table for people, JSON for machines; deleted batches on request.
        """
        kept, gone = stored_batches(database_url)

        people = batches("list", "--database", database_url, "--listing", str(kept.listing_id))
        machine = batches("list", "--database", database_url, "--deleted", "--limit", "2", "--json")

        head, line = people.stdout.splitlines()
        assert head.split() == ["BATCH", "LISTING", "FAMILY", "STATUS", "AGE", "REFERENCE"]
        assert line.split() == [kept.id, str(kept.listing_id), "SHOOT", "FAILED", "2h", "morning"]
        found = json.loads(machine.stdout)
        assert [each["batchId"] for each in found] == [gone.id, kept.id]
        assert found[0]["deletedAt"]
        assert found[1] | {"age_s": 0} == {
            "batchId": kept.id,
            "listingId": kept.listing_id,
            "family": "SHOOT",
            "status": "FAILED",
            "reference": "morning",
            "files": 1,
            "issuedAt": kept.issued_at.isoformat(),
            "age_s": 0,
            "errorCode": None,
            "deletedAt": None,
        }


def stored_batches(database_url: str) -> tuple[Batch, Batch]:
    """Store two batches of a new listing; the second is deleted."""
    pool = Pool(DatabaseAddress.parse(database_url), size=1)
    with pool.session() as session:
        session.write(Statement("seed", "", "DELETE FROM listing_identities"))
        session.write(Statement("seed", "", "DELETE FROM users"))
    listing = seed(database_url, listings=1)[0]
    file = ManifestFile("p", MediaType.PHOTO_VERTICAL, "p.jpg", "image/jpeg", 5, Sha256("00" * 32), 1)
    issued_at = datetime.now(UTC) - timedelta(hours=2.5)
    kept, gone = (
        Batch(
            BatchId(f"00000000-0000-4000-8000-00000000000{number}"),
            ListingId(listing.id),
            "morning",
            UserId(listing.owner),
            BatchStatus.FAILED,
            (Upload(file, f"{listing.id}/raw/photo/vertical/b{number}/p.jpg"),),
            issued_at,
        )
        for number in (1, 2)
    )
    media = MySQLMediaRepository(pool)
    with media.transaction() as tx:
        tx.create_batch(kept)
        tx.create_batch(gone)
        tx.soft_delete_batch(gone.delete(at=issued_at))
    pool.close()
    return kept, gone
