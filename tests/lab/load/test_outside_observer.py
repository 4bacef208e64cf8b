"""
What can be recorded of a service from outside: its own timestamps, and its Prometheus pages.
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
from harness.lab.load.live_header import live_header
from harness.lab.load.outside_observer import outside_observer, unobserved
from harness.lab.load.preflight import Unreachable
from harness.lab.results.notes import UNOBSERVED
from harness.lab.results.rows import BatchRow
from harness.lab.results.writer import RunWriter, TablePartWriter, merge_parts
from harness.lab.workload.scenario import Scenario

SCENARIO = Scenario.model_validate(
    {
        "question": "What is seen from outside?",
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


class Pages(HTTPServer):
    """A page of metrics; *text* is what it says next."""

    text = BEFORE

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/metrics"


class Page(BaseHTTPRequestHandler):
    server: Pages

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[Pages]:
    with Pages(("127.0.0.1", 0), Page) as server:
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

    def test_a_service_that_tells_no_times_is_not_observed(self, tmp_path):
        """
        What the client saw includes its own polling; that is no processing time. Nor is an unfinished one.
        """
        recorded(tmp_path, READY, READY._replace(outcome=None, received_at=2.0, finished_at=5.0))

        with outside_observer()(tmp_path, 0.0) as observed:
            pass

        assert metrics(tmp_path) == []
        assert set(observed) == set()


class TestPages:
    def test_counters_are_kept_as_increments_and_gauges_as_seen(self, tmp_path, page):
        """
        Five and then nine are four more; a counter that fell began anew with its process.
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

    def test_something_else_than_a_page_of_metrics_is_found_out_at_once(self, page):
        """
        A typing error in an address should not cost a run.
        """
        page.text = "<html>not here</html>"

        with pytest.raises(Unreachable, match="is not a page of Prometheus metrics"):
            outside_observer([page.url])


def test_other_namespaces_and_metrics_that_were_not_seen_are_named():
    """
    Of the service's own namespace single metrics, of others the namespace: none of it can be seen.
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
def test_an_objective_about_what_nobody_observed_is_neither_met_nor_broken(tmp_path, objective, outcome):
    """
    A counter nobody looked at is not zero, and an alarm nobody saw is not quiet.
    """
    recorded(tmp_path, READY._replace(received_at=2.0, finished_at=5.0))
    with outside_observer()(tmp_path, 0.0) as observed:
        pass
    writer = RunWriter(tmp_path, live_header(SCENARIO, tmp_path, 1))
    run = writer.finish(duration_s=60.0, notes={UNOBSERVED: unobserved(metric_alarms(), observed)})

    verdict = evaluate_run(run, metric_alarms(), [Objective.parse(objective)])

    judged = {one.name for one in verdict.alarms if one.outcome is not Outcome.SKIPPED}
    assert verdict.outcome is outcome
    assert judged == {"media-processing-duration-p95"}
