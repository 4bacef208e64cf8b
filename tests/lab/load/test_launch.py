"""
A whole run by Locust, as a process of its own, against a fake service that implements the contract.

Each run takes the time of its scenario, because arrivals come in real time.
"""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from harness.lab.load.launch import play
from harness.lab.load.live_run import ServiceAccess
from harness.lab.load.locust_process import LocalWorkers
from harness.lab.results.writer import FolderUnfit
from harness.lab.workload.scenario import Scenario
from tests.lab.load.conftest import locust_processes, wait_until_recorded

pytestmark = pytest.mark.stack


def scenario(**changes) -> Scenario:
    """Return a scenario of all flows: two seconds, ten arrivals a second."""
    return Scenario.model_validate(
        {
            "name": "everything",
            "question": "Does everything work?",
            "seed": 7,
            "duration_s": 2,
            "drain_s": 15,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 10.0, "for_s": 60}]}],
            "behaviour": {"poll": {"first_s": 0.1, "cap_s": 0.2}},
            "flows": [
                {"name": "photo_shoot", "weight": 5, "photos": 2, "videos": 0},
                {"name": "project_documents", "weight": 2, "documents": 1, "renders": 1},
                {"name": "retry", "weight": 3, "photos": 1, "videos": 0},
                {"name": "abandon", "photos": 1, "videos": 0},
                {"name": "viewer"},
                {"name": "forbidden", "weight": 3},
            ],
            **changes,
        }
    )


@pytest.fixture(scope="module")
def service(running_fake, tmp_path_factory):
    with running_fake(tmp_path_factory.mktemp("service"), 300) as fake:
        yield fake


@pytest.fixture(scope="module")
def run(service, tmp_path_factory) -> Iterator:
    """One run of all flows by two workers."""
    out = tmp_path_factory.mktemp("runs") / "everything"
    return play(
        scenario(),
        host=service.api_url,
        access=ServiceAccess(service.identities),
        out=out,
        workers=LocalWorkers(2),
    )


class TestEverything:
    def test_every_upload_became_ready(self, run):
        """
        Shoots, project files and retries end READY, and nothing failed.
        """
        ready = run.requests[(run.requests.type == "E2E") & (run.requests.name == "ready")]

        assert set(ready.outcome) == {"ok"}
        assert set(run.requests.outcome) <= {"ok", "refused"}
        assert set(run.batches.outcome) == {"READY"}

    def test_every_arrival_is_in_the_table_and_both_workers_have_some(self, run):
        """
        Twenty arrivals, every second one by the other worker.
        """
        by_worker = run.requests.groupby("worker").arrival.agg(set)

        assert set(run.requests.arrival) == set(range(20))
        assert {arrival % 2 for arrival in by_worker[0]} == {0}
        assert {arrival % 2 for arrival in by_worker[1]} == {1}

    def test_the_processing_time_is_the_services_own(self, run):
        """
        Processing takes 0.1 s here: it ends at the service's own time, not at the poll that noticed it.
        """
        processing = run.requests[run.requests.name == "processing"]
        seconds = processing.finished_at - processing.started_at

        assert seconds.median() == pytest.approx(0.1, abs=0.001)
        assert (run.batches.observed_at > run.batches.finished_at).all()

    def test_the_polling_resolution_is_recorded(self, run):
        """
        One datum for each job: the time between the last two polls.
        """
        resolution = run.metrics[run.metrics.metric == "Load/ReadyResolution"]

        assert len(resolution) == len(run.batches)
        assert (resolution.value > 0).all()

    def test_a_retry_is_a_second_job_of_the_same_batch(self, run):
        """
        Two rows, attempts 1 and 2, with different jobs.
        """
        retried = run.batches[run.batches.attempt == 2]
        first = run.batches[run.batches.batch_id.isin(retried.batch_id) & (run.batches.attempt == 1)]

        assert len(retried) == len(first) > 0
        assert not set(retried.job_id) & set(first.job_id)

    def test_forbidden_attempts_were_refused(self, run):
        """
        Each attempt is a row with the name of the attempt; none succeeded.
        """
        forbidden = run.requests[run.requests.name.str.startswith("forbidden")]

        assert len(forbidden) > 0
        assert set(forbidden.outcome) == {"refused"}

    def test_the_header_has_the_workers_and_their_self_check(self, run):
        """
        Two workers, all arrivals started.
        """
        generator = run.header.notes["generator"]

        assert (run.header.workers, run.header.lost_workers, run.header.complete) == (2, 0, True)
        assert (generator["offered"], generator["started"], generator["achieved"]) == (20, 20, 1.0)
        assert {each["worker"] for each in generator["workers"]} == {0, 1}

    def test_no_authorization_ever_reaches_the_object_store(self, run, service):
        """
        The store would refuse it, and its operator would see the token.
        """
        names = {name for _, _, headers in service.seen_by_store() for name in headers}

        assert "host" in names
        assert "authorization" not in names

    def test_an_upload_carries_exactly_the_signed_headers(self, run, service):
        """
        Only the headers that HTTP needs are added.
        """
        puts = [headers for method, _, headers in service.seen_by_store() if method == "PUT"]
        http = {"host", "content-length", "user-agent", "accept", "accept-encoding", "connection"}

        assert {name for headers in puts for name in headers} - http == {
            "content-type",
            "x-amz-checksum-sha256",
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
        }

    def test_every_request_of_an_arrival_carries_its_trace(self, run, service):
        """
        One trace id for an arrival, in the requests and in the table.
        """
        sent = {
            headers["traceparent"].split("-")[1]
            for _, _, headers in service.seen_by_api()
            if "traceparent" in headers
        }
        requests = run.requests[run.requests.type == "POST"]

        assert sent == set(requests.trace_id)
        assert (requests.groupby("arrival").trace_id.nunique() == 1).all()

    def test_the_requests_of_a_sampled_arrival_are_a_tree_of_spans(self, run, service):
        """
        The service gets the request's span as its parent, and the flag that says whether it is recorded.
        """
        sent = [headers["traceparent"] for _, _, headers in service.seen_by_api() if "traceparent" in headers]
        recorded = {(span.trace_id, span.span_id): span for span in run.spans.itertuples()}
        sampled = [parts for text in sent if (parts := text.split("-"))[3] == "01"]

        assert sampled
        assert len(sampled) == (run.spans.name.str.startswith("POST ")).sum()
        for _, trace_id, span_id, _ in sampled:
            span = recorded[trace_id, span_id]
            root = recorded[trace_id, span.parent_id]
            assert pd.isna(root.parent_id)
            assert root.name.startswith("arrival ")
            assert root.started_at <= span.started_at <= span.finished_at <= root.finished_at

    def test_nothing_secret_is_left_in_the_run_folder(self, run):
        """
        No token and no signature, in no table and in no log.
        """
        run.to_csv(run.folder / "csv")
        text = b"".join(path.read_bytes() for path in run.folder.rglob("*") if path.is_file())

        assert b"token-photographer" not in text
        assert b"X-Amz-Signature" not in text

    def test_nothing_is_left_running(self, run):
        """
        Neither the master nor a worker outlives the run.
        """
        assert locust_processes(run.folder) == []


