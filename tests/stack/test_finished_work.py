"""
Finished work survives a backend that is away, and an execution that died is noticed at once.
"""

import csv
import json
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.stack.local_stack import LocalStack, StackOptions
from tests.stack.conftest import Uploader

AWAY_S = 90
RECONCILED = "service.media.reconcile_jobs.repaired"


def running_execution(uploader, listing, batch):
    """Return job and execution of a batch, as soon as it has one."""
    deadline = time.monotonic() + 20
    while True:
        processing = uploader.ask(listing, "/uploads/status", batchId=batch).json()["processing"]
        if processing["executionArn"] or time.monotonic() > deadline:
            return processing["jobId"], processing["executionArn"]
        time.sleep(0.02)


def reconciled_jobs(state):
    """Return the jobs that the reconciler has ended, by the worker's log."""
    lines = Path(state.logs, "worker.log").read_text().splitlines()
    logged = [json.loads(line) for line in lines if RECONCILED in line]
    return {entry["job_id"] for entry in logged}


@contextmanager
def replaced_definition(states, definition):
    """Let the state machine of the pipeline have another definition for a while."""
    machines = states.list_state_machines()["stateMachines"]
    (arn,) = [one["stateMachineArn"] for one in machines if one["name"] == "listing-media-processing-sm"]
    own = states.describe_state_machine(stateMachineArn=arn)["definition"]
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
    try:
        yield
    finally:
        states.update_state_machine(stateMachineArn=arn, definition=own)


def running_callbacks(state, job, count):
    """Return the log entries of *count* RUNNING callbacks that the API got for a job; events may be late."""
    path = Path(state.logs, "api.log")
    deadline = time.monotonic() + 20
    while True:
        lines = [line for line in path.read_text().splitlines() if "handle_processing_callback." in line]
        entries = [json.loads(line) for line in lines]
        found = [one for one in entries if (one["job_id"], one["callback_status"]) == (job, "RUNNING")]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


@pytest.mark.stack
class TestEvents:
    def test_an_aborted_execution_ends_its_batch_without_the_reconciler(
        self, uploader, modelled_stack, states
    ):
        """
        EventBridge invokes the callback function, and the batch is FAILED with the status as its code.
        """
        listing, batch = uploader.upload(photos=1, videos=4)
        job, arn = running_execution(uploader, listing, batch)

        states.stop_execution(executionArn=arn)
        found = uploader.status(listing, batch)

        assert (found["status"], found["error"]["code"]) == ("FAILED", "ABORTED")
        assert job not in reconciled_jobs(modelled_stack)

    def test_an_execution_beyond_256_kib_ends_its_batch_without_the_reconciler(
        self, uploader, modelled_stack, states
    ):
        """
        No catcher handles ``States.DataLimitExceeded``, so the execution itself cannot report it.
        """
        too_large = {"Type": "Pass", "Result": "x" * 256 * 1024, "ResultPath": "$.text", "End": True}
        with replaced_definition(states, {"StartAt": "Grow", "States": {"Grow": too_large}}):
            listing, batch = uploader.upload(photos=1, videos=0)
            found = uploader.status(listing, batch)

        assert (found["status"], found["error"]["code"]) == ("FAILED", "PROCESSING_FAILED")
        assert found["error"]["detail"].startswith("States.DataLimitExceeded: ")
        assert found["processing"]["jobId"] not in reconciled_jobs(modelled_stack)

    def test_progress_of_transcoding_reaches_the_service(self, uploader, modelled_stack):
        """
        Start and end of a transcoding job are RUNNING callbacks, and the batch ends as it would without.
        """
        listing, batch = uploader.upload(photos=0, videos=1)
        found = uploader.status(listing, batch)

        assert found["status"] == "READY"
        assert len(running_callbacks(modelled_stack, found["processing"]["jobId"], 2)) == 2


def uploader_of(stack):
    with Path(stack.state.identities).open(newline="") as file:
        return Uploader(stack.state, list(csv.DictReader(file)))


def wait_for_failed_callbacks(stack, count):
    """Return when the callback function has failed so often: the work is done and cannot be reported."""
    path = Path(stack.state.logs, "aws.log")
    deadline = time.monotonic() + 30
    while path.read_text().count("callback_dispatch.retryable") < count and time.monotonic() < deadline:
        time.sleep(0.1)


def real_media(kind, seed):
    """Return a small photo or video that decodes."""
    made = photograph(seed, 800, 600) if kind.startswith("PHOTO") else video(seed, 640, 360)
    return made.content


@pytest.mark.stack
class TestBackendAway:
    def test_work_that_ends_while_the_api_is_away_is_ready_when_it_is_back(self, tmp_path):
        """
        The callback is tried until the API answers; nothing is reported as failed.
        """
        options = StackOptions(
            mode="modelled", time_scale=30.0, listings=4, developments=0, state_file=tmp_path / "stack.json"
        )
        with LocalStack(options) as stack:
            uploader = uploader_of(stack)
            accepted = [uploader.upload(photos=1, videos=0) for _ in range(3)]
            stack.kill("api")
            wait_for_failed_callbacks(stack, count=12)
            stack.restart("api")
            ends = [uploader.status(*one) for one in accepted]

        assert [end["status"] for end in ends] == ["READY"] * 3

    @pytest.mark.nightly
    @pytest.mark.timeout(600)
    def test_real_media_survive_an_api_that_is_away(self, tmp_path):
        """
        Real handlers, in real time: every batch is READY. The test waits as long as a short deployment.
        """
        options = StackOptions(mode="real", listings=8, developments=0, state_file=tmp_path / "stack.json")
        with LocalStack(options) as stack:
            uploader = uploader_of(stack)
            accepted = [uploader.upload(photos=2, videos=1, content=real_media) for _ in range(4)]
            stack.kill("api")
            time.sleep(AWAY_S)
            stack.restart("api")
            ends = [uploader.status(*one) for one in accepted]

        assert [end["status"] for end in ends] == ["READY"] * 4
