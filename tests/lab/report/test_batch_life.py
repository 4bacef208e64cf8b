"""
One batch, followed from its first request to its end.
"""

import json

import pytest

from harness.lab.report.batch_life import batch_life, median, slowest, trace, write_trace
from harness.lab.results.rows import BatchRow, RequestRow, StepRow

TRACE = "0af7651916cd43dd8448eb211c80319c"


def batch(batch_id: str, job_id: int, intended_at: float, finished_at: float) -> BatchRow:
    return BatchRow(
        batch_id, 1, job_id, 1, "SHOOT", 2, 0, 0, 9, intended_at, intended_at + 0.5, intended_at + 2.0,
        intended_at + 3.0, finished_at, finished_at + 1.0, "READY",
    )  # fmt: skip


@pytest.fixture
def three_batches(make_run):
    """Batches of 8, 20 and 30 seconds at time scale 10; the first has requests and steps."""
    rows = [
        RequestRow(0, 0, "POST", "uploads", 201, "ok", 10.0, 10.1, 10.5, trace_id=TRACE),
        RequestRow(0, 0, "PUT", "object", 200, "ok", 10.5, 10.5, 11.5, batch_id="a", trace_id=TRACE),
        RequestRow(
            0,
            0,
            "PUT",
            "object",
            503,
            "failed",
            10.6,
            10.6,
            11.0,
            batch_id="a",
            trace_id=TRACE,
            error="SlowDown",
        ),
        RequestRow(0, 0, "E2E", "ready", None, "ok", 10.0, 10.0, 19.0, batch_id="a", trace_id=TRACE),
        RequestRow(0, 1, "POST", "uploads", 201, "ok", 12.0, 12.0, 12.5, trace_id="f" * 32),
        StepRow(1, "GenerateThumbnails", 0, 1, 13.0, 13.5, 14.0, "FAILED", "Retryable"),
        StepRow(1, "GenerateThumbnails", 0, 2, 16.0, 16.5, 17.0, "SUCCEEDED"),
        batch("a", 1, 10.0, 18.0),
        batch("b", 2, 12.0, 32.0),
        batch("c", 3, 14.0, 44.0),
    ]
    return make_run(rows, time_scale=10.0)


class TestBatchLife:
    def test_it_holds_requests_stages_and_attempts_in_order(self, three_batches):
        """
        The request that created the batch did not know its id, but is of the same trace.
        """
        life = batch_life(three_batches, "a")

        assert life["name"].tolist() == [
            "POST uploads", "PUT object", "upload", "PUT object", "queue", "processing", "GenerateThumbnails",
            "GenerateThumbnails", "seen by the client",
        ]  # fmt: skip
        assert life["kind"].value_counts().to_dict() == {"stage": 4, "request": 3, "state": 2}

    def test_times_are_model_seconds_since_the_intended_start(self, three_batches):
        """
        At time scale 10 a clock second is ten of the model.
        """
        life = batch_life(three_batches, "a").set_index("name")

        assert life.loc["POST uploads", ["from_s", "to_s"]].tolist() == pytest.approx([1.0, 5.0])
        assert life.loc["processing", ["from_s", "to_s"]].tolist() == pytest.approx([30.0, 80.0])

    def test_an_unknown_batch_is_an_error(self, three_batches):
        """
        A typing error is not an empty life.
        """
        with pytest.raises(ValueError, match="no batch z"):
            batch_life(three_batches, "z")

    def test_the_slowest_and_the_median_are_found(self, three_batches):
        """
        By the time from intended start until somebody saw it end.
        """
        assert (slowest(three_batches), median(three_batches)) == ("c", "b")

    def test_a_run_without_an_end_has_neither(self, make_run):
        """
        Nothing ended, so nothing was slow.
        """
        run = make_run([BatchRow("a", 1, 1, 1, "SHOOT", 1, 0, 0, 9, 0.1, censored=True)])

        assert (slowest(run), median(run)) == (None, None)


class TestTrace:
    def test_slices_of_one_track_never_overlap(self, three_batches):
        """
        Uploads side by side get tracks of their own, as the viewers demand.
        """
        slices = [one for one in trace(three_batches, "a")["traceEvents"] if one["ph"] == "X"]
        uploads = [one for one in slices if one["name"] == "PUT object"]

        assert len({one["tid"] for one in uploads}) == 2
        assert uploads[0]["ts"] == pytest.approx(5_000_000)
        assert uploads[0]["args"]["trace_id"] == TRACE

    def test_the_file_is_json_of_named_tracks(self, three_batches, tmp_path):
        """
        Every track a slice is on has a name.
        """
        events = json.loads(write_trace(three_batches, "a", tmp_path / "life.json").read_text())[
            "traceEvents"
        ]

        named = {one["tid"] for one in events if one["name"] == "thread_name"}
        assert {one["tid"] for one in events if one["ph"] == "X"} == named
