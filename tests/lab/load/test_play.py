"""
A whole run by Locust, as a process of its own, against a service that speaks the contract.

Each run takes the seconds its scenario says; that is what a load test is.
"""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.lab.load.launch import play
from harness.lab.load.live_run import ServiceAccess
from harness.lab.load.locust_process import LocalWorkers
from harness.lab.results.writer import FolderUnfit
from harness.lab.workload.scenario import Scenario
from tests.lab.load.conftest import wait_until_recorded

pytestmark = pytest.mark.stack


def scenario(**changes) -> Scenario:
    """Two seconds of everything, ten arrivals a second."""
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
    """One run of everything by two workers."""
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

    def test_every_arrival_is_in_the_table_and_both_workers_played(self, run):
        """
        Twenty arrivals, every second one by the other worker.
        """
        by_worker = run.requests.groupby("worker").arrival.agg(set)

        assert set(run.requests.arrival) == set(range(20))
        assert {arrival % 2 for arrival in by_worker[0]} == {0}
        assert {arrival % 2 for arrival in by_worker[1]} == {1}

    def test_end_to_end_time_is_what_the_service_took(self, run):
        """
        Processing takes 0.1 s here: the service's own end is used, not the poll that noticed it.
        """
        processing = run.requests[run.requests.name == "processing"]
        seconds = processing.finished_at - processing.started_at

        assert seconds.median() == pytest.approx(0.1, abs=0.001)
        assert (run.batches.observed_at > run.batches.finished_at).all()

    def test_the_polling_resolution_is_recorded(self, run):
        """
        READY was seen within the width of one poll, one datum for each processing.
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

    def test_what_is_forbidden_was_refused(self, run):
        """
        Each attempt is a row that says what was tried; none succeeded.
        """
        forbidden = run.requests[run.requests.name.str.startswith("forbidden")]

        assert len(forbidden) > 0
        assert set(forbidden.outcome) == {"refused"}

    def test_the_header_tells_who_played_and_what_they_measured_of_themselves(self, run):
        """
        Two workers, all arrivals started.
        """
        generator = run.header.notes["generator"]

        assert (run.header.workers, run.header.lost_workers, run.header.complete) == (2, 0, True)
        assert (generator["offered"], generator["started"], generator["achieved"]) == (20, 20, 1.0)
        assert {each["worker"] for each in generator["workers"]} == {0, 1}

    def test_no_authorization_ever_reaches_the_object_store(self, run, service):
        """
        It would be refused there, and seen by whoever runs the store.
        """
        names = {name for _, _, headers in service.seen_by_store() for name in headers}

        assert "host" in names
        assert "authorization" not in names

    def test_an_upload_carries_exactly_the_signed_headers(self, run, service):
        """
        Beyond what HTTP itself needs, nothing is added.
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
        locusts = [
            each for each in psutil.process_iter(["cmdline"]) if str(run.folder) in str(each.info["cmdline"])
        ]

        assert locusts == []


def test_one_worker_plays_what_two_played(run, running_fake, tmp_path):
    """
    The same arrivals ask for the same things.
    """
    with running_fake(tmp_path / "again", 300) as fresh:
        alone = play(
            scenario(), host=fresh.api_url, access=ServiceAccess(fresh.identities), out=tmp_path / "alone"
        )

    def asked(table):
        table = table[table.type.isin(("POST", "PUT")) & (table.name != "uploads/status")]
        # What a viewer is shown depends on who was ready by then.
        table = table[~table.name.str.startswith("downloads")]
        return sorted(zip(table.arrival, table.name, table.bytes_out, strict=True))

    assert [each[:2] for each in asked(alone.requests)] == [each[:2] for each in asked(run.requests)]


def test_what_is_unfinished_when_the_drain_ends_is_kept_as_a_lower_bound(fake_service, tmp_path):
    """
    A pipeline that never ends leaves censored rows, as long as the run waited, and a null outcome.
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


def test_a_slow_endpoint_at_the_end_of_a_run_loses_nothing(fake_service, tmp_path):
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


def test_an_upload_url_that_outlives_the_run_is_told_as_untried(fake_service, tmp_path):
    """
    Ten attempts with an expired URL, none of which could be made: the run says so instead of passing them.
    """
    service = fake_service()
    played = play(
        scenario(duration_s=1, flows=[{"name": "forbidden", "attempts": ["expired_url"]}]),
        host=service.api_url,
        access=ServiceAccess(service.identities),
        out=tmp_path / "run",
    )

    assert played.header.notes["generator"]["untried"] == 10
    assert not played.requests.name.str.startswith("forbidden").any()
    assert any("10 attempts with an expired upload URL" in said for said in played.header.notes["remarks"])


def test_latency_counts_from_the_intended_start(fake_service, tmp_path):
    """
    A server that answers nobody for 0.4 s in every 2 s: p95 is 300 ms, p99 380 ms (uniform in the stall).

    With room for four at a time, a client that looks at its own start would see next to nothing.
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
    assert response_times.quantile(0.95) > 0.25
    assert response_times.quantile(0.99) > 0.33
    assert latencies.quantile(0.95) < 0.25


def test_users_that_wait_for_each_answer_ask_for_no_more_than_they_get(fake_service, tmp_path):
    """
    Closed: two users take one batch after another, each when the last one is READY, until the time is up.
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
    # The third one began when a user was free, and counts from then.
    assert ready.intended_at.iloc[2] >= ready.finished_at.min()


class TestInterruption:
    def test_an_interrupt_in_mid_run_leaves_complete_tables(self, fake_service, tmp_path):
        """
        The run is returned, says that it was interrupted, and keeps what was under way as lower bounds.
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

    def test_a_killed_worker_is_noticed_and_its_share_is_given_to_nobody(self, fake_service, tmp_path):
        """
        The other worker plays its own arrivals to the end, and the run says that one was lost.
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
    """As a terminal does on Ctrl-C."""
    wait_until_recorded(folder)
    os.kill(os.getpid(), signal.SIGINT)


def kill_a_worker_when_playing(folder: Path) -> None:
    wait_until_recorded(folder)
    master = next(
        each
        for each in psutil.Process().children()
        if "locust" in " ".join(each.cmdline()) and str(folder) in " ".join(each.cmdline())
    )
    master.children()[0].kill()
