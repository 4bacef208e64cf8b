"""
A fake service that needs no stack, and a scenario for it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

FAKE_SERVER = Path(__file__).with_name("fake_server.py")
ROLES = ("photographer", "owner", "operator", "stranger")

_SCENARIO = """
question = "Does it run?"
seed = {seed}
duration_s = {duration_s}
drain_s = 15

[[arrivals]]
process = "paced"
stages = [{{ hold_per_s = {rate}, for_s = 60 }}]

[behaviour.poll]
first_s = 0.1

[[flows]]
name = "{flow}"
photos = 1
videos = 0

[[objectives]]
expression = "{objective}"
"""


@dataclass(frozen=True)
class FakeService:
    """A running fake service: its URLs and the identities that it accepts."""

    api_url: str
    store_url: str
    identities: Path

    def seen_by_api(self) -> list[list[Any]]:
        return httpx.get(f"{self.api_url}/_seen").json()

    def seen_by_store(self) -> list[list[Any]]:
        return httpx.get(f"{self.store_url}/_seen").json()


def scenario_text(
    *,
    seed: int = 7,
    duration_s: float = 2,
    rate: float = 10.0,
    flow: str = "photo_shoot",
    objective: str = "fail_ratio(E2E:ready) == 0 %",
) -> str:
    """Return a scenario of evenly spaced arrivals with a photo each, and one objective."""
    return _SCENARIO.format(seed=seed, duration_s=duration_s, rate=rate, flow=flow, objective=objective)


def write_identities(path: Path, listings: int) -> Path:
    """Write identities: every third listing is a development; every role of each has its own token."""
    lines = ["listing_id,development,role,token"]
    for listing in range(1, listings + 1):
        lines += [f"{listing},{int(listing % 3 == 0)},{role},token-{role}-{listing:06d}" for role in ROLES]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def wait_until_recorded(folder: Path) -> None:
    """Return when the first second of a run is on disk; fail if that takes a minute."""
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in folder.glob("parts/requests-*.arrows")):
        assert time.monotonic() < deadline, f"nothing was recorded in {folder}"
        time.sleep(0.05)  # another process records the run


def locust_processes(folder: Path) -> list[psutil.Process]:
    """Return the Locust processes of a run: its master first, then its workers."""
    running = psutil.process_iter(["pid", "cmdline"])
    found = [each for each in running if str(folder) in " ".join(each.info["cmdline"] or ())]
    return sorted((each for each in found if "locust" in each.info["cmdline"]), key=lambda each: each.pid)


@contextmanager
def serving(folder: Path, listings: int, *flags: str) -> Iterator[FakeService]:
    folder.mkdir(parents=True, exist_ok=True)
    identities = write_identities(folder / "identities.csv", listings)
    command = [sys.executable, str(FAKE_SERVER), "--identities", str(identities), *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield FakeService(**json.loads(process.stdout.readline()), identities=identities)
        finally:
            # The server ends when this pipe is closed.
            process.stdin.close()


@pytest.fixture(scope="session")
def running_fake() -> Callable[..., AbstractContextManager[FakeService]]:
    """Return a function that makes a context in which a fake service runs: folder, listings, flags."""
    return serving


@pytest.fixture
def fake_service(tmp_path: Path) -> Iterator[Callable[..., FakeService]]:
    """Start a fake service with the given flags; it ends with the test."""
    with ExitStack() as services:
        yield lambda *flags, listings=200: services.enter_context(
            serving(tmp_path / "fake", listings, *flags)
        )
