"""
The life of one batch: its table and its trace file.
"""

import json

import pytest

from harness.lab.report.batch_life import (
    NoSuchArrival,
    life_of_arrival,
    life_of_batch,
    life_table,
    median_batch,
    must_arrive,
    slowest_batch,
)
from harness.lab.report.batch_trace import trace, write_trace
from harness.lab.report.charts.life_chart import life_chart
from harness.lab.results.rows import BatchRow, RequestRow, SpanRow, StepRow
from harness.lab.sim.simulation import simulate
from harness.lab.workload.scenario import Scenario

MINUTE = {
    "question": "Who arrives?",
    "duration_s": 60,
    "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": 60}]}],
    "flows": [{"name": "photo_shoot"}],
}
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
        The request that created the batch does not carry its id, but belongs to the same trace.
        """
        life = life_of_batch(three_batches, "a")

        assert life["name"].tolist() == [
            "POST uploads", "PUT object", "upload", "PUT object", "queue", "processing", "GenerateThumbnails",
            "GenerateThumbnails", "seen by the client",
        ]  # fmt: skip
        assert life["kind"].value_counts().to_dict() == {"stage": 4, "request": 3, "state": 2}

    def test_times_are_model_seconds_since_the_intended_start(self, three_batches):
        """
        At time scale 10 a clock second is ten model seconds.
        """
        life = life_of_batch(three_batches, "a").set_index("name")

        assert life.loc["POST uploads", ["from_s", "to_s"]].tolist() == pytest.approx([1.0, 5.0])
        assert life.loc["processing", ["from_s", "to_s"]].tolist() == pytest.approx([30.0, 80.0])

    def test_an_unknown_batch_is_an_error(self, three_batches):
        """
        A wrong id does not give an empty table.
        """
        with pytest.raises(ValueError, match="no batch z"):
            life_of_batch(three_batches, "z")

    def test_the_slowest_and_the_median_are_found(self, three_batches):
        """
        Batches are ranked by the time from the intended start until the client saw the end.
        """
        assert (slowest_batch(three_batches), median_batch(three_batches)) == ("c", "b")

    def test_a_run_without_an_end_has_neither(self, make_run):
        """
        Without a batch that ended there is neither a slowest nor a median one.
        """
        run = make_run([BatchRow("a", 1, 1, 1, "SHOOT", 1, 0, 0, 9, 0.1, censored=True)])

        assert (slowest_batch(run), median_batch(run)) == (None, None)


@pytest.fixture(scope="module")
def simulated_batch(tmp_path_factory):
    """Return a simulated run of one batch: two photos and a video of half a minute."""
    scenario = {
        "name": "one_batch",
        "question": "What happens to one batch?",
        "duration_s": 1,
        "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": 1}]}],
        "flows": [{"name": "photo_shoot", "photos": 2, "videos": 1, "video_seconds": 30}],
    }
    return simulate(Scenario.model_validate(scenario), out=tmp_path_factory.mktemp("life") / "run")


class TestLifeOfArrival:
    def test_events_are_in_order_of_time(self, simulated_batch):
        """
        From the first request to the last download, with the states between.
        """
        life = life_of_arrival(simulated_batch, 0)
        states = life[(life["kind"] == "state") & (life["job_id"] == 1)]

        assert life["from_s"].is_monotonic_increasing
        assert states["name"].iloc[0] == "ValidateRawAssets"
        assert states["name"].iloc[-1] == "ProcessingSucceeded"
        assert set(states["outcome"]) == {"SUCCEEDED"}

    def test_an_arrival_outside_the_run_is_an_error(self, simulated_batch):
        """
        The message says which numbers there are.
        """
        with pytest.raises(NoSuchArrival, match="from 0 to 0"):
            life_of_arrival(simulated_batch, 5)

    def test_times_count_from_the_start_of_the_run(self, three_batches):
        """
        The request of arrival 1 starts 12 clock seconds after the start of the run, at time scale 10.
        """
        life = life_of_arrival(three_batches, 1)

        assert life["from_s"].tolist() == [120.0]

    @pytest.mark.parametrize(
        ("changes", "arrival", "complaint"),
        [
            ({}, 60, "the run has no arrival 60; they are numbered from 0 to 59"),
            ({"arrivals": [{"stages": [{"hold_per_s": 0, "for_s": 60}]}]}, 0, "it has no arrivals at all"),
            ({"arrivals": [], "users": 2}, -1, "they are numbered from 0$"),
        ],
    )
    def test_an_impossible_arrival_is_known_before_the_run(self, changes, arrival, complaint):
        """
        A run of an hour is not simulated for an arrival it cannot have.
        """
        with pytest.raises(NoSuchArrival, match=complaint):
            must_arrive(Scenario.model_validate(MINUTE | changes), arrival)

    def test_with_users_only_the_run_tells_the_number_of_arrivals(self):
        """
        How often users start again depends on how fast they are served.
        """
        must_arrive(Scenario.model_validate(MINUTE | {"arrivals": [], "users": 2}), 10**9)


@pytest.fixture
def traced_batch(make_run):
    """One batch whose trace was sampled, and a span of another trace."""

    def span(number, parent, name, service, began, ended, status="UNSET", **ids):
        parent_id = None if parent is None else f"{parent:016x}"
        return SpanRow(TRACE, f"{number:016x}", parent_id, name, service, began, ended, status, **ids)

    api, zip_function = "listing-media-api", "listing-media-zip"
    return make_run(
        [
            batch("a", 1, 10.0, 18.0),
            span(1, None, "arrival photo_shoot", "client", 10.0, 19.0, batch_id="a"),
            span(2, 1, "POST uploads", "client", 10.0, 10.9),
            span(3, 2, "POST /uploads", api, 10.1, 10.8, batch_id="a"),
            span(4, 3, "create_upload_batch", api, 10.2, 10.7),
            # The event of a transcoding job has an id that is not the service's.
            span(5, 4, "MySQL insert", api, 10.3, 10.4, job_id="1796046677230-972492"),
            span(6, 3, "zip", zip_function, 12.0, 13.0, "ERROR", batch_id="a", job_id="1"),
            span(7, 6, "POST /callback", api, 10.75, 13.0),
            SpanRow("f" * 32, "8" * 16, None, "loop outbox", "listing-media-worker", 10.0, 11.0, "UNSET"),
        ],
        time_scale=10.0,
    )


class TestSpans:
    def test_a_sampled_batch_has_the_spans_of_its_trace(self, traced_batch):
        """
        In model seconds since its intended start; the client's are in its requests.
        """
        life = life_of_batch(traced_batch, "a")
        spans = life[life["kind"] == "span"].set_index("name")

        assert spans.index.tolist() == [
            "POST /uploads", "create_upload_batch", "MySQL insert", "POST /callback", "zip",
        ]  # fmt: skip
        assert spans.loc["zip", ["from_s", "to_s"]].tolist() == pytest.approx([20.0, 30.0])
        assert spans.loc["zip", ["service", "outcome", "job_id"]].tolist() == [
            "listing-media-zip",
            "failed",
            1,
        ]

    def test_the_chart_shows_where_the_trace_enters_a_process(self, traced_batch):
        """
        The answers to the client's requests are not repeated; failed spans are counted.
        """
        chart = life_chart(traced_batch, "a", "life")

        names = chart.data.loc[chart.data["kind"] == "span", "name"].tolist()
        assert names == ["listing-media-api: POST /callback", "listing-media-zip: zip"]
        assert "1 failure" in chart.finding

    def test_a_batch_without_spans_is_as_before(self, three_batches):
        """
        Most traces of a run under load are not sampled.
        """
        assert "span" not in set(life_of_batch(three_batches, "a")["kind"])


class TestLifeTable:
    def test_repeated_attempts_are_numbered(self, three_batches):
        """
        A second attempt has its number, and a failed one its error.
        """
        from rich.console import Console

        console = Console(record=True, width=140, stderr=True)
        console.print(life_table(life_of_batch(three_batches, "a"), "Life of batch a"))
        text = console.export_text()

        assert "GenerateThumbnails #0 ×2" in text
        assert "SlowDown" in text


class TestTrace:
    def test_slices_of_one_track_never_overlap(self, three_batches):
        """
        Parallel uploads get different tracks, as the viewers require.
        """
        events = trace(life_of_batch(three_batches, "a"), "batch a")["traceEvents"]
        slices = [one for one in events if one["ph"] == "X"]
        uploads = [one for one in slices if one["name"] == "PUT object"]

        assert len({one["tid"] for one in uploads}) == 2
        assert uploads[0]["ts"] == pytest.approx(5_000_000)
        assert uploads[0]["args"]["trace_id"] == TRACE

    def test_the_spans_of_a_process_are_nested_on_one_track(self, traced_batch):
        """
        Each service is a process of the file; a span that overlaps another without being in it has a track.
        """
        events = trace(life_of_batch(traced_batch, "a"), "batch a")["traceEvents"]
        processes = {one["pid"]: one["args"]["name"] for one in events if one["name"] == "process_name"}
        tracks = {one["name"]: (one["pid"], one["tid"]) for one in events if one["ph"] == "X"}

        assert processes == {1: "batch a", 2: "listing-media-api", 3: "listing-media-zip"}
        assert tracks["POST /uploads"] == tracks["create_upload_batch"] == tracks["MySQL insert"] == (2, 1)
        assert tracks["POST /callback"] == (2, 2)
        assert tracks["zip"] == (3, 1)

    def test_the_file_is_json_of_named_tracks(self, three_batches, tmp_path):
        """
        Every track with a slice has a name.
        """
        life = life_of_batch(three_batches, "a")
        path = write_trace(life, "batch a", tmp_path / "life.json")
        events = json.loads(path.read_text())["traceEvents"]

        named = {one["tid"] for one in events if one["name"] == "thread_name"}
        assert {one["tid"] for one in events if one["ph"] == "X"} == named
