"""
Run folders of a morning of uploads, generated from a seed.
"""

import functools
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from harness.lab.results.metric_names import labels_text
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow, StepRow
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.writer import RunWriter

MORNING = datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC)
READY = labels_text({"outcome": "READY"})
DLQ = labels_text({"QueueName": "listing-media-processing-dlq"})
QUEUE = labels_text({"QueueName": "listing-media-processing"})

HEALTH = {
    "findings": ["worker 0 was late: schedule lag p99 12.3 ms, allowed 5.0 ms"],
    "offered": 200,
    "started": 199,
    "achieved": 0.995,
    "interrupted": False,
    "workers": [
        {
            "worker": 0, "offered": 200, "started": 199, "queued": 3,
            "lag_p50_s": 0.0004, "lag_p99_s": 0.0123, "lag_max_s": 0.02,
            "overshoot_p99_s": 0.011, "overshoot_max_s": 0.05, "cpu_mean": 0.41, "cpu_max": 0.66,
        }
    ],
}  # fmt: skip

SCENARIO = {
    "name": "steady",
    "question": "Does a steady stream of uploads stay inside the ten-minute alarm?",
    "duration_s": 1200.0,
    "warm_up_s": 60.0,
    "faults": [
        {"kind": "lambda_error", "function": "thumbnails", "rate": 0.5, "from_s": 500.0, "until_s": 700.0}
    ],
    "objectives": [
        {"expression": "p95(E2E:ready) <= 10 min", "line": 0},
        {"expression": "p99(POST uploads) < 500 ms", "line": 0},
    ],
}


def header(**changes) -> RunHeader:
    facts = {
        "id": "20260105T090000Z-steady-live",
        "engine": "live",
        "scenario_name": "steady",
        "scenario": SCENARIO,
        "scenario_hash": "0123456789abcdef" * 4,
        "seed": 7,
        "started_at": MORNING,
        "versions": {"harness": "0.1.0", "python": "3.11.7"},
        "machine": {"host": "bench", "processors": 2, "memory_bytes": 16_000_000_000},
    }
    return RunHeader(**(facts | changes))


def recorded(folder: Path, rows=(), duration_s: float | None = 1500.0, **changes) -> Run:
    """Return a run folder of the rows given."""
    writer = RunWriter(folder, header(**changes))
    with writer.part() as part:
        for row in rows:
            part.add(row)
    return writer.finish(duration_s=duration_s)


def morning(seed: int = 7, arrivals: int = 200, slowness: float = 1.0):
    """Yield the rows of a morning: shoots, project files, and a period in which thumbnails fail."""
    draws = np.random.default_rng(seed)
    due = np.sort(draws.uniform(0, 1200, arrivals))
    for number, at in enumerate(due.tolist()):
        yield from _arrival(number, at, draws, slowness)
    for second in range(0, 1500, 10):
        yield MetricRow(
            float(second), "AWS/SQS/ApproximateNumberOfMessagesVisible", QUEUE, float(draws.poisson(2))
        )
        yield MetricRow(float(second), "AWS/SQS/ApproximateNumberOfMessagesVisible", DLQ, float(second > 900))
        yield MetricRow(float(second), "media_processing_inflight_jobs", "{}", float(draws.poisson(9)))
    yield MetricRow(905.0, "media_processing_dlq_messages_total", "{}", 1.0)


