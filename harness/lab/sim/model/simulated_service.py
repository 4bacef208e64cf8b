"""The simulated service: batches, jobs, and the metrics that it publishes. Times are nanoseconds."""

import re
from collections import OrderedDict
from collections.abc import Callable

from simpy.events import ProcessGenerator

from harness.lab.results.metric_names import labels_text
from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.jobs import MediaBatch, MediaJob
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.platform.host_work import HostWork
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.sim.platform.sqs_queue import Message, SqsQueue
from harness.lab.workload.upload_batch import UploadBatch
from harness.states_language.host import NS, nanoseconds

NO_LABELS = labels_text({})
_STATUS = {
    status: labels_text({"status": status})
    for status in ("PENDING_UPLOAD", "RECEIVED", "PROCESSING", "READY", "FAILED")
}
_OUTCOME = {outcome: labels_text({"outcome": outcome}) for outcome in ("READY", "FAILED")}
_CODE = re.compile(r"([A-Z][A-Z0-9_]{2,49})(:|$)")


class Level:
    """
    A number that rises and falls.

    A sample is the highest value since the previous one: momentary values would miss short peaks.
    """

    __slots__ = ("_peak", "value")

    def __init__(self) -> None:
        self.value = self._peak = 0

    def set(self, value: int) -> None:
        self.value = value
        self._peak = max(self._peak, value)

    def sample(self) -> float:
        """Return the highest value since the last call."""
        peak, self._peak = self._peak, self.value
        return float(peak)


