"""
Finished work survives a backend that is away, and an execution that died is noticed at once.
"""

import json
import time
from pathlib import Path

import pytest

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

    def test_progress_of_transcoding_shows_in_the_steps(self, uploader):
        """
        A transcoding job that has left its queue reports progress; its step has it until it ends.
        """
        listing, batch = uploader.upload(photos=0, videos=4)
        seen = set()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = uploader.ask(listing, "/uploads/status", batchId=batch).json()
            steps = (found["processing"] or {}).get("steps", [])
            seen |= {one["progress"] for one in steps if one["name"] == "TranscodeVideo"}
            if found["status"] == "READY":
                break

        assert found["status"] == "READY"
        assert 0.0 in seen
