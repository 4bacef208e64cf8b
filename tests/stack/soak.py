"""
Play batches on a modelled stack for half an hour, and fit the growth of every process: ``make soak``.

Memory, descriptors, threads and connections are read every few seconds. After the warm-up they are averaged
in windows; a line through the windows has a slope with a 95 % interval. What the local stack cannot play in
the time is played by the rehearsal, with the same audit. Times in seconds.
"""

import argparse
import csv
import json
import math
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeAlias

import psutil
from scipy import stats

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.rehearsal.campaign import rehearse
from harness.stack.database.seed import seed, write_identities
from harness.stack.local_stack import LocalStack, StackOptions
from tests.service.rehearsal.reliability import filled
from tests.stack.conftest import Uploader

PARTS = {
    "harness.service.api": "API",
    "harness.service.worker": "worker",
    "aws_server": "local AWS",
    "s3_server": "local S3",
    "mariadbd": "database",
    "mysqld": "database",
}
MEASURES = ("memory_mib", "descriptors", "threads", "connections")
FLOORS = {"memory_mib": 16.0, "descriptors": 10.0, "threads": 10.0, "connections": 10.0}
"""Growth in an hour that is no leak: pools that reach their size, and the heap's fragments."""
STORED_KIB = {"local S3": 40.0, "local AWS": 6.0, "database": 16.0}
"""
What a batch leaves by design: its objects, in memory; the summary of its execution (the last 51,000) and its
metric data; its rows, until the buffer pool is full.
"""
TIME_SCALE = 30.0
SAMPLE_S = 3.0
WARM_UP = 0.25
"""Part of the time in which caches fill; it is left out."""
WINDOWS = 12
LISTINGS_AHEAD = 400
LEAST_MINUTES = 3
TELL_S = 30
SCHEDULES_AT_ONCE = 1000
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "soak.md"


@dataclass(frozen=True, slots=True)
class Slope:
    """
    Growth of a measure: mean, growth and half the 95 % interval, both per hour.

    Attributes:
        stored: Growth per hour by what the part stores of the batches.
    """

    part: str
    measure: str
    mean: float
    per_hour: float
    half_width: float
    stored: float = 0.0

    @property
    def flat(self) -> bool:
        """Whether no growth is proved, or one that is no more than what is stored and the floor."""
        return self.per_hour - self.half_width <= self.stored + FLOORS[self.measure]


def slope_of(
    part: str, measure: str, times: Sequence[float], values: Sequence[float], *, stored: float = 0.0
) -> Slope:
    """Fit a line through the means of windows; windows make neighbouring samples independent."""
    size = max(1, len(times) // WINDOWS)
    starts = range(0, len(times) - size + 1, size)
    means = [sum(values[at : at + size]) / size for at in starts]
    middles = [sum(times[at : at + size]) / size for at in starts]
    fit = stats.linregress(middles, means)
    error = 0.0 if max(means) == min(means) else float(fit.stderr)  # not a number for a constant
    half_width = float(stats.t.ppf(0.975, len(means) - 2)) * error
    mean = sum(values) / len(values)
    return Slope(part, measure, mean, float(fit.slope) * 3600, half_width * 3600, stored)


def held(owner: int) -> dict[str, dict[str, float]]:
    """Return what the processes below *owner* hold now, by part; children belong to their part."""
    sums: dict[str, Counter[str]] = {}
    for process, part in _parts(psutil.Process(owner), None):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError):
            sums.setdefault(part, Counter()).update(_held_by(process.pid))
    return {part: dict(found) for part, found in sums.items()}


