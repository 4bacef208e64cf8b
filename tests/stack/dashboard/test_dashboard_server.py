"""
The live page and its event stream.
"""

import json
import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from harness.blueprint.template import load_alarms
from harness.stack.dashboard.dashboard_server import dashboard
from harness.stack.dashboard.measures import Measure
from harness.stack.dashboard.observer import Observer
from harness.stack.dashboard.processes import Process
from harness.stack.dashboard.recent_executions import FailedExecution
from harness.stack.dashboard.snapshot import AlarmStatus, HealthCheck, Link, QueueDepths, Snapshot


def snapshot() -> Snapshot:
    return Snapshot(
        at=1000.0,
        started_at=940.0,
        mode="modelled",
        time_scale=10.0,
        engine="MariaDB 10.11",
        processes=[Process("api", 17, True, 0.25, 2**20)],
        checks=[HealthCheck("API", True, "ready")],
        queues=[QueueDepths("jobs", 3, 1, 0, False)],
        running=2,
        states={"Zip": 2},
        failures=[FailedExecution(990.0, "3c99", "7", "Zip", "Rejected", "no key")],
        measures=[Measure("media_batches_failed_total", "counter", "failed", 1.0)],
        alarms=[AlarmStatus("slow", "p95 > 600", "OK")],
        links=[Link("API documentation", "http://127.0.0.1:1/docs")],
        problems=["No answer about the queues: refused"],
    )


@pytest.fixture
def page_url() -> Iterator[str]:
    with dashboard(snapshot) as url:
        yield url


def first_event(url: str) -> dict[str, object]:
    with httpx.stream("GET", f"{url}events") as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        line = next(stream.iter_lines())
    found: dict[str, object] = json.loads(line.removeprefix("data: "))
    return found


class TestDashboard:
    def test_an_event_is_the_whole_snapshot(self, page_url):
        """
        A client needs no earlier event.
        """
        event = first_event(page_url)

        assert event["states"] == {"Zip": 2}
        assert event["processes"] == [
            {"name": "api", "pid": 17, "alive": True, "cpu": 0.25, "memory_bytes": 1048576}
        ]
        assert event["queues"] == [
            {"name": "jobs", "waiting": 3, "in_flight": 1, "delayed": 0, "takes_dead_letters": False}
        ]
        assert event["problems"] == ["No answer about the queues: refused"]

    def test_the_script_reads_only_what_an_event_has(self, page_url):
        """
        The script reads every field of the snapshot, and no other.
        """
        script = httpx.get(f"{page_url}dashboard.js").text

        assert set(re.findall(r"\bnow\.(\w+)", script)) == set(first_event(page_url))

    def test_the_script_fills_only_what_the_page_has(self, page_url):
        """
        Every id the script writes to is in the page.
        """
        page, script = httpx.get(page_url).text, httpx.get(f"{page_url}dashboard.js").text
        written = set(re.findall(r'(?:setText|fill|fillIfChanged|byId)\("(\w+)"', script))

        assert written <= set(re.findall(r'id="([\w-]+)"', page))
        assert "sentence" in written

    def test_the_page_loads_nothing_from_other_servers(self, page_url):
        """
        It works without a network, and its content security policy forbids other sources.
        """
        answer = httpx.get(page_url)
        parts = [httpx.get(page_url + name) for name in ("dashboard.css", "dashboard.js")]

        assert "default-src 'none'" in answer.headers["content-security-policy"]
        for text in (answer.text, *(part.text for part in parts)):
            assert not re.search(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[a-z]+\.", text)

    def test_it_is_served_on_the_loopback_interface_only(self, page_url):
        """
        It is not served on another address, nor under another host name.
        """
        port = int(page_url.rstrip("/").rpartition(":")[2])

        assert page_url.startswith("http://127.0.0.1:")
        assert httpx.get(page_url, headers={"Host": "evil.example"}).status_code == 403
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass

    def test_the_stack_is_not_observed_without_a_reader(self):
        """
        Without an open page the stack has no extra load.
        """
        calls = []
        with dashboard(lambda: calls.append(1) or snapshot()) as url:
            httpx.get(url)
            before = len(calls)
            first_event(url)

        assert before == 0
        assert calls

    def test_the_stream_ends_when_the_observer_fails(self, caplog):
        """
        The page then shows that its values are old; the traceback is logged.
        """

        def broken() -> Snapshot:
            raise ZeroDivisionError

        with dashboard(broken) as url, httpx.stream("GET", f"{url}events", timeout=10) as stream:
            assert list(stream.iter_lines()) == []
        assert "ZeroDivisionError" in caplog.text


@pytest.mark.stack
class TestRealStack:
    def test_the_page_shows_a_batch_that_was_processed(self, modelled_stack, uploader):
        """
        The events of the page have the metrics of a real batch.
        """
        listing, batch = uploader.upload()
        uploader.status(listing, batch)
        with (
            dashboard(Observer(modelled_stack)) as url,
            httpx.stream("GET", f"{url}events", timeout=30) as stream,
        ):
            seen = (json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line)
            # The service puts its metrics every two seconds.
            event = next(one for one in seen if one["measures"][0]["value"] > 0)

        assert {one["name"] for one in event["processes"]} >= {"s3", "aws", "database", "api", "worker"}
        assert [one["name"] for one in event["queues"]] == [
            "listing-media-processing",
            "listing-media-processing-dlq",
        ]
        assert all(check["healthy"] for check in event["checks"])
        assert {one["state"] for one in event["alarms"]} <= {"OK", "ALARM", "INSUFFICIENT_DATA"}
        assert len(event["alarms"]) == len(load_alarms())
        assert event["problems"] == []

    def test_a_part_that_does_not_answer_is_named(self, modelled_stack):
        """
        Each part that does not answer is a problem; the other parts are shown.
        """
        from dataclasses import replace

        observer = Observer(replace(modelled_stack, aws_url="http://127.0.0.1:9"))

        snapshot = observer()

        assert [problem.partition(":")[0] for problem in snapshot.problems] == [
            "No answer about the queues",
            "No answer about the executions",
            "No answer about the metrics",
        ]
        assert snapshot.processes
