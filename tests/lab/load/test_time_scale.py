"""
A modelled run measures the same model times at any time scale.
"""

import os
from pathlib import Path

import pytest

from harness.api.play import play
from harness.lab.results.percentile import percentile

SCENARIO = """
question = "Does the time scale change the results?"
seed = 7
duration_s = 40
drain_s = 300
time_scale = {time_scale}

[[arrivals]]
process = "paced"
stages = [{{ hold_per_s = 0.5, for_s = 40 }}]

[[flows]]
name = "photo_shoot"
photos = 1
videos = 0

[model.thumbnails]
fixed_s = {{ distribution = "lognormal", median = 60, sigma = 0.3 }}
"""


@pytest.mark.stack
@pytest.mark.nightly
def test_ten_times_faster_is_the_same_in_model_seconds(tmp_path, monkeypatch):
    """
    Twenty batches of about a minute, each drawn the same in both runs: p50 and p95 within 10 %.

    What is not modelled (HTTP, the queue, the state machine's own time) takes the same clock time, so ten
    times the model time in the fast run: some seconds of a minute, on a machine that is not busy otherwise.
    """
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "none.json"))

    slow, fast = (ready(tmp_path, time_scale) for time_scale in (1, 10))

    assert len(slow) == len(fast) == 20
    assert percentile(fast, 50) == pytest.approx(percentile(slow, 50), rel=0.1)
    assert percentile(fast, 95) == pytest.approx(percentile(slow, 95), rel=0.1)


def ready(folder: Path, time_scale: int) -> list[float]:
    """Return the times from intended start to READY [model s]."""
    path = folder / f"at_{time_scale}.toml"
    path.write_text(SCENARIO.format(time_scale=time_scale), encoding="utf-8")
    run = play(path, out=folder / f"run_{time_scale}")
    rows = run.requests[(run.requests.name == "ready") & (run.requests.outcome == "ok")]
    seconds = [float(each) * time_scale for each in rows.finished_at - rows.intended_at]
    print(
        f"time scale {time_scale}: p50 {percentile(seconds, 50):.2f} s, p95 {percentile(seconds, 95):.2f} s,",
        end=" ",
    )
    print(f"load {os.getloadavg()[0]:.1f}")
    return seconds
