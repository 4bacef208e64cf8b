"""
The verb ``harness watch`` over a finished run, an active run, and without a run.
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
    """Return a function that runs the verb without a stack and returns exit code, stdout and stderr."""
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "state" / "stack.json"))

    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            main(["watch", *map(str, words)])
        said = capsys.readouterr()
        return left.value.code, said.out.splitlines(), said.err

    return call


def test_a_finished_run_is_printed_completely(watch, tmp_path):
    """
    Every change with its minute and reason, then the last states.
    """
    run = shutil.copytree(RUNS / "dead_letter", tmp_path / "run")

    code, lines, _ = watch(run)
    changes = [line for line in lines if "media-processing-dead-letters  " in line]

    assert code == 0
    assert [line[:19] for line in changes] == [
        "2026-01-05 09:01:00", "2026-01-05 09:07:00", "2026-01-05 09:08:00",
    ]  # fmt: skip
    assert (
        "OK -> ALARM  Threshold Crossed: 1 out of the last 1 datapoints [1.0 (05/01/26 09:06:00)]"
        in changes[1]
    )
    assert "OK                 media-processing-dead-letters" in lines


def test_an_active_run_is_evaluated_up_to_now(watch, tmp_path):
    """
    It is read from the flushed parts; an alarm in ALARM exits with 3.
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
    The message is one line, after the one that is printed at once, and says what to do.
    """
    left, lines, err = watch(*words)

    assert (left, lines) == (code, [])
    assert complaint in err
    assert len(err.splitlines()) == 2


def test_a_damaged_run_is_refused(watch, tmp_path):
    """
    The exit code is 2.
    """
    run = shutil.copytree(RUNS / "dead_letter", tmp_path / "run")
    header = json.loads((run / "run.json").read_text()) | {"format_version": 99}
    (run / "run.json").write_text(json.dumps(header))

    assert watch(run)[0] == 2


def test_an_active_run_is_named_if_no_stack_is_active(watch, tmp_path, monkeypatch):
    """
    The stack that `harness load` started is not visible here, but its run can be watched.
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
question = "Do CloudWatch and SNS report a broken function?"
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
    """A stack with a function that always fails; a model minute takes a second."""
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
    """A process of `harness watch` on that stack."""
    command = [sys.executable, "-m", "harness.cli.main", "watch", "--for", "100"]
    environment = os.environ | {"HARNESS_STATE": str(tmp_path / "stack.json")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.stack
@pytest.mark.slow
def test_a_broken_function_is_reported_by_describe_alarms_and_by_sns(broken_stack, watching):
    """
    The alarm fires after three failing model minutes, which are three clock seconds.
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

    queue = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=alarm()["AlarmActions"][0], Protocol="sqs", Endpoint=arn)
    with Path(broken_stack.identities).open(newline="") as file:
        uploader = Uploader(broken_stack, list(csv.DictReader(file)))
    deadline = time.monotonic() + 90
    # The alarm needs failures in each of three minutes: upload batches until it has fired.
    while alarm()["StateValue"] != "ALARM" and time.monotonic() < deadline:
        uploader.upload(photos=1, videos=0)
        time.sleep(0.5)
    fired = alarm()
    published = []
    while not published and time.monotonic() < deadline:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = [json.loads(json.loads(one["Body"])["Message"]) for one in received.get("Messages", ())]
        published = [
            one
            for one in messages
            # The topic also gets the events of executions that failed.
            if (one.get("AlarmName"), one.get("NewStateValue"))
            == ("media-processing-validate-errors", "ALARM")
        ]
    watching.send_signal(signal.SIGINT)
    output, _ = watching.communicate(timeout=30)

    assert fired["StateValue"] == "ALARM"
    assert fired["StateReason"].startswith("Threshold Crossed: 3 out of the last 3 datapoints")
    assert published[0]["NewStateReason"] == fired["StateReason"]
    assert "media-processing-validate-errors  OK -> ALARM" in output
    assert watching.returncode == 3