def _arrival(number: int, at: float, draws: np.random.Generator, slowness: float):
    batch_id, trace_id = f"{number:08d}-0000-4000-8000-000000000000", f"{number:032x}"
    project = draws.random() < 0.12
    photos, videos = (0, 0) if project else (int(draws.integers(1, 40)), int(draws.random() < 0.3))
    documents = int(draws.integers(1, 8)) if project else 0
    clock = at + float(draws.exponential(0.004))

    def request(kind, name, seconds, status=200, outcome="ok", intended_at=None, error=None):
        nonlocal clock
        began, clock = clock, clock + seconds
        due = began if intended_at is None else intended_at
        return RequestRow(
            0, number, kind, name, status, outcome, due, began, clock, 300, 900, batch_id, trace_id, error
        )

    yield request("POST", "uploads", float(draws.lognormal(-4, 0.5)), 201, intended_at=at)
    created_at = clock
    for _ in range(photos + videos + documents):
        failed = draws.random() < 0.002
        yield request(
            "PUT", "object", float(draws.lognormal(-4.5, 0.6)), 503 if failed else 200,
            "failed" if failed else "ok", error="SlowDown" if failed else None,
        )  # fmt: skip
    yield request("POST", "uploads/complete", float(draws.lognormal(-3.5, 0.4)), 202)
    received_at = clock
    started_at = received_at + float(draws.exponential(1.5))
    ended_at = yield from _execution(number, started_at, photos, videos, draws, slowness)
    observed_at = ended_at + float(draws.uniform(0, 4))
    clock = observed_at
    yield request("POST", "uploads/status", float(draws.lognormal(-4.5, 0.4)))
    ready = draws.random() > 0.01
    yield RequestRow(
        0, number, "E2E", "ready", None, "ok" if ready else "failed", at, at, observed_at,
        0, 0, batch_id, trace_id, None if ready else "THUMBNAIL_PROCESSING_FAILED",
    )  # fmt: skip
    yield BatchRow(
        batch_id, number, number, 1, "PROJECT" if project else "SHOOT", photos, videos, documents,
        4_000_000 * photos,
        at, created_at, received_at, started_at, ended_at, observed_at, "READY" if ready else "FAILED",
        None if ready else "THUMBNAIL_PROCESSING_FAILED",
    )  # fmt: skip
    yield MetricRow(ended_at, "media_processing_duration_seconds", READY, ended_at - received_at)
    for status, when in (
        ("PENDING_UPLOAD", created_at),
        ("RECEIVED", received_at),
        ("PROCESSING", started_at),
        ("READY", ended_at),
    ):
        yield MetricRow(when, "media_batches_created_total", labels_text({"status": status}), 1.0)


def _execution(number, at, photos, videos, draws, slowness):
    def attempts(state, ready_at, service, item=0, failing=False):
        attempt, began = 1, ready_at + float(draws.exponential(0.05))
        while failing and attempt < 3 and 500 < began < 700:
            yield StepRow(
                number, state, item, attempt, ready_at, began, began + service * 0.3, "FAILED", "Retryable"
            )
            ready_at = began + service * 0.3 + 2.0**attempt
            began, attempt = ready_at, attempt + 1
        yield StepRow(number, state, item, attempt, ready_at, began, began + service, "SUCCEEDED")
        return began + service

    validated = yield from attempts("ValidateRawAssets", at, 0.05 + 0.03 * photos)
    images = yield from attempts(
        "GenerateThumbnails",
        validated,
        slowness * (1 + 0.42 * photos) * float(draws.lognormal(0, 0.2)),
        failing=True,
    )
    transcoded = validated
    for item in range(videos):
        transcoded = yield from attempts(
            "TranscodeVideo", validated, slowness * float(draws.lognormal(3.6, 0.8)), item
        )
    zipped = yield from attempts("CreateZipBundle", max(images, transcoded), 0.2 + 0.1 * photos)
    return (yield from attempts("FinalizeAndCallback", zipped, 0.06))


@pytest.fixture(scope="session")
def busy_morning(tmp_path_factory) -> Run:
    """A live run of 200 arrivals."""
    return recorded(tmp_path_factory.mktemp("runs") / "live", morning(), notes={"generator": HEALTH})


@pytest.fixture(scope="session")
def simulated_morning(tmp_path_factory) -> Run:
    """The same scenario, simulated: no requests but the end-to-end rows, no generator."""
    rows = [row for row in morning(8, slowness=1.15) if not isinstance(row, RequestRow) or row.type == "E2E"]
    return recorded(
        tmp_path_factory.mktemp("runs") / "simpy",
        rows,
        engine="simpy",
        id="20260105T090500Z-steady-simpy",
        workers=0,
    )


@pytest.fixture
def make_folder(tmp_path):
    """Return a function that makes a run folder of that name of a few rows."""

    def make(name: str, rows=(), **changes) -> Run:
        return recorded(tmp_path / name, rows, **{"duration_s": None, **changes})

    return make


@pytest.fixture
def make_run(make_folder):
    """Return a function that makes one run folder of a few rows."""
    return functools.partial(make_folder, "run")


@pytest.fixture(scope="session")
def run_header():
    """Return the function that makes a header."""
    return header
