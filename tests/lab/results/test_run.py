"""Run folders: tables, units, and clear messages about broken ones."""

import json
from datetime import UTC, datetime

import pandas as pd
import pyarrow.compute as pc
import pytest

from harness.lab.results.metric_names import is_duration
from harness.lab.results.rows import TABLES, BatchRow, MetricRow, RequestRow
from harness.lab.results.run import Run, RunHeader, RunUnreadable
from harness.lab.results.series import timeline
from harness.lab.results.writer import RunWriter

STARTED = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def compressed_run(tmp_path):
    """Return a run at time scale 10 with a warm-up of 1 clock second and five requests."""
    scenario = {"warm_up_s": 10.0}
    header = RunHeader(
        id="r1", engine="live", scenario_name="steady", scenario=scenario, scenario_hash="abc", seed=7,
        started_at=STARTED, time_scale=10,
    )  # fmt: skip
    writer = RunWriter(tmp_path / "r1", header)
    with writer.part() as part:
        part.add(RequestRow(0, 0, "POST", "create", 201, "ok", 0.5, 0.5, 9.5))
        part.add(RequestRow(0, 1, "POST", "create", 201, "ok", 1.0, 1.2, 1.3))
        part.add(RequestRow(0, 2, "POST", "create", 503, "failed", 2.0, 2.0, 2.1))
        part.add(RequestRow(0, 3, "POST", "create", None, "censored", 3.0, 3.0, 4.0))
        part.add(RequestRow(0, 1, "E2E", "ready", None, "ok", 1.0, 1.2, 3.0))
        part.add(BatchRow("b1", 5, 9, 1, "SHOOT", 3, 0, 0, 12, 1.0))
        part.add(MetricRow(1.0, "media_batches_created_total", '{"status":"RECEIVED"}', 1))
        part.add(MetricRow(1.5, "media_batches_created_total", '{"status":"READY"}', 1))
        part.add(MetricRow(1.5, "media_batches_created_total", '{"status":"READY"}', 1))
        part.add(MetricRow(1.5, "media_processing_duration_seconds", '{"outcome":"READY"}', 4.2))
        part.add(MetricRow(1.0, "media_processing_inflight_jobs", "{}", 3))
    return writer.finish(duration_s=10.0)


class TestRun:
    def test_clock_seconds_become_model_seconds(self, compressed_run):
        """
        At time scale 10 half a clock second is five model seconds.
        """
        assert compressed_run.model_seconds(0.5) == 5
        assert compressed_run.model_seconds(compressed_run.metrics["at"]).tolist() == [10, 15, 15, 15, 10]
        assert compressed_run.warm_up == 1.0

    def test_columns_can_be_selected(self, compressed_run):
        """
        Only the named columns are read, in the given order.
        """
        table = compressed_run.arrow("requests", ["outcome", "arrival"])

        assert table.column_names == ["outcome", "arrival"]
        assert table["outcome"].to_pylist() == ["ok", "ok", "failed", "censored", "ok"]

    def test_timings_are_those_of_the_requests(self, compressed_run):
        """
        The selected columns equal those of the whole table.
        """
        timings, requests = compressed_run.timings, compressed_run.requests

        assert {name: timings[name].tolist() for name in timings} == {
            name: requests[name].tolist() for name in timings
        }

    def test_the_arrow_table_equals_the_metrics(self, compressed_run):
        """
        The Arrow table and the frame hold the same values.
        """
        recorded, metrics = compressed_run.recorded.to_pydict(), compressed_run.metrics

        assert recorded == {name: metrics[name].tolist() for name in metrics}

    def test_selected_requests_are_those_of_the_table(self, compressed_run):
        """
        A condition selects the rows that fulfil it, with all columns.
        """
        requests = compressed_run.requests
        failed = requests[requests["outcome"] == "failed"].reset_index(drop=True)
        selected = compressed_run.requests_where(pc.field("outcome") == "failed")

        assert len(selected) == 1
        # A column without missing values stays one of whole numbers.
        pd.testing.assert_frame_equal(selected, failed, check_dtype=False)

    def test_one_metric_is_that_of_the_table(self, compressed_run):
        """
        A metric that was not recorded has no rows.
        """
        assert compressed_run.metric("media_batches_created_total")["value"].tolist() == [1, 1, 1]
        assert compressed_run.metric("media_batches_deleted_total").empty

    def test_tables_go_to_csv(self, compressed_run, tmp_path):
        """
        There is one file per table, with all columns.
        """
        paths = compressed_run.to_csv(tmp_path / "csv")

        assert [path.name for path in paths] == ["requests.csv", "batches.csv", "steps.csv", "metrics.csv"]
        assert len(pd.read_csv(tmp_path / "csv/requests.csv")) == 5

    def test_a_run_without_spans_has_an_empty_table(self, compressed_run):
        """
        Runs of earlier versions, and simulated ones, have no such file.
        """
        assert not (compressed_run.folder / "spans.parquet").exists()
        assert len(compressed_run.spans) == 0
        assert list(compressed_run.spans.columns) == TABLES["spans"].names

    def test_it_has_a_text_and_an_html_representation(self, compressed_run):
        """
        Both name the run; the HTML also shows the metrics.
        """
        assert repr(compressed_run) == "<Run r1: steady on live, seed 7, time scale 10>"
        assert "Run r1: steady on live" in compressed_run._repr_html_()
        assert "media_processing_dlq_messages_total" in compressed_run._repr_html_()


