"""
The stack as a whole: batches from end to end, the ``aws`` command line, and how the stack ends.
"""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pandas as pd
import psutil
import pytest

from harness.lab.results.writer import merge_parts
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.stack.database.database_server import PrivateDatabase
from harness.stack.local_stack import LocalStack, StackFailed, StackOptions
from harness.stack.processes.health import NotReady, require_free
from harness.stack.processes.state_file import StackState
from harness.stack.run_sampler import sampled
from tests.stack.conftest import Uploader

READY_BATCHES = Statement(
    "select", "listing_media_batches", "SELECT COUNT(*) FROM listing_media_batches WHERE status = 'READY'"
)
WORKING_FUNCTIONS = ["validate", "thumbnails", "zip"]
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:listing-media-processing-sm"


def ready_in(database_url: str) -> int:
    """Return how many batches are READY in the database."""
    pool = Pool(DatabaseAddress.parse(database_url), size=1)
    with closing(pool), pool.session() as session:
        return int(str(session.one(READY_BATCHES)[0]))


def recorded_when_counted(
    batches: int, state: StackState, folder: Path, began_at: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return metrics and steps since *began_at*, when the delayed metrics have counted that many batches."""
    deadline = time.monotonic() + 30
    attempt = 0
    while True:
        run = folder / f"attempt-{attempt}"
        with sampled(state, run, began_at):
            pass
        merge_parts(run)
        metrics, steps = (pd.read_parquet(run / f"{name}.parquet") for name in ("metrics", "steps"))
        if counted_ready(metrics) >= batches or time.monotonic() > deadline:
            return metrics, steps
        attempt += 1
        time.sleep(0.2)


def counted_ready(metrics: pd.DataFrame) -> float:
    """Return how many batches the service has counted as READY."""
    ready = (metrics.metric == "media_batches_created_total") & (metrics.labels == '{"status":"READY"}')
    return float(metrics[ready].value.sum())


class TestStackOptions:
    def test_real_work_cannot_be_accelerated(self):
        """
        A time scale with real handlers is refused.
        """
        with pytest.raises(StackFailed, match="modelled handlers"):
            StackOptions(mode="real", time_scale=10.0)


class TestPorts:
    def test_a_port_in_use_is_named_with_the_remedy(self):
        """
        The error has the port, its purpose and what to do.
        """
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]

            with pytest.raises(NotReady, match=f"Port {port} for api cannot be used .* 0 for a free one"):
                require_free(port, "api")


@pytest.mark.stack
class TestBatch:
    def test_a_batch_becomes_ready_and_can_be_downloaded(self, uploader):
        """
        Created, uploaded, completed, processed by the state machine, called back, and fetched.
        """
        listing, batch = uploader.upload(photos=2, videos=1)

        assert uploader.status(listing, batch)["status"] == "READY"
        answer = uploader.ask(listing, "/downloads/query", batchId=batch).json()
        kinds = {one["type"]: one for one in answer["downloads"]}
        assert set(kinds) == {"ZIP_FULL", "PHOTO_HORIZONTAL", "VIDEO_HORIZONTAL"}
        urls = [kinds["ZIP_FULL"]["url"], *(item["url"] for item in kinds["PHOTO_HORIZONTAL"]["items"])]
        assert [httpx.get(url).status_code for url in urls] == [200, 200, 200]

    def test_the_biggest_batch_fits_through_the_state_machine(self, uploader):
        """
        Sixty videos: what Step Functions carries from state to state stays under its 256 KiB.
        """
        listing, batch = uploader.upload(photos=0, videos=60)
        found = uploader.status(listing, batch)

        assert (found["status"], found["error"]) == ("READY", None)

    def test_many_batches_at_once_all_end_and_the_counters_agree(self, uploader, modelled_stack, tmp_path):
        """
        Thirty-two batches end READY, in the database and in the metrics.
        """
        before = ready_in(modelled_stack.database_url)
        began_at = time.time()
        with ThreadPoolExecutor(8) as clients:
            batches = list(clients.map(lambda _: uploader.upload(photos=3, videos=0), range(32)))
            ends = list(clients.map(lambda one: uploader.status(*one)["status"], batches))
        metrics, steps = recorded_when_counted(32, modelled_stack, tmp_path, began_at)

        assert ends == ["READY"] * 32
        assert ready_in(modelled_stack.database_url) - before == 32
        assert counted_ready(metrics) == 32
        ended = steps[steps.state == "FinalizeAndCallback"]
        assert len(ended) == 32
        assert set(ended.outcome) == {"SUCCEEDED"}
        started = metrics[metrics.metric == "AWS/States/ExecutionsStarted"].value.sum()
        assert started == metrics[metrics.metric == "AWS/States/ExecutionsSucceeded"].value.sum() == 32

    @pytest.mark.parametrize("function", WORKING_FUNCTIONS)
    def test_a_failing_function_fails_the_batch_and_never_leaves_it_stuck(self, uploader, client, function):
        """
        With any one of the three functions gone that work on media, the batch ends FAILED with a code.
        """
        found = self.end_without(function, uploader, client)

        assert found["status"] == "FAILED"
        assert found["error"]

    def test_without_the_callback_function_finished_work_is_ready(self, uploader, client):
        """
        The reconciler reads the result from the output of the execution.
        """
        assert self.end_without("callback-dispatch", uploader, client)["status"] == "READY"

    def end_without(self, function, uploader, client):
        """Return the status of a batch that ended while a function was deleted."""
        functions = client("lambda")
        name = f"listing-media-{function}"
        configuration = functions.get_function_configuration(FunctionName=name)
        functions.delete_function(FunctionName=name)
        try:
            listing, batch = uploader.upload(photos=1, videos=0)
            return uploader.status(listing, batch)
        finally:
            functions.create_function(
                FunctionName=name,
                Runtime=configuration["Runtime"],
                Handler=configuration["Handler"],
                Role=configuration["Role"],
                Timeout=configuration["Timeout"],
                Environment=configuration["Environment"],
                Code={"ZipFile": b"none"},
            )


@pytest.mark.stack
class TestCommandLine:
    """The ordinary ``aws`` program, with nothing but the exported variables."""

    @pytest.fixture
    def aws(self, modelled_stack):
        program = Path(sys.executable).with_name("aws")

        def run(*words: str) -> str:
            environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **modelled_stack.exports}
            done = subprocess.run(
                [program, *words], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        return run

    def test_s3(self, aws):
        """
        ``aws s3 ls`` shows the bucket.
        """
        assert "toq-listing-medias" in aws("s3", "ls")

    def test_sqs(self, aws, modelled_stack, client):
        """
        ``aws sqs get-queue-attributes`` shows the redrive policy; version 1 must be given the endpoint.
        """
        url = client("sqs").get_queue_url(QueueName="listing-media-processing")["QueueUrl"]
        shown = aws(
            "sqs", "get-queue-attributes", "--endpoint-url", modelled_stack.aws_url,
            "--queue-url", url, "--attribute-names", "All",
        )  # fmt: skip

        assert '\\"maxReceiveCount\\": 5' in shown

    def test_step_functions(self, aws, uploader):
        """
        ``aws stepfunctions get-execution-history`` pages through a whole history.
        """
        uploader.status(*uploader.upload(photos=1, videos=0))
        executions = json.loads(aws("stepfunctions", "list-executions", "--state-machine-arn", MACHINE))
        arn = executions["executions"][0]["executionArn"]
        history = json.loads(
            aws("stepfunctions", "get-execution-history", "--execution-arn", arn, "--page-size", "5")
        )

        kinds = [event["type"] for event in history["events"]]
        assert kinds[0] == "ExecutionStarted"
        assert kinds[-1] == "ExecutionSucceeded"
        assert [event["id"] for event in history["events"]] == list(range(1, len(kinds) + 1))

    def test_cloudwatch(self, aws, uploader):
        """
        ``aws cloudwatch get-metric-statistics`` knows percentiles.
        """
        uploader.status(*uploader.upload(photos=1, videos=0))
        shown = aws(
            "cloudwatch", "get-metric-statistics", "--namespace", "AWS/Lambda", "--metric-name", "Duration",
            "--dimensions", "Name=FunctionName,Value=listing-media-validate", "--period", "86400",
            "--start-time", "2020-01-01T00:00:00Z", "--end-time", "2100-01-01T00:00:00Z",
            "--extended-statistics", "p95",
        )  # fmt: skip

        assert json.loads(shown)["Datapoints"][0]["ExtendedStatistics"]["p95"] > 0


class TestWatch:
    def test_a_database_that_is_restarted_is_not_reported_as_ended(self, tmp_path):
        """
        The stack is watched meanwhile, and a running server is killed first.
        """
        stack = LocalStack(StackOptions(state_file=tmp_path / "stack.json"))
        reports = []

        class Restarting(PrivateDatabase):
            def __init__(self) -> None:
                pass  # no server is needed

            def restart(self) -> None:
                reports.append(stack._database_report())

            def exit_report(self) -> str:
                return "The database process ended."

        stack._database = Restarting()

        stack.restart("database")

        assert reports == [None]
        assert stack._database_report() == "The database process ended."


@pytest.mark.stack
class TestRestart:
    """A stack of its own, because its parts are killed."""

    def test_a_restarted_part_finishes_accepted_batches(self, tmp_path):
        """
        A batch that was accepted before its kill ends READY. The nightly tests kill the other parts too.
        """
        options = StackOptions(
            mode="modelled", time_scale=30.0, listings=8, developments=0, state_file=tmp_path / "stack.json"
        )
        ends = {}
        with LocalStack(options) as stack:
            with Path(stack.state.identities).open(newline="") as file:
                uploader = Uploader(stack.state, list(csv.DictReader(file)))
            for part in ("database", "aws"):
                accepted = uploader.upload(photos=1, videos=0)
                stack.kill(part)
                stack.restart(part)
                ends[part] = uploader.status(*accepted)["status"]

        assert ends == {"database": "READY", "aws": "READY"}


@pytest.mark.stack
class TestEnd:
    """Private stacks, ended in different ways."""

    @pytest.fixture
    def up(self, tmp_path) -> Iterator[tuple[subprocess.Popen[str], StackState]]:
        environment = os.environ | {"HARNESS_STATE": str(tmp_path / "stack.json")}
        command = [sys.executable, "-m", "harness.cli.main", "up", "--json", "--listings", "1"]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line, process.stderr.read() if process.stderr else ""
                state = StackState.read(tmp_path / "stack.json")
                assert state is not None
                yield process, state
            finally:
                process.kill()

    def alive(self, processes: list[psutil.Process]) -> list[psutil.Process]:
        return psutil.wait_procs(processes, timeout=20)[1]

    def test_after_sigkill_nothing_is_left(self, up, tmp_path):
        """
        No process of the stack lives, no port is open, and the state file is ignored.
        """
        process, state = up
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) > 10

        process.kill()

        assert self.alive(family) == []
        assert StackState.read(tmp_path / "stack.json") is None
        with pytest.raises(httpx.ConnectError):
            httpx.get(state.api_url)

    def test_a_part_that_ends_ends_the_stack(self, up):
        """
        The database is one of the parts; the error names the process and its exit code.
        """
        process, _ = up
        family = psutil.Process(process.pid).children(recursive=True)
        database = next(one for one in family if any("--init-file=" in word for word in one.cmdline()))

        database.kill()
        _, error = process.communicate(timeout=60)

        assert process.returncode == 1
        assert "The database process ended by itself with exit code 137" in error
        assert self.alive(family) == []

    def test_sigterm_ends_the_stack(self, up):
        """
        SIGTERM ends everything and the exit code is 0.
        """
        process, _ = up
        family = psutil.Process(process.pid).children(recursive=True)

        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)

        assert process.returncode == 0
        assert self.alive(family) == []
