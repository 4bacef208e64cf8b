"""
The observation of a service from outside: its own timestamps, and its Prometheus pages.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.template_alarms import metric_alarms
from harness.lab.gate.evaluate_run import evaluate_run
from harness.lab.gate.objective import Objective
from harness.lab.gate.verdict import Outcome
from harness.lab.load import outside_observer as observer_module
from harness.lab.load.live_run import live_header
from harness.lab.load.outside_observer import outside_observer, unobserved
from harness.lab.load.preflight.preflight import Unreachable
from harness.lab.results.notes import UNOBSERVED
from harness.lab.results.rows import BatchRow
from harness.lab.results.writer import RunWriter, TablePartWriter, merge_parts
from harness.lab.workload.scenario import Scenario

SCENARIO = Scenario.model_validate(
    {
        "question": "What can be observed from outside?",
        "duration_s": 10,
        "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 10}]}],
        "flows": [{"name": "photo_shoot"}],
    }
)

READY = BatchRow("b", 1, 1, 1, "photo", 1, 0, 0, 10, 0.0, outcome="READY")

BEFORE = """\
# TYPE media_batches_created_total counter
media_batches_created_total{status="READY"} 5.0
# TYPE media_batches_failed_total counter
media_batches_failed_total 7.0
# TYPE worker_loop_runs_total counter
# TYPE media_processing_dlq_messages_total counter
media_processing_dlq_messages_total 0.0
# TYPE media_processing_inflight_jobs gauge
media_processing_inflight_jobs 3.0
# TYPE media_processing_duration_seconds histogram
media_processing_duration_seconds_bucket{le="+Inf"} 1.0
media_processing_duration_seconds_sum 2.0
media_processing_duration_seconds_count 1.0
# TYPE python_info gauge
python_info 1.0
"""

AFTER = BEFORE.replace("} 5.0", "} 9.0").replace("failed_total 7.0", "failed_total 2.0")


class MetricsServer(HTTPServer):
    """A server of one page of metrics, whose content is *text*."""

    text = BEFORE

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/metrics"


class MetricsHandler(BaseHTTPRequestHandler):
    server: MetricsServer

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[MetricsServer]:
    with MetricsServer(("127.0.0.1", 0), MetricsHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def metrics(folder: Path) -> list[tuple[str, str, float]]:
    merge_parts(folder)
    rows = pq.read_table(folder / "metrics.parquet").to_pylist()
    return [(row["metric"], row["labels"], row["value"]) for row in rows]


def recorded(folder: Path, *rows: BatchRow) -> None:
    with TablePartWriter(folder) as part:
        for row in rows:
            part.add(row)


def alarm(namespace: str, metric: str) -> Alarm:
    return Alarm.from_properties(
        {
            "AlarmName": metric,
            "Namespace": namespace,
            "MetricName": metric,
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
    )


class TestDurations:
    def test_they_come_from_the_services_own_times(self, tmp_path):
        """
        Received at 2 s and finished at 5 s is a processing time of 3 s, known at 5 s.
        """
        recorded(tmp_path, READY._replace(received_at=2.0, finished_at=5.0))

        with outside_observer()(tmp_path, 0.0) as observed:
            pass

        assert metrics(tmp_path) == [("media_processing_duration_seconds", '{"outcome":"READY"}', 3.0)]
        assert set(observed) == {"media_processing_duration_seconds"}

    def test_without_the_services_times_nothing_is_recorded(self, tmp_path):
        """
        The times of the client include its polling. An unfinished job has no processing time.
        """
        recorded(tmp_path, READY, READY._replace(outcome=None, received_at=2.0, finished_at=5.0))

        with outside_observer()(tmp_path, 0.0) as observed:
            pass

        assert metrics(tmp_path) == []
        assert set(observed) == set()


class TestPages:
    def test_counters_are_kept_as_increments_and_gauges_as_seen(self, tmp_path, page):
        """
        From five to nine the increment is four; a counter that fell started again with its process.
        """
        with outside_observer([page.url])(tmp_path, 0.0) as observed:
            page.text = AFTER

        assert metrics(tmp_path) == [
            ("media_batches_created_total", '{"status":"READY"}', 4.0),
            ("media_batches_failed_total", "{}", 2.0),
            ("media_processing_inflight_jobs", "{}", 3.0),
        ]
        assert "media_processing_dlq_messages_total" in observed
        assert "media_processing_duration_seconds" not in observed

    def test_a_counter_of_the_worker_is_not_observed_on_the_page_of_the_api(self, page, tmp_path):
        """
        There it is always zero.
        """
        page.text = BEFORE.replace("worker_loop_runs_total", "http_requests_total")

        with outside_observer([page.url])(tmp_path, 0.0) as observed:
            seen = set(observed or ())

        assert "media_batches_failed_total" in seen
        assert "media_processing_dlq_messages_total" not in seen

    def test_a_page_that_cannot_be_read_once_is_read_again(self, tmp_path, page, monkeypatch):
        """
        A proxy may answer for a moment: the increment since then is not lost.
        """
        monkeypatch.setattr(observer_module, "READ_EVERY_S", 0.01)
        with outside_observer([page.url])(tmp_path, 0.0):
            page.text = "<html>maintenance</html>"
            threading.Event().wait(0.1)
            page.text = AFTER

        assert ("media_batches_created_total", '{"status":"READY"}', 4.0) in metrics(tmp_path)

    def test_another_page_is_refused_before_the_run(self, page):
        """
        A typing error in a URL should not cost a run.
        """
        page.text = "<html>not here</html>"

        with pytest.raises(Unreachable, match="is not a page of Prometheus metrics"):
            outside_observer([page.url])


def test_other_namespaces_and_metrics_that_were_not_seen_are_named():
    """
    Single metrics of the service's own namespace; of other namespaces the whole, which cannot be seen.
    """
    alarms = [
        alarm("AWS/Lambda", "Errors"),
        alarm("TOQ/MediaProcessing", "media_processing_dlq_messages_total"),
        alarm("TOQ/MediaProcessing", "media_batches_failed_total"),
    ]

    assert unobserved(alarms, {"media_batches_failed_total", "Errors"}) == [
        "AWS/Lambda",
        "media_batches_created_total",
        "media_processing_dlq_messages_total",
        "media_processing_duration_seconds",
        "media_processing_inflight_jobs",
    ]


@pytest.mark.parametrize(
    ("objective", "outcome"),
    [
        ("max(media_processing_duration_seconds) <= 10 min", Outcome.PASS),
        ("total(media_batches_failed_total) == 0", Outcome.INCONCLUSIVE),
        ("alarm(media-processing-executions-failed) == OK", Outcome.INCONCLUSIVE),
    ],
)
def test_an_objective_about_an_unobserved_metric_is_inconclusive(tmp_path, objective, outcome):
    """
    A counter that was not read is not zero, and an alarm without data is not OK.
    """
    recorded(tmp_path, READY._replace(received_at=2.0, finished_at=5.0))
    with outside_observer()(tmp_path, 0.0) as observed:
        pass
    writer = RunWriter(tmp_path, live_header(SCENARIO, tmp_path, 1, {}))
    run = writer.finish(duration_s=60.0, notes={UNOBSERVED: unobserved(metric_alarms(), observed)})

    verdict = evaluate_run(run, metric_alarms(), [Objective.parse(objective)])

    evaluated = {one.name for one in verdict.alarms if one.outcome is not Outcome.SKIPPED}
    assert verdict.outcome is outcome
    assert evaluated == {"media-processing-duration-p95"}
