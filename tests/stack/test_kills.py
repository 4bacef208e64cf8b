"""
No accepted batch is lost when a part of the stack is killed under load and started again.

At five model seconds a second the ten minutes for which the callback is tried are two minutes of clock, and
the half hour of the reconciler six. A faster stack would give up before a part has started again.
"""

import csv
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from harness.stack.audit.stack_audit import StackAuditor
from harness.stack.local_stack import PART_NAMES, LocalStack, StackOptions
from tests.stack.conftest import Uploader

TIME_SCALE = 5.0
KILLS = 3
PERIOD_S = 1.0
"""Between two batches."""
BEFORE_S, AWAY_S, AFTER_S = 6.0, 3.0, 8.0
"""A round: load before the kill, the part away, load after its restart."""
END_S = 480.0
"""Time for all accepted batches to end: the reconciler's half hour, and some work."""
PATIENCE_S = 60.0
"""How long a client repeats a request."""


@dataclass
class Accepted:
    """A batch whose completion was answered 202, and how it ended."""

    listing: int
    batch: str
    at: float
    ended_at: float | None = None
    end: str | None = None


@dataclass
class Round:
    """What happened to the batches that were begun in a round, whose part was killed and came back."""

    back_at: float = 0.0
    accepted: list[Accepted] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def heal_s(self) -> float:
        """Time from the return of the part to the end of the last batch that was accepted before it."""
        ends = [one.ended_at for one in self.accepted if one.at < self.back_at and one.ended_at]
        return max([0.0, *(at - self.back_at for at in ends)])


class PatientUploader(Uploader):
    """A client that repeats requests that are not answered, or with 5xx, and counts them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.round = Round()
        # One client for all: each would load the certificates of its own.
        self.http = httpx.Client(timeout=10, limits=httpx.Limits(max_connections=64), trust_env=False)

    def ask(self, listing, path, role="photographer", **body):
        return self._repeat(lambda: self.ask_once(listing, path, role, **body))

    def ask_once(self, listing, path, role="photographer", **body):
        return self.http.post(
            f"{self.state.api_url}/api/v2/listings/media{path}",
            json={"listingId": listing} | body,
            headers={"Authorization": f"Bearer {self.token(listing, role)}"},
        )

    def _put(self, given, content):
        answer = self._repeat(
            lambda: self.http.put(given["uploadUrl"], content=content, headers=given["headers"])
        )
        assert answer.status_code == 200, answer.text
        names = {name: given[name] for name in ("clientId", "s3Key")}
        return names | {"etag": answer.headers["etag"], "bytes": len(content)}

    def _repeat(self, send):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = send()
                if answer.status_code < 500 or time.monotonic() > deadline:
                    return answer
                self.round.errors[str(answer.status_code)] += 1
            except httpx.TransportError:
                self.round.errors["no answer"] += 1
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.5)


def upload(uploader, played):
    """Play one batch; a batch that the service refuses is not accepted."""
    try:
        listing, batch = uploader.upload(photos=2, videos=0)
    except (AssertionError, httpx.HTTPError):
        played.errors["not accepted"] += 1
        return
    played.accepted.append(Accepted(listing, batch, time.monotonic()))


@contextmanager
def load(uploader) -> Iterator[None]:
    """Begin a batch every `PERIOD_S` while the body runs."""
    ended = threading.Event()
    with ThreadPoolExecutor(24) as clients:

        def play():
            while not ended.wait(PERIOD_S):
                clients.submit(upload, uploader, uploader.round)

        thread = threading.Thread(target=play)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def watch(uploader, rounds, ended):
    """Ask for the status of every open batch until all have ended after the load, or `END_S` have passed."""
    deadline = None
    while True:
        if ended.is_set() and deadline is None:
            deadline = time.monotonic() + END_S
        waiting = [one for played in rounds for one in list(played.accepted) if one.end is None]
        if deadline and (not waiting or time.monotonic() > deadline):
            return
        for one in waiting:
            found = status(uploader, one)
            if found.get("status") in ("READY", "FAILED"):
                code = (found.get("error") or {}).get("code")
                one.end, one.ended_at = code or found["status"], time.monotonic()
        time.sleep(0.5)


def status(uploader, one):
    try:
        return uploader.ask_once(one.listing, "/uploads/status", batchId=one.batch).json()
    except httpx.HTTPError:
        return {}


def play_round(stack, uploader, rounds, part):
    uploader.round = played = Round()
    rounds.append(played)
    time.sleep(BEFORE_S)
    stack.kill(part)
    time.sleep(AWAY_S)
    stack.restart(part)
    played.back_at = time.monotonic()
    time.sleep(AFTER_S)


def row(part, rounds):
    """Return the line of one part in the table."""
    batches = [one for played in rounds for one in played.accepted]
    ends = Counter(one.end or "lost" for one in batches)
    errors = sum((played.errors for played in rounds), Counter())
    heal = ", ".join(f"{played.heal_s:.1f}" for played in rounds)
    codes = {end: count for end, count in ends.items() if end not in ("READY", "lost")}
    return (
        f"| {part} | {len(batches)} | {ends['lost']} | {ends['READY']} | {codes or 0} | {heal} | "
        f"{dict(errors) or 0} |"
    )


FORGOTTEN = {"s3": {"download-missing"}, "aws": {"execution-doubled", "execution-running", "message-lost"}}
"""Rules that the memory of a killed local server breaks: objects, or executions and messages, are gone."""

LOST_WITH_S3 = {"STORAGE_UNAVAILABLE", "UPLOAD_MISSING"}
"""Codes of batches whose step found S3 away for too long, or without the files that it kept in memory."""


@pytest.mark.nightly
@pytest.mark.stack
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", PART_NAMES)
def test_no_accepted_batch_is_lost_when_a_part_is_killed(tmp_path, capsys, part):
    """
    The part is killed three times in the middle of the load; all accepted batches become READY.

    The local S3 loses its objects with its process: a batch that needs one of them is FAILED with a code. The
    audit of the stack finds nothing else.
    """
    options = StackOptions(
        mode="modelled",
        time_scale=TIME_SCALE,
        listings=900,
        developments=0,
        state_file=tmp_path / "stack.json",
    )
    rounds: list[Round] = []
    began_at = time.time()
    with LocalStack(options) as stack:
        with Path(stack.state.identities).open(newline="") as file:
            uploader = PatientUploader(stack.state, list(csv.DictReader(file)))
        ended = threading.Event()
        watching = threading.Thread(target=watch, args=(uploader, rounds, ended))
        watching.start()
        try:
            with load(uploader):
                for _ in range(KILLS):
                    play_round(stack, uploader, rounds, part)
        finally:
            ended.set()
            watching.join()
        audit = StackAuditor(stack.state, began_at).audit()

    line = row(part, rounds)
    with capsys.disabled():
        print(f"\n| killed | accepted | lost | READY | FAILED | heal s | errors |\n{line}")
    ends = {one.end or "lost" for played in rounds for one in played.accepted}
    assert ends - (LOST_WITH_S3 if part == "s3" else set()) == {"READY"}, line
    assert all(played.accepted for played in rounds), line
    assert {violation.rule for violation in audit.violations} <= FORGOTTEN.get(part, set()), audit.violations
    assert audit.accepted >= sum(len(played.accepted) for played in rounds)
