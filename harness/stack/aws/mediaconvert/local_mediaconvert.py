"""
The local MediaConvert: queues with slots, job templates, and jobs that a transcoder works on.

A job is SUBMITTED until its queue has a free slot, PROGRESSING while the transcoder works, then
COMPLETE, ERROR or CANCELED; each change but the first sends an EventBridge event. The `Transcoder` is
ffmpeg or a model that sleeps. moto has no such service; it parses requests and writes answers with
botocore's description of the real one.
"""

import copy
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")

Settings = dict[str, Any]
OutputGroupDetails = list[dict[str, Any]]
Transcoder = Callable[[Mapping[str, Any], threading.Event], OutputGroupDetails]
"""Works on a job (settings merged with its template's) until it ends or the event is set."""
Announce = Callable[[dict[str, Any], str], None]
"""Sends the event of a job's new status."""

ON_DEMAND_SLOTS = 100
"""Concurrent jobs of an on-demand queue by default, as in us-east-1."""
WAITING_JOBS_MAX = 20_000
"""Jobs that may wait in one queue; further jobs are refused."""
ENDED_JOBS_MAX = 300
"""Jobs that are remembered after their end."""
TRANSCODING_FAILED = 1040


class TranscodingFailed(RuntimeError):
    """The transcoder cannot do the job; the message says why."""