def _held_by(pid: int) -> dict[str, float]:
    folder = Path("/proc", str(pid))
    rollup = (folder / "smaps_rollup").read_text().splitlines()
    own_kib = sum(int(line.split()[1]) for line in rollup if line.startswith("Private_"))
    descriptors = []
    for descriptor in (folder / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            descriptors.append(str(descriptor.readlink()))
    return {
        "memory_mib": own_kib / 1024,
        "descriptors": len(descriptors),
        "threads": len(list((folder / "task").iterdir())),
        "connections": sum(one.startswith("socket:") for one in descriptors),
    }


def _parts(process: psutil.Process, part: str | None) -> Iterator[tuple[psutil.Process, str]]:
    try:
        command, children = " ".join(process.cmdline()), process.children()
    except psutil.NoSuchProcess:
        return
    # The supervisor of a part has the part's command among its arguments: it counts as that part.
    part = next((name for word, name in PARTS.items() if word in command), part)
    if part is not None:
        yield process, part
    for child in children:
        yield from _parts(child, part)


class Clients:
    """Clients that upload one batch after the other and wait for its end; *ends* counts the ends."""

    def __init__(self, stack: LocalStack, folder: Path, clients: int) -> None:
        self._stack = stack
        self._people = folder / "people.csv"
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._uploader: Uploader | None = None
        self._left = 0
        self.ends: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(120)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                uploader = self._next_uploader()
                listing, batch = uploader.upload(photos=1, videos=0)
                end = uploader.status(listing, batch).get("status", "503")
            except Exception as error:  # noqa: BLE001 — counted, and the soak fails by it
                end = f"{type(error).__name__}: {str(error)[:80]}"
            with self._lock:
                self.ends[end] += 1

    def _next_uploader(self) -> Uploader:
        """Return an uploader that has a listing left."""
        with self._lock:
            if self._uploader is None or self._left == 0:
                state = self._stack.state
                added = seed(state.database_url, listings=LISTINGS_AHEAD)
                write_identities(self._people, added, state.jwt_key)
                with self._people.open(newline="") as file:
                    self._uploader = Uploader(state, list(csv.DictReader(file)))
                self._left = LISTINGS_AHEAD
            self._left -= 1
            return self._uploader


Sample: TypeAlias = tuple[float, int, dict[str, dict[str, float]]]
"""Time, batches that have ended, and what each part holds."""


@dataclass(frozen=True, slots=True)
class Soak:
    """What a soak measured: its samples, the ends that the clients saw, and the stored batches by status."""

    seconds: float
    samples: Sequence[Sample]
    ends: Counter[str]
    stored: Counter[str]

    @property
    def lost(self) -> int:
        """Batches that are not READY, in the database or as the clients saw it."""
        return sum(sum(count.values()) - count["READY"] for count in (self.ends, self.stored))

    def slopes(self) -> Iterator[Slope]:
        kept = [sample for sample in self.samples if sample[0] >= WARM_UP * self.seconds]
        batches_per_hour = 3600 * (kept[-1][1] - kept[0][1]) / (kept[-1][0] - kept[0][0])
        for part in dict.fromkeys(PARTS.values()):
            having = [(at, held_by[part]) for at, _, held_by in kept if part in held_by]
            if len(having) < 3 * WINDOWS:
                raise SystemExit(
                    f"{len(having)} samples of the {part} are too few for a slope: soak for longer."
                )
            times = [at for at, _ in having]
            for measure in MEASURES:
                stored = STORED_KIB.get(part, 0) * batches_per_hour / 1024 if measure == "memory_mib" else 0
                yield slope_of(part, measure, times, [one[measure] for _, one in having], stored=stored)


def soak(minutes: float, clients: int, path: Path) -> Soak:
    """Play batches on a stack, and write every sample to the file *path*, one JSON document a line."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        options = StackOptions(
            mode="modelled",
            time_scale=TIME_SCALE,
            listings=1,
            developments=0,
            state_file=Path(folder) / "stack.json",
        )
        with LocalStack(options) as stack, path.open("w") as file:
            playing = Clients(stack, Path(folder), clients)
            playing.start()
            samples = list(_sampled(minutes * 60, playing, file))
            playing.stop()
            stored = _stored(stack.state.database_url)
    return Soak(minutes * 60, samples, playing.ends, stored)


def _sampled(seconds: float, playing: Clients, file: TextIO) -> Iterator[Sample]:
    began = time.monotonic()
    told = 0.0
    while (at := time.monotonic() - began) < seconds:
        found, ended = held(os.getpid()), sum(playing.ends.values())
        file.write(json.dumps({"at_s": at, "batches": ended, "held": found}) + "\n")
        yield at, ended, found
        if at - told > TELL_S:
            told = at
            sys.stderr.write(
                f"{at / 60:.1f} of {seconds / 60:g} min: {ended} batches, {ended / at:.1f} a second\n"
            )
        time.sleep(SAMPLE_S)


def _stored(url: str) -> Counter[str]:
    by_status = Statement("select", "", "SELECT status, COUNT(*) FROM listing_media_batches GROUP BY status")
    with closing(Pool(DatabaseAddress.parse(url), size=1)) as pool, pool.session() as session:
        return Counter({str(status): int(count) for status, count in session.all(by_status)})


def rehearsed(batches: int) -> tuple[int, int, int]:
    """Rehearse at least so many batches; return batches, schedules, and schedules that broke a rule."""
    played = schedules = failing = 0
    while played < batches:
        campaign = rehearse(SCHEDULES_AT_ONCE, first_seed=schedules)
        played += campaign.batches
        schedules += campaign.schedules
        failing += len(campaign.failing)
        sys.stderr.write(f"{played} of {batches} batches rehearsed\n")
    return played, schedules, failing


def report(slopes: Sequence[Slope]) -> str:
    """Return the slopes as a table of Markdown."""
    lines = ["| process | measure | mean | growth in an hour | of it stored | |", "|---|---|---|---|---|---|"]
    for one in slopes:
        name = one.measure.replace("_mib", ", MiB")
        growth = f"{one.per_hour:+.1f} ± {one.half_width:.1f}"
        stored = f"≤ {one.stored:.0f}" if one.stored else ""
        verdict = "flat" if one.flat else "**grows**"
        lines.append(f"| {one.part} | {name} | {one.mean:.1f} | {growth} | {stored} | {verdict} |")
    return "\n".join(lines)


def summary(played: Soak, rest: tuple[int, int, int] | None) -> str:
    """Return what was played as a table of Markdown."""
    live = sum(played.stored.values())
    rows = {
        "minutes": f"{played.seconds / 60:g}, slopes without the first {WARM_UP:.0%}",
        "batches on the stack": f"{live:,}: {live / played.seconds:.1f} a second",
        "not READY at the end": f"{played.lost}",
        "load average": f"{os.getloadavg()[1]:.1f} on {os.cpu_count()} processors",
    }
    if rest:
        batches, schedules, failing = rest
        rows["batches rehearsed, under faults"] = f"{batches:,} in {schedules:,} schedules"
        rows["schedules that broke a rule"] = f"{failing}"
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def main() -> int:
    """Play, print, and return 1 if something grows, is lost or breaks a rule."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--batches", type=int, default=100_000, help="in all; the rest is rehearsed")
    parser.add_argument("--samples", type=Path, default=Path("build/soak.jsonl"), help="file of the samples")
    parser.add_argument("--write", action="store_true", help=f"write the tables of {PAGE.name}")
    options = parser.parse_args()
    if not LEAST_MINUTES <= options.minutes < math.inf or options.clients < 1:
        parser.error(f"--minutes must be at least {LEAST_MINUTES} (slopes of less are noise), --clients 1")
    options.samples.parent.mkdir(parents=True, exist_ok=True)
    played = soak(options.minutes, options.clients, options.samples)
    slopes = list(played.slopes())
    left = options.batches - sum(played.stored.values())
    rest = rehearsed(left) if left > 0 else None
    tables = {"soak": summary(played, rest), "slopes": report(slopes)}
    print("\n\n".join(tables.values()))
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(), tables))
    return 1 if played.lost or (rest and rest[2]) or not all(one.flat for one in slopes) else 0


if __name__ == "__main__":
    raise SystemExit(main())