def test_one_worker_sends_the_same_requests_as_two(run, running_fake, tmp_path):
    """
    The requests of an arrival depend on the scenario alone.
    """
    with running_fake(tmp_path / "again", 300) as fresh:
        alone = play(
            scenario(), host=fresh.api_url, access=ServiceAccess(fresh.identities), out=tmp_path / "alone"
        )

    def requests(table):
        table = table[table.type.isin(("POST", "PUT")) & (table.name != "uploads/status")]
        # The downloads of a viewer depend on which batches were ready by then.
        table = table[~table.name.str.startswith("downloads")]
        return sorted(zip(table.arrival, table.name, table.bytes_out, strict=True))

    assert [each[:2] for each in requests(alone.requests)] == [each[:2] for each in requests(run.requests)]


def test_what_is_unfinished_when_the_drain_ends_is_kept_as_a_lower_bound(fake_service, tmp_path):
    """
    If the pipeline never ends, the rows are censored, at least as long as the drain, with a null outcome.
    """
    service = fake_service("--never-ready")
    played = play(
        scenario(duration_s=1, drain_s=1, flows=[{"name": "photo_shoot", "photos": 1, "videos": 0}]),
        host=service.api_url,
        access=ServiceAccess(service.identities),
        out=tmp_path / "run",
    )
    ready = played.requests[played.requests.name == "ready"]

    assert list(ready.outcome) == ["censored"] * 10
    assert (ready.finished_at - ready.intended_at).min() > 0.9
    assert played.batches.censored.all()
    assert played.batches.outcome.isna().all()


def test_a_slow_endpoint_at_the_end_of_a_run_loses_no_request(fake_service, tmp_path):
    """
    Every status request takes 1.5 s, longer than arrivals come; all ten batches are seen READY.
    """
    service = fake_service("--slow-status", "1.5")
    played = play(
        scenario(duration_s=1, flows=[{"name": "photo_shoot", "photos": 1, "videos": 0}]),
        host=service.api_url,
        access=ServiceAccess(service.identities),
        out=tmp_path / "run",
    )
    polls = played.requests[played.requests.name == "uploads/status"]

    assert list(played.requests[played.requests.name == "ready"].outcome) == ["ok"] * 10
    assert (polls.finished_at - polls.started_at).min() >= 1.5


def test_a_wrong_answer_fails_its_batch_and_not_the_generator(fake_service, tmp_path):
    """
    The service answers 201 with a number as ``batchId``.
    """
    service = fake_service("--wrong-batch-id")
    played = play(
        scenario(duration_s=1, flows=[{"name": "photo_shoot", "photos": 1, "videos": 0}]),
        host=service.api_url,
        access=ServiceAccess(service.identities),
        out=tmp_path / "run",
    )
    created = played.requests[played.requests.name == "uploads"]

    assert set(created.outcome) == {"failed"}
    assert set(created.error) == {"batchId should be a valid string, not 5"}
    assert list(played.requests[played.requests.name == "ready"].outcome) == ["failed"] * 10
    assert not any("defect" in finding for finding in played.header.notes["generator"]["findings"])