class Refused(Exception):
    """A request that MediaConvert refuses, with the code and HTTP status of the error."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(slots=True)
class TranscodeJob:
    """One transcoding job."""

    details: dict[str, Any]
    ended: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def status(self) -> str:
        return str(self.details["Status"])


@dataclass(slots=True)
class TranscodeQueue:
    """A queue: the number of jobs in progress, and the jobs that wait."""

    details: dict[str, Any]
    slots: int
    progressing: int = 0
    waiting: deque[TranscodeJob] = field(default_factory=deque)


class LocalMediaConvert:
    """
    The service of one account and region.

    Args:
        announce: Called at every change of status but the first.
        slots: Maximum number of concurrent jobs of a queue, also for a queue that requests more.
    """

    def __init__(
        self,
        region: str,
        account: str,
        transcoder: Transcoder,
        announce: Announce,
        *,
        slots: int = ON_DEMAND_SLOTS,
    ) -> None:
        self._arn = f"arn:aws:mediaconvert:{region}:{account}"
        self._transcoder = transcoder
        self._announce = announce
        self._slots = slots
        self._queues: dict[str, TranscodeQueue] = {}
        self._templates: dict[str, dict[str, Any]] = {}
        self._jobs: dict[str, TranscodeJob] = {}
        self._tokens: dict[str, str] = {}
        self._ended: deque[TranscodeJob] = deque()
        self._changing = threading.Lock()
        self.create_queue({"Name": "Default"})

    def create_queue(self, request: dict[str, Any]) -> dict[str, Any]:
        """Create a queue; ``ConcurrentJobs`` or its reserved slots are its concurrent jobs."""
        name = request["Name"]
        if name in self._queues:
            raise Refused("ConflictException", 409, f"There is already a queue named {name}.")
        reserved = request.get("ReservationPlanSettings", {}).get("ReservedSlots")
        details = {
            "Arn": f"{self._arn}:queues/{name}",
            "Name": name,
            "Description": request.get("Description", ""),
            "PricingPlan": request.get("PricingPlan", "ON_DEMAND"),
            "Status": request.get("Status", "ACTIVE"),
            "Type": "SYSTEM" if name == "Default" else "CUSTOM",
            "CreatedAt": _now(),
            "LastUpdated": _now(),
        }
        wanted = int(request.get("ConcurrentJobs") or reserved or self._slots)
        self._queues[name] = TranscodeQueue(details, min(wanted, self._slots))
        return self.get_queue(name)

    def get_queue(self, name: str) -> dict[str, Any]:
        """Return a queue with its numbers of jobs."""
        queue = self._queue(name)
        return queue.details | {
            "ConcurrentJobs": queue.slots,
            "ProgressingJobsCount": queue.progressing,
            "SubmittedJobsCount": len(queue.waiting),
        }

    def list_queues(self) -> list[dict[str, Any]]:
        return [self.get_queue(name) for name in self._queues]

    def create_job_template(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["Name"]
        if name in self._templates:
            raise Refused("ConflictException", 409, f"There is already a job template named {name}.")
        template = {
            "Arn": f"{self._arn}:jobTemplates/{name}",
            "Type": "CUSTOM",
            "CreatedAt": _now(),
            "LastUpdated": _now(),
        }
        self._templates[name] = template | {key: value for key, value in request.items() if key != "Tags"}
        return self._templates[name]

    def get_job_template(self, name: str) -> dict[str, Any]:
        return _find("job template", self._templates, name)

    def list_job_templates(self) -> list[dict[str, Any]]:
        return list(self._templates.values())

    def create_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """
        Submit a job; a ``ClientRequestToken`` used before returns its job.

        Raises:
            Refused: No role, unknown queue or template, or `WAITING_JOBS_MAX` jobs wait already.
        """
        token = request.get("ClientRequestToken")
        with self._changing:
            if token and token in self._tokens:
                return self._jobs[self._tokens[token]].details
        if "Role" not in request or "Settings" not in request:
            raise Refused("BadRequestException", 400, "A job needs Role and Settings.")
        template = self.get_job_template(request["JobTemplate"]) if request.get("JobTemplate") else {}
        queue = self._queue(request.get("Queue") or template.get("Queue") or "Default")
        job = TranscodeJob(self._new_details(request, template, queue))
        with self._changing:
            if len(queue.waiting) >= WAITING_JOBS_MAX:
                raise Refused("TooManyRequestsException", 429, "Too many jobs wait in this queue.")
            self._jobs[job.details["Id"]] = job
            if token:
                self._tokens[token] = job.details["Id"]
            queue.waiting.append(job)
        self._start_waiting(queue)
        return copy.copy(job.details)

    def get_job(self, job_id: str) -> dict[str, Any]:
        return copy.copy(self.job(job_id).details)

    def job(self, job_id: str) -> TranscodeJob:
        """Return a job, for callers that wait for its end."""
        return _find("job", self._jobs, job_id)

    def list_jobs(self, status: str | None = None, queue: str | None = None) -> list[dict[str, Any]]:
        """Return the jobs in a status and queue, newest first."""
        return [
            job.details
            for job in reversed(self._jobs.values())
            if status in (None, job.status)
            and (queue is None or _name_in(job.details["Queue"]) == _name_in(queue))
        ]

    def cancel_job(self, job_id: str) -> None:
        """Cancel a job; raise `Refused` if it is unknown or has ended."""
        job = self.job(job_id)
        queue = self._queue(job.details["Queue"])
        with self._changing:
            waiting = job in queue.waiting
            if waiting:
                queue.waiting.remove(job)
            elif job.ended.is_set():
                raise Refused("ConflictException", 409, f"Job {job_id} is {job.status}.")
        job.cancelled.set()
        if waiting:
            self._end(job, "CANCELED")

    def _new_details(
        self, request: dict[str, Any], template: dict[str, Any], queue: TranscodeQueue
    ) -> dict[str, Any]:
        job_id = f"{int(1000 * time.time())}-{uuid.uuid4().hex[:6]}"
        details = {
            "Arn": f"{self._arn}:jobs/{job_id}",
            "Id": job_id,
            "CreatedAt": _now(),
            "Status": "SUBMITTED",
            "Queue": queue.details["Arn"],
            "Role": request["Role"],
            "Priority": request.get("Priority", template.get("Priority", 0)),
            "Settings": merge(template.get("Settings", {}), request["Settings"]),
            "UserMetadata": request.get("UserMetadata", {}),
            "Timing": {"SubmitTime": _now()},
        }
        for name in ("JobTemplate", "ClientRequestToken"):
            if request.get(name):
                details[name] = request[name]
        return details

    def _queue(self, name: str) -> TranscodeQueue:
        return _find("queue", self._queues, name)

    def _start_waiting(self, queue: TranscodeQueue) -> None:
        while True:
            with self._changing:
                if not queue.waiting or queue.progressing >= queue.slots:
                    return
                job = queue.waiting.popleft()
                queue.progressing += 1
                job.details["Status"] = "PROGRESSING"
                job.details["Timing"]["StartTime"] = _now()
            threading.Thread(target=self._work, args=(queue, job), daemon=True).start()

    def _work(self, queue: TranscodeQueue, job: TranscodeJob) -> None:
        self._announce(job.details, "PROGRESSING")
        try:
            job.details["OutputGroupDetails"] = self._transcoder(job.details, job.cancelled)
            status = "CANCELED" if job.cancelled.is_set() else "COMPLETE"
        except TranscodingFailed as failed:
            job.details |= {"ErrorCode": TRANSCODING_FAILED, "ErrorMessage": str(failed)}
            status = "ERROR"
        except Exception as defect:
            LOG.exception("transcoding job %s", job.details["Id"])
            message = f"Internal error: {type(defect).__name__}: {defect}"
            job.details |= {"ErrorCode": 1999, "ErrorMessage": message}
            status = "ERROR"
        with self._changing:
            queue.progressing -= 1
        self._end(job, status)
        self._start_waiting(queue)

    def _end(self, job: TranscodeJob, status: str) -> None:
        job.details["Status"] = status
        job.details["Timing"]["FinishTime"] = _now()
        job.ended.set()
        self._announce(job.details, status)
        with self._changing:
            self._forget_old(job)

    def _forget_old(self, ended: TranscodeJob) -> None:
        """Forget the job that ended longest ago, if more than `ENDED_JOBS_MAX` have ended."""
        self._ended.append(ended)
        if len(self._ended) > ENDED_JOBS_MAX:
            oldest = self._ended.popleft().details
            del self._jobs[oldest["Id"]]
            self._tokens.pop(oldest.get("ClientRequestToken", ""), None)


def merge(template: Settings, settings: Settings) -> Settings:
    """Return a template's settings updated by a job's: objects are merged, lists and values replaced."""
    merged = copy.deepcopy(template)
    for key, value in settings.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _name_in(name_or_arn: str) -> str:
    """Return the name in a name or an ARN."""
    return name_or_arn.rsplit("/", 1)[-1]


def _find(what: str, known: Mapping[str, _T], name: str) -> _T:
    """Return a queue, template or job by its name, id or ARN."""
    try:
        return known[_name_in(name)]
    except KeyError:
        raise Refused("NotFoundException", 404, f"There is no {what} {name}.") from None


def _now() -> datetime:
    return datetime.now(tz=UTC)