class TestBrokenFolders:
    def test_a_folder_without_a_header_is_not_a_run(self, tmp_path):
        """
        This is the most common mistake: a wrong folder.
        """
        with pytest.raises(RunUnreadable, match=r"is not a run folder: it has no run\.json"):
            Run.load(tmp_path)

    def test_a_newer_format_needs_a_newer_harness(self, compressed_run):
        """
        The message names the version, not the unknown fields.
        """
        path = compressed_run.folder / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99, "moon": 1}))

        with pytest.raises(RunUnreadable, match="has format 99; this harness reads up to 1"):
            Run.load(compressed_run.folder)

    @pytest.mark.parametrize("text", ["{", "[]", '{"format_version": 1}'], ids=["cut", "list", "empty"])
    def test_a_damaged_header_is_named(self, compressed_run, text):
        """
        Every message names the file.
        """
        (compressed_run.folder / "run.json").write_text(text)

        with pytest.raises(RunUnreadable, match=r"run\.json"):
            Run.load(compressed_run.folder)

    def test_a_missing_table_is_named_when_it_is_read(self, compressed_run):
        """
        The run can be opened; reading the table fails.
        """
        (compressed_run.folder / "steps.parquet").unlink()

        with pytest.raises(RunUnreadable, match=r"has no table steps\.parquet"):
            _ = Run.load(compressed_run.folder).steps

    def test_a_truncated_table_is_named(self, compressed_run):
        """
        A part of a Parquet file cannot be read.
        """
        path = compressed_run.folder / "requests.parquet"
        path.write_bytes(path.read_bytes()[:200])

        with pytest.raises(RunUnreadable, match=r"requests\.parquet is damaged"):
            _ = Run.load(compressed_run.folder).requests

    def test_a_table_without_a_column_is_named(self, compressed_run):
        """
        A table with other columns is rejected.
        """
        pd.DataFrame({"at": [1.0]}).to_parquet(compressed_run.folder / "metrics.parquet")

        with pytest.raises(RunUnreadable, match="lacks the columns labels, metric, value"):
            _ = Run.load(compressed_run.folder).metrics


class TestSummary:
    def test_response_times_count_from_the_intended_start(self, compressed_run):
        """
        Without the warm-up there are 0.3, 0.1 and the unfinished 1.0 s from the intended start; the failed
        and the unfinished request are counted.
        """
        end_to_end, create = compressed_run.summary.timings

        assert (create.count, create.failed, create.censored) == (3, 1, 1)
        assert create.p50_s == pytest.approx(0.3)
        assert create.max_s == pytest.approx(1.0)
        assert (end_to_end.type, end_to_end.name) == ("E2E", "ready")

    def test_end_to_end_times_are_model_seconds(self, compressed_run):
        """
        Two clock seconds at time scale 10.
        """
        assert compressed_run.summary.timings[0].p95_s == pytest.approx(20)

    def test_the_five_metrics_are_added_up(self, compressed_run):
        """
        Counters are summed, durations are model seconds, and a counter without data is zero.
        """
        metrics = compressed_run.summary.metrics

        assert metrics.created == {"RECEIVED": 1, "READY": 2}
        assert (metrics.failed, metrics.dead_letters, metrics.inflight_max) == (0, 0, 3)
        assert (metrics.durations, metrics.duration_p95_s) == (1, 42.0)

    def test_it_is_a_table_for_a_terminal(self, compressed_run):
        """
        The tables hold the timings and the metrics.
        """
        from rich.console import Console

        console = Console(record=True, width=140, file=None, quiet=False, stderr=True)
        console.print(compressed_run.summary.to_rich())
        text = console.export_text()

        assert "media_batches_created_total" in text
        assert "2 READY, 1 RECEIVED" in text
        assert "1: p50 42.000 s" in text


class TestTimeline:
    def test_each_row_counts_the_requests_of_its_second(self, compressed_run):
        """
        Offered, started, finished and failed in each second, and in flight at its end.
        """
        seconds = timeline(compressed_run)

        assert seconds["offered"].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
        assert seconds["finished"].tolist() == [0, 1, 1, 0, 0, 0, 0, 0, 0, 1]
        assert seconds["failed"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
        assert seconds["in_flight"].tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 2, 1]
        assert seconds.loc[1.0, "p95_s"] == pytest.approx(0.3)
        assert pd.isna(seconds.loc[0.0, "p95_s"])

    def test_end_to_end_rows_are_a_series_of_their_own(self, compressed_run):
        """
        They are not requests and would be counted twice.
        """
        assert timeline(compressed_run, type="E2E")["finished"].sum() == 1

    def test_a_period_is_positive(self, compressed_run):
        """
        A period of 0 s is rejected.
        """
        with pytest.raises(ValueError, match="longer than 0"):
            timeline(compressed_run, period=0)


@pytest.mark.parametrize(
    ("metric", "scaled"),
    [
        ("media_processing_duration_seconds", True),
        ("AWS/Lambda/Duration", True),
        ("AWS/States/ExecutionTime", True),
        ("AWS/SQS/ApproximateAgeOfOldestMessage", True),
        ("AWS/States/ExecutionsStarted", False),
    ],
)
def test_compressed_time_shortens_durations(metric, scaled):
    """
    Counts stay as they are.
    """
    assert is_duration(metric) is scaled