def test_an_upload_url_that_outlives_the_run_is_counted_as_untried(fake_service, tmp_path):
    """
    Ten attempts with an expired URL could not be made: a remark says so, and they are not passed.
    """
    service = fake_service()
    played = play(
        scenario(duration_s=1, flows=[{"name": "forbidden", "attempts": ["expired_url"]}]),
        host=service.api_url,
        access=ServiceAccess(service.identities),
        out=tmp_path / "run",
    )
    remarks = played.header.notes["remarks"]

    assert played.header.notes["generator"]["untried"] == 10
    assert not played.requests.name.str.startswith("forbidden").any()
    assert any("10 attempts with an expired upload URL" in remark for remark in remarks)


def test_latency_counts_from_the_intended_start(fake_service, tmp_path):
    """
    A server that stalls for 0.4 s in every 2 s: p95 is 300 ms, p99 380 ms (uniform in the stall).

    With at most four arrivals in flight, times from the actual start hardly show the stall.
    """
    service = fake_service("--stall", "0.4", "2")
    played = play(
        scenario(
            duration_s=4,
            max_in_flight=4,
            arrivals=[{"process": "poisson", "stages": [{"hold_per_s": 100.0, "for_s": 60}]}],
            flows=[{"name": "viewer"}],
        ),
        host=service.api_url,
        access=ServiceAccess(service.identities),
        out=tmp_path / "run",
    )
    queries = played.requests[played.requests.name == "downloads/query"]
    response_times = queries.finished_at - queries.intended_at
    latencies = queries.finished_at - queries.started_at

    assert len(queries) == len(set(queries.arrival))
    assert response_times.quantile(0.95) > 0.2
    assert response_times.quantile(0.99) > 0.3
    assert latencies.quantile(0.95) < 0.25


def test_users_of_a_closed_workload_start_when_their_last_batch_is_ready(fake_service, tmp_path):
    """
    Two users play one batch after another until the time is up.
    """
    service = fake_service("--processing", "0.5")
    played = play(
        scenario(
            arrivals=[],
            users=2,
            behaviour={"poll": {"first_s": 1.2}},
            flows=[{"name": "photo_shoot", "photos": 1, "videos": 0}],
        ),
        host=service.api_url,
        access=ServiceAccess(service.identities),
        out=tmp_path / "run",
    )
    ready = played.requests[played.requests.name == "ready"].sort_values("intended_at")

    assert list(ready.outcome) == ["ok"] * 4
    assert played.header.notes["generator"]["offered"] == 4
    # The third one was due when a user was free.
    assert ready.intended_at.iloc[2] >= ready.finished_at.min()


class TestInterruption:
    def test_an_interrupt_during_a_run_leaves_complete_tables(self, fake_service, tmp_path):
        """
        The run is returned and marked as interrupted; what was under way is recorded as lower bounds.
        """
        service = fake_service("--never-ready", listings=1000)
        out = tmp_path / "run"
        threading.Thread(target=interrupt_when_playing, args=(out,)).start()

        played = play(
            scenario(duration_s=60, flows=[{"name": "photo_shoot", "photos": 1, "videos": 0}]),
            host=service.api_url,
            access=ServiceAccess(service.identities),
            out=out,
            workers=LocalWorkers(2),
        )

        assert played.header.complete
        assert played.header.notes["generator"]["interrupted"]
        assert played.header.notes["generator"]["findings"][0].startswith("interrupted ")
        assert len(played.requests) > 0
        assert set(played.requests[played.requests.name == "ready"].outcome) == {"censored"}

    def test_a_killed_worker_is_noticed_and_its_arrivals_are_not_given_to_another(
        self, fake_service, tmp_path
    ):
        """
        The other worker plays its own arrivals to the end, and a finding says that one was lost.
        """
        service = fake_service()
        out = tmp_path / "run"
        threading.Thread(target=kill_a_worker_when_playing, args=(out,)).start()

        played = play(
            scenario(duration_s=12, flows=[{"name": "viewer"}]),
            host=service.api_url,
            access=ServiceAccess(service.identities),
            out=out,
            workers=LocalWorkers(2),
        )
        last = played.requests.groupby("worker").arrival.max().sort_values()

        assert played.header.lost_workers == 1
        assert any("was lost" in finding for finding in played.header.notes["generator"]["findings"])
        assert last.iloc[-1] >= 118
        assert last.iloc[0] < 115
        assert (played.requests.arrival % 2 == played.requests.worker).all()


def test_a_folder_that_holds_a_run_is_not_overwritten(run, service):
    """
    Two runs in one folder would mix their tables.
    """
    with pytest.raises(FolderUnfit, match="already holds a run"):
        play(scenario(), host=service.api_url, access=ServiceAccess(service.identities), out=run.folder)


def interrupt_when_playing(folder: Path) -> None:
    """Send this process SIGINT, as a terminal does on Ctrl-C."""
    wait_until_recorded(folder)
    os.kill(os.getpid(), signal.SIGINT)


def kill_a_worker_when_playing(folder: Path) -> None:
    wait_until_recorded(folder)
    locust_processes(folder)[-1].kill()
