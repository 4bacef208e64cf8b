"""
The local MediaConvert: slots, templates, request tokens, ends of jobs.
"""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from harness.stack.aws.mediaconvert.local_mediaconvert import (
    LocalMediaConvert,
    Refused,
    TranscodingFailed,
    merge,
)

QUEUE = "arn:aws:mediaconvert:us-east-1:123456789012:queues/toq-media-queue"
DETAILS = [{"OutputDetails": [{"DurationInMs": 2000}]}]


class ControlledTranscoder:
    """A transcoder that works on each job until the test lets it finish."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.finish = threading.Event()
        self.failure: Exception | None = None

    def __call__(self, job: Mapping[str, Any], cancelled: threading.Event) -> list[dict[str, Any]]:
        self.begun.release()
        while not self.finish.wait(0.01) and not cancelled.is_set():
            pass
        if self.failure:
            raise self.failure
        return DETAILS


@pytest.fixture
def transcoder() -> ControlledTranscoder:
    return ControlledTranscoder()


@pytest.fixture
def announced() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def service(transcoder: ControlledTranscoder, announced: list[tuple[str, str]]) -> LocalMediaConvert:
    def announce(job: dict[str, Any], status: str) -> None:
        announced.append((job["Id"], status))

    service = LocalMediaConvert("us-east-1", "123456789012", transcoder, announce)
    service.create_queue({"Name": "toq-media-queue", "ConcurrentJobs": 2})
    return service


def submit(service: LocalMediaConvert, **more: Any) -> str:
    job = service.create_job({"Role": "arn:role", "Queue": QUEUE, "Settings": {}} | more)
    return str(job["Id"])


class TestJobs:
    def test_a_queue_runs_as_many_jobs_as_it_has_slots(self, service, transcoder):
        """
        Of three jobs in a queue of two, one waits.
        """
        ids = [submit(service) for _ in range(3)]
        for _ in range(2):
            transcoder.begun.acquire(timeout=10)

        assert [service.get_job(one)["Status"] for one in ids] == ["PROGRESSING", "PROGRESSING", "SUBMITTED"]
        assert service.get_queue("toq-media-queue")["SubmittedJobsCount"] == 1
        transcoder.finish.set()
        assert all(service.job(one).ended.wait(10) for one in ids)
        assert service.get_queue("toq-media-queue")["ProgressingJobsCount"] == 0

    def test_a_queue_gets_at_most_the_slots_of_the_service(self, transcoder):
        """
        With a real transcoder a queue has as many slots as processors, also if the template has more.
        """
        small = LocalMediaConvert("us-east-1", "123456789012", transcoder, lambda *_: None, slots=2)

        small.create_queue({"Name": "toq-media-queue", "ConcurrentJobs": 20})

        assert small.get_queue("toq-media-queue")["ConcurrentJobs"] == 2

    def test_the_end_of_a_job_is_announced(self, service, transcoder, announced):
        """
        A job sends an event when it is in progress, and has its output details when it ends.
        """
        transcoder.finish.set()
        job_id = submit(service)
        service.job(job_id).ended.wait(10)

        assert service.get_job(job_id)["OutputGroupDetails"] == DETAILS
        assert (job_id, "PROGRESSING") in announced

    def test_a_transcoder_that_fails_ends_the_job_with_an_error(self, service, transcoder):
        """
        The job is in ERROR with the message of the transcoder.
        """
        transcoder.failure = TranscodingFailed("Unable to open input")
        transcoder.finish.set()
        job_id = submit(service)
        service.job(job_id).ended.wait(10)

        job = service.get_job(job_id)
        assert (job["Status"], job["ErrorCode"], job["ErrorMessage"]) == (
            "ERROR",
            1040,
            "Unable to open input",
        )

    def test_a_waiting_job_can_be_cancelled(self, service, transcoder):
        """
        The transcoder does not get it.
        """
        ids = [submit(service) for _ in range(3)]
        service.cancel_job(ids[2])
        transcoder.finish.set()

        assert service.get_job(ids[2])["Status"] == "CANCELED"

    def test_a_running_job_can_be_cancelled(self, service, transcoder):
        """
        The transcoder's event is set.
        """
        job_id = submit(service)
        transcoder.begun.acquire(timeout=10)
        service.cancel_job(job_id)

        assert service.job(job_id).ended.wait(10)
        assert service.get_job(job_id)["Status"] == "CANCELED"

    def test_the_same_token_gives_the_same_job(self, service, transcoder):
        """
        A repeated request does not create a second job.
        """
        transcoder.finish.set()

        assert submit(service, ClientRequestToken="t") == submit(service, ClientRequestToken="t")

    @pytest.mark.parametrize(
        ("request_", "code", "status"),
        [
            ({"Role": "r", "Settings": {}, "Queue": "nowhere"}, "NotFoundException", 404),
            ({"Role": "r", "Settings": {}, "JobTemplate": "none"}, "NotFoundException", 404),
            ({"Settings": {}}, "BadRequestException", 400),
        ],
    )
    def test_invalid_requests_are_refused(self, service, request_, code, status):
        """
        The refusal has AWS's error code and status.
        """
        with pytest.raises(Refused) as refused:
            service.create_job(request_)

        assert (refused.value.code, refused.value.status) == (code, status)

    def test_only_the_last_ended_jobs_are_remembered(self, service, transcoder, monkeypatch):
        """
        A queue that works for days does not keep the settings of every job.
        """
        monkeypatch.setattr("harness.stack.aws.mediaconvert.local_mediaconvert.ENDED_JOBS_MAX", 2)
        transcoder.finish.set()
        jobs = []
        for number in range(4):
            jobs.append(submit(service, ClientRequestToken=f"token-{number}"))
            assert service.job(jobs[-1]).ended.wait(10)
            while len(service.list_jobs()) > 2:
                pass

        assert [one["Id"] for one in service.list_jobs()] == jobs[:1:-1]
        assert submit(service, ClientRequestToken="token-3") == jobs[3]
        assert submit(service, ClientRequestToken="token-0") not in jobs

    def test_a_full_backlog_is_refused(self, service, monkeypatch):
        """
        With too many waiting jobs the answer is 429 TooManyRequestsException.
        """
        monkeypatch.setattr("harness.stack.aws.mediaconvert.local_mediaconvert.WAITING_JOBS_MAX", 1)
        for _ in range(3):
            submit(service)

        with pytest.raises(Refused, match="Too many jobs") as refused:
            submit(service)

        assert (refused.value.code, refused.value.status) == ("TooManyRequestsException", 429)


class TestMerge:
    def test_settings_of_a_job_complete_those_of_its_template(self):
        """
        Objects are merged; lists and values of the job replace the template's.
        """
        template = {"TimecodeConfig": {"Source": "ZEROBASED"}, "OutputGroups": [1, 2]}
        settings = {"TimecodeConfig": {"Start": "00"}, "OutputGroups": [3], "Inputs": []}

        assert merge(template, settings) == {
            "TimecodeConfig": {"Source": "ZEROBASED", "Start": "00"},
            "OutputGroups": [3],
            "Inputs": [],
        }
