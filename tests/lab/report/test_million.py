"""
A long run: a million requests, as in a soak test of a day.
"""

import time
from pathlib import Path

import numpy as np
import pytest

from harness.lab.report.page import render
from harness.lab.results.rows import TABLES
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.writer import RunWriter

REQUESTS = 1_000_000
BATCHES = 50_000
STATES = (
    "ValidateRawAssets",
    "GenerateThumbnails",
    "TranscodeVideo",
    "CreateZipBundle",
    "FinalizeAndCallback",
)
DAY = 86_400.0


@pytest.fixture(scope="module")
def long_run(tmp_path_factory, long_header) -> Run:
    draws = np.random.default_rng(5)
    writer = RunWriter(tmp_path_factory.mktemp("runs") / "day", long_header)
    due = np.sort(draws.uniform(0, DAY, BATCHES))
    with writer.part() as part:
        part.add_columns("requests", _requests(draws, due))
        part.add_columns("batches", _batches(draws, due))
        part.add_columns("steps", _steps(draws, due))
        part.add_columns("metrics", _metrics(draws, due))
    return writer.finish(duration_s=DAY + 900)


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.timeout(600)
def test_a_million_requests_make_a_small_page_soon(long_run: Run, tmp_path: Path):
    """
    Under 20 s of processor time and under 3 MB: series have a fixed number of bins, curves of points.
    """
    began = time.process_time()

    page = render(long_run, to=tmp_path / "report.html")

    assert time.process_time() - began < 20
    assert page.stat().st_size < 3_000_000


def _filled(table: str, **columns) -> dict[str, list | np.ndarray]:
    length = len(next(iter(columns.values())))
    return {name: columns.get(name, [None] * length) for name in TABLES[table].names}


def _requests(draws: np.random.Generator, due: np.ndarray) -> dict[str, list | np.ndarray]:
    arrival = np.repeat(np.arange(BATCHES), REQUESTS // BATCHES)
    at = due[arrival] + np.tile(np.arange(REQUESTS // BATCHES) * 0.5, BATCHES)
    names = np.array(["object", "uploads", "uploads/complete", "uploads/status"])[
        draws.integers(0, 4, REQUESTS)
    ]
    lag = draws.exponential(0.002, REQUESTS)
    batch_ids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(BATCHES)]
    return _filled(
        "requests", worker=np.zeros(REQUESTS, int), arrival=arrival, name=names,
        type=np.where(names == "object", "PUT", "POST"), status=np.full(REQUESTS, 200),
        outcome=np.where(draws.random(REQUESTS) < 0.001, "failed", "ok"), intended_at=at,
        started_at=at + lag, finished_at=at + lag + draws.lognormal(-4, 0.8, REQUESTS),
        batch_id=[batch_ids[number] for number in arrival.tolist()],
        trace_id=[f"{number:032x}" for number in arrival.tolist()],
    )  # fmt: skip


def _batches(draws: np.random.Generator, due: np.ndarray) -> dict[str, list | np.ndarray]:
    ended = due + 12 + draws.lognormal(3, 0.6, BATCHES)
    ids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(BATCHES)]
    return _filled(
        "batches", batch_id=ids, listing_id=np.arange(BATCHES), job_id=np.arange(BATCHES),
        attempt=np.ones(BATCHES, int), family=["SHOOT"] * BATCHES, photos=draws.integers(1, 40, BATCHES),
        videos=draws.integers(0, 2, BATCHES), documents=np.zeros(BATCHES, int), bytes=np.full(BATCHES, 10**7),
        intended_at=due, created_at=due + 0.1, received_at=due + 10, started_at=due + 11, finished_at=ended,
        observed_at=ended + 2, outcome=["READY"] * BATCHES, censored=np.zeros(BATCHES, bool),
    )  # fmt: skip


def _steps(draws: np.random.Generator, due: np.ndarray) -> dict[str, list | np.ndarray]:
    count = BATCHES * len(STATES)
    ready = np.repeat(due + 11, len(STATES)) + np.tile(np.arange(len(STATES)) * 5.0, BATCHES)
    return _filled(
        "steps", job_id=np.repeat(np.arange(BATCHES), len(STATES)), state=list(STATES) * BATCHES,
        item=np.zeros(count, int), attempt=draws.integers(1, 3, count), ready_at=ready,
        started_at=ready + 0.05,
        finished_at=ready + 0.05 + draws.exponential(4, count), outcome=["SUCCEEDED"] * count,
    )  # fmt: skip


def _metrics(draws: np.random.Generator, due: np.ndarray) -> dict[str, list | np.ndarray]:
    seconds = np.arange(0, DAY)
    depth, visible = '{"QueueName":"listing-media-processing"}', "AWS/SQS/ApproximateNumberOfMessagesVisible"
    durations, depths = draws.lognormal(3, 0.6, BATCHES), draws.poisson(3, len(seconds)).astype(float)
    return _filled(
        "metrics", at=np.concatenate([due + 30, seconds]),
        metric=["media_processing_duration_seconds"] * BATCHES + [visible] * len(seconds),
        labels=['{"outcome":"READY"}'] * BATCHES + [depth] * len(seconds),
        value=np.concatenate([durations, depths]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def long_header(run_header) -> RunHeader:
    return run_header(
        id="day", scenario={"duration_s": DAY, "warm_up_s": 600.0, "question": "Does it last a day?"}
    )
