"""
``harness watch``, over a run that is over, one in the making, and without either.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from harness.cli.main import main
from harness.lab.results.rows import MetricRow
from harness.lab.results.run import RunHeader
from harness.lab.results.writer import RunWriter
from harness.stack.local_stack import LocalStack, StackOptions
from tests.stack.conftest import Uploader

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"
DLQ = '{"QueueName":"listing-media-processing-dlq"}'


@pytest.fixture
def watch(capsys, monkeypatch, tmp_path):
    """Return what a call leaves with and says; no stack is up."""
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "state" / "stack.json"))

    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            main(["watch", *map(str, words)])
        said = capsys.readouterr()
        return left.value.code, said.out.splitlines(), said.err

    return call


def test_a_run_that_is_over_is_told_from_beginning_to_end(watch, tmp_path):
    """
    Every change with its minute and reason, then the states at the end.
    """
    run = shutil.copytree(RUNS / "dead_letter", tmp_path / "run")

    code, lines, _ = watch(run)
    story = [line for line in lines if "media-processing-dead-letters  " in line]

    assert code == 0
    assert [line[:19] for line in story] == [
        "2026-01-05 09:01:00", "2026-01-05 09:07:00", "2026-01-05 09:08:00",
    ]  # fmt: skip
    assert (
        "OK -> ALARM  Threshold Crossed: 1 out of the last 1 datapoints [1.0 (05/01/26 09:06:00)]" in story[1]
    )
    assert "OK                 media-processing-dead-letters" in lines


def test_a_run_in_the_making_is_watched_as_far_as_it_went(watch, tmp_path):
    """
    From the parts its workers have flushed; an alarm that is on leaves with 3.
    """
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    header = RunHeader(
        id="now", engine="live", scenario_name="steady", scenario={}, scenario_hash="0" * 64, seed=7,
        started_at=minute - timedelta(minutes=3),
    )  # fmt: skip
    writer = RunWriter(tmp_path / "now", header)
    with writer.part(3) as part:
        for at in range(0, 240, 10):
            part.add(MetricRow(float(at), "AWS/SQS/ApproximateNumberOfMessagesVisible", DLQ, 2.0))
        part.flush()

        code, lines, _ = watch(writer.folder, "--once")

    assert code == 3
    assert "ALARM              media-processing-dead-letters" in lines
    assert any("INSUFFICIENT_DATA -> ALARM" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [((), 5, "harness up"), (("nowhere",), 2, "is not a run folder")],
)
def test_nothing_to_watch(watch, words, code, complaint):
    """
    One sentence, with the remedy.
    """
    left, lines, err = watch(*words)

    assert (left, lines) == (code, [])
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_a_damaged_run_is_refused(watch, tmp_path):
    """
    As by the judge.
    """
    run = shutil.copytree(RUNS / "dead_letter", tmp_path / "run")
    header = json.loads((run / "run.json").read_text()) | {"format_version": 99}
    (run / "run.json").write_text(json.dumps(header))

    assert watch(run)[0] == 2


def test_a_load_under_way_is_named_where_no_stack_is_up(watch, tmp_path, monkeypatch):
    """
    A stack that `harness load` started for itself is not for others; its run can be watched.
    """
    monkeypatch.chdir(tmp_path)
    header = RunHeader(
        id="now", engine="live", scenario_name="steady", scenario={}, scenario_hash="0" * 64, seed=7,
        started_at=datetime.now(UTC),
    )  # fmt: skip
    RunWriter(tmp_path / "runs" / "now", header).part().flush()

    code, _, err = watch()

    assert code == 5
    assert "'harness watch runs/now'" in err


BROKEN = """
question = "Who hears that a function is broken?"
seed = 7
duration_s = 600
time_scale = 60

[[arrivals]]
process = "paced"
stages = [{ hold_per_s = 1.0, for_s = 600 }]

[[flows]]
name = "photo_shoot"
photos = 1
videos = 0

[[faults]]
kind = "lambda_error"
function = "validate"
error = "Retryable"
rate = 1.0
"""


@pytest.fixture
def broken_stack(tmp_path):
    """A stack one of whose functions always fails, a model minute a second."""
    scenario = tmp_path / "broken.toml"
    scenario.write_text(BROKEN)
    options = StackOptions(
        mode="modelled", scenario=scenario, time_scale=60, listings=60, developments=0,
        state_file=tmp_path / "stack.json",
    )  # fmt: skip
    with LocalStack(options) as stack:
        yield stack.state


@pytest.fixture
def watching(broken_stack, tmp_path):
    """`harness watch` on that stack, as somebody types it."""
    command = [sys.executable, "-m", "harness.cli.main", "watch", "--for", "100"]
    environment = os.environ | {"HARNESS_STATE": str(tmp_path / "stack.json")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.stack
@pytest.mark.slow
def test_a_broken_function_is_seen_by_describe_alarms_and_told_by_sns(broken_stack, watching):
    """
    Three failing model minutes after the first upload, which are seconds of the clock.
    """
    session = boto3.Session(
        broken_stack.aws_access_key_id,
        broken_stack.aws_secret_access_key,
        region_name=broken_stack.region,
    )
    cloudwatch, sns, sqs = (
        session.client(name, endpoint_url=broken_stack.aws_url) for name in ("cloudwatch", "sns", "sqs")
    )

    def alarm() -> dict:
        return cloudwatch.describe_alarms(AlarmNames=["media-processing-validate-errors"])["MetricAlarms"][0]

    queue = sqs.create_queue(QueueName="ears")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=alarm()["AlarmActions"][0], Protocol="sqs", Endpoint=arn)
    with Path(broken_stack.identities).open(newline="") as file:
        uploader = Uploader(broken_stack, list(csv.DictReader(file)))
    deadline = time.monotonic() + 90
    # An alarm of three minutes wants failures in each: batches keep coming until it has fired.
    while alarm()["StateValue"] != "ALARM" and time.monotonic() < deadline:
        uploader.upload(photos=1, videos=0)
        time.sleep(0.5)
    fired = alarm()
    heard = []
    while not heard and time.monotonic() < deadline:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = [json.loads(json.loads(one["Body"])["Message"]) for one in received.get("Messages", ())]
        heard = [
            one
            for one in messages
            if (one["AlarmName"], one["NewStateValue"]) == ("media-processing-validate-errors", "ALARM")
        ]
    watching.send_signal(signal.SIGINT)
    told, _ = watching.communicate(timeout=30)

    assert fired["StateValue"] == "ALARM"
    assert fired["StateReason"].startswith("Threshold Crossed: 3 out of the last 3 datapoints")
    assert heard[0]["NewStateReason"] == fired["StateReason"]
    assert "media-processing-validate-errors  OK -> ALARM" in told
    assert watching.returncode == 3
