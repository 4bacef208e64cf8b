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

    part: str
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
        self.round = Round("none")

    def ask(self, listing, path, role="photographer", **body):
        return self._repeat(lambda: super(PatientUploader, self).ask(listing, path, role, **body))

    def _put(self, given, content):
        parent = super()

        def put():
            return httpx.put(given["uploadUrl"], content=content, headers=given["headers"], timeout=10)

        self._repeat(put)
        return parent._put(given, content)

    def _repeat(self, send):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = send()
                answered = answer.status_code < 500
                what = str(answer.status_code)
            except httpx.TransportError:
                answered, what = False, "no answer"
            if answered or time.monotonic() > deadline:
                return answer
            self.round.errors[what] += 1
            time.sleep(0.5)


def upload(uploader, played):
    """Play one batch; a batch that the service refuses is not accepted."""
    try:
        listing, batch = uploader.upload(photos=2, videos=0)
    except (AssertionError, httpx.HTTPError, UnboundLocalError, StopIteration):
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
        return Uploader.ask(uploader, one.listing, "/uploads/status", batchId=one.batch).json()
    except httpx.HTTPError:
        return {}


def play_round(stack, uploader, rounds, part):
    uploader.round = played = Round(part)
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


@pytest.mark.nightly
@pytest.mark.stack
@pytest.mark.timeout(1800)
def test_no_accepted_batch_is_lost_when_a_part_is_killed(tmp_path, capsys):
    """
    Every part is killed three times in the middle of the load; all accepted batches become READY.
    """
    options = StackOptions(
        mode="modelled",
        time_scale=TIME_SCALE,
        listings=900,
        developments=0,
        state_file=tmp_path / "stack.json",
    )
    rounds: list[Round] = []
    with LocalStack(options) as stack:
        with Path(stack.state.identities).open(newline="") as file:
            uploader = PatientUploader(stack.state, list(csv.DictReader(file)))
        ended = threading.Event()
        watching = threading.Thread(target=watch, args=(uploader, rounds, ended))
        watching.start()
        try:
            with load(uploader):
                for part in PART_NAMES:
                    for _ in range(KILLS):
                        play_round(stack, uploader, rounds, part)
        finally:
            ended.set()
            watching.join()

    table = "\n".join(row(part, [one for one in rounds if one.part == part]) for part in PART_NAMES)
    with capsys.disabled():
        print(f"\n| killed | accepted | lost | READY | FAILED | heal s | errors |\n{table}")
    ends = Counter(one.end or "lost" for played in rounds for one in played.accepted)
    assert set(ends) == {"READY"}, table
    assert all(len(played.accepted) > 0 for played in rounds), table