class SimulatedService:
    """
    The reference service with its worker.

    Args:
        start: Starts the execution of a job; returns False if the request was throttled.
    """

    def __init__(
        self,
        env: OrderedEnvironment,
        platform: Platform,
        recorder: RowRecorder,
        source: RandomSource,
        *,
        visibility_timeout: float,
        max_receive_count: int,
        start: Callable[[MediaJob], bool],
        host: HostWork,
    ) -> None:
        self._env = env
        self._settings = platform.dispatcher
        self._recorder = recorder
        self._start = start
        self._open: OrderedDict[int, MediaJob] = OrderedDict()
        self._uploading: OrderedDict[str, MediaBatch] = OrderedDict()
        self._jobs = 0
        self.inflight = Level()
        self.dead_letters = 0
        self.queue = SqsQueue(
            env,
            platform.sqs,
            platform.dispatcher,
            source,
            visibility_timeout=visibility_timeout,
            max_receive_count=max_receive_count,
            handle=self._dispatch,
            dead_letter=self._dead_letter,
            host=host,
        )
        env.process(self._reconciler())

    def create(self, planned: UploadBatch, batch_id: str, listing_id: int) -> MediaBatch:
        batch = MediaBatch(planned, batch_id, listing_id, self._env.now)
        self._uploading[batch.id] = batch
        self._enter(batch, "PENDING_UPLOAD")
        return batch

    def complete(self, batch: MediaBatch) -> MediaJob | None:
        """Start the job of a batch whose files are uploaded; None if the batch was abandoned before."""
        if batch.status != "PENDING_UPLOAD":
            return None
        del self._uploading[batch.id]
        self._enter(batch, "RECEIVED")
        return self._create_job(batch)

    def retry(self, batch: MediaBatch) -> MediaJob | None:
        """Start another job of a batch; None unless the batch has ended."""
        if not batch.has_ended or batch.received_at is None:
            return None
        batch.started_at = batch.finished_at = batch.error_code = None
        self._metric("media_reprocess_requests_total", NO_LABELS, 1.0)
        self._enter(batch, "PROCESSING")
        return self._create_job(batch)

    def callback(self, job: MediaJob, status: str, cause: str) -> None:
        """Accept the pipeline's report on a job; a repeated report has no effect."""
        if status == "RUNNING":
            return  # The dispatcher has marked job and batch when it started the execution.
        if status == "SUCCEEDED":
            self._settle(job, None)
        elif found := _CODE.match(cause.strip()):
            self._settle(job, found[1])
        else:
            self._settle(job, "PROCESSING_FAILED" if status == "FAILED" else status)

    def execution_ended(self, job: MediaJob, status: str, cause: str) -> None:
        """End a job by the end of its execution; work that was done is not failed by a lost callback."""
        self.callback(job, "SUCCEEDED" if job.is_bundled else status, cause)

    def unfinished(self) -> list[MediaJob]:
        """Return the jobs that have not ended, the oldest first."""
        return list(self._open.values())

    def _create_job(self, batch: MediaBatch) -> MediaJob:
        now = self._env.now
        batch.received_at = now
        batch.jobs += 1
        self._jobs += 1
        job = MediaJob(self._jobs, batch, batch.jobs, now)
        self._open[job.id] = job
        self.inflight.set(len(self._open))
        for _ in range(2 if batch.planned.doubled else 1):
            self.queue.send(Message(job, batch.planned.poisoned))
        return job

    def _dispatch(self, message: Message) -> bool:
        """Process a message; return whether it may be deleted."""
        job = message.job
        if message.is_poisoned:
            return False
        if job.has_ended or job.execution is not None:
            return True
        if not self._start(job):
            return False
        if job.status == "PENDING":
            job.status = "RUNNING"
            job.started_at = self._env.now
        if job.batch.status == "RECEIVED":
            self._enter(job.batch, "PROCESSING")
        if job.batch.started_at is None:
            job.batch.started_at = self._env.now
        return True

    def _dead_letter(self, message: Message) -> None:
        self.dead_letters += 1
        self._env.process(self._drain(message))

    def _drain(self, message: Message) -> ProcessGenerator:
        """Process of a dead letter, which is there until the next read of the dead-letter queue."""
        wait = -self._env.now % nanoseconds(self._settings.dead_letter_interval_s)
        yield self._env.after(wait, order(Kind.TIMER, message.job.id))
        self.dead_letters -= 1
        self._metric("media_processing_dlq_messages_total", NO_LABELS, 1.0)
        self._settle(message.job, "DLQ_REDRIVE")

    def _settle(self, job: MediaJob, error_code: str | None) -> None:
        """End a job, and its batch if this is the batch's latest job."""
        if job.has_ended:
            return
        job.status = "FAILED" if error_code else "SUCCEEDED"
        job.error_code = error_code
        del self._open[job.id]
        self.inflight.set(len(self._open))
        batch, now = job.batch, self._env.now
        if job.attempt != batch.jobs or batch.has_ended:
            return
        if batch.started_at is None and not error_code:
            batch.started_at = now
        if batch.status == "RECEIVED" and not error_code:
            self._enter(batch, "PROCESSING")
        outcome = "FAILED" if error_code else "READY"
        self._end(batch, outcome, error_code)
        assert batch.received_at is not None  # noqa: S101 - it has a job
        duration = (now - batch.received_at) / NS
        self._metric("media_processing_duration_seconds", _OUTCOME[outcome], duration)

    def _reconciler(self) -> ProcessGenerator:
        """Process of the reconciler."""
        interval = nanoseconds(self._settings.reconciler_interval_s)
        while True:
            yield self._env.after(interval, order(Kind.TIMER))
            self._repair_jobs()
            self._abandon_uploads()

    def _repair_jobs(self) -> None:
        """End the jobs whose execution ended without a callback, or that are stuck."""
        settings, now = self._settings, self._env.now
        grace, stuck = nanoseconds(settings.reconcile_grace_s), nanoseconds(settings.stuck_job_timeout_s)
        for job in self.unfinished():
            age, execution = now - (job.started_at or job.created_at), job.execution
            if age < grace:
                continue
            if execution is not None and execution.status is not None:
                self.execution_ended(job, execution.status, execution.cause or "")
            elif job.status == "RUNNING" and age >= stuck:
                self._settle(job, None if job.is_bundled else "STUCK_TIMEOUT")

    def _abandon_uploads(self) -> None:
        limit = nanoseconds(self._settings.abandon_after_s)
        while self._uploading:
            batch = next(iter(self._uploading.values()))
            if self._env.now - batch.created_at < limit:
                break
            del self._uploading[batch.id]
            self._end(batch, "FAILED", "UPLOAD_ABANDONED")

    def _end(self, batch: MediaBatch, status: str, error_code: str | None) -> None:
        batch.error_code = error_code
        batch.finished_at = self._env.now
        self._enter(batch, status)

    def _enter(self, batch: MediaBatch, status: str) -> None:
        batch.status = status
        self._metric("media_batches_created_total", _STATUS[status], 1.0)
        if status == "FAILED":
            self._metric("media_batches_failed_total", NO_LABELS, 1.0)

    def _metric(self, name: str, labels: str, value: float) -> None:
        self._recorder.metric(self._env.now, name, labels, value)
