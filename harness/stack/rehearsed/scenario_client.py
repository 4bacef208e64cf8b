"""
The client of one arrival of a rehearsed run: the steps of its flow over the use cases, and their rows.

Requests take no time: no HTTP is spoken. Attempts that must be refused by HTTP or by the bucket are recorded
as refused, as in a simulated run. Times are nanoseconds.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harness.lab.results.rows import E2E, BatchRow
from harness.lab.sim.model.client_session import REFUSALS
from harness.lab.workload import client_flows
from harness.lab.workload.client_flows import EXPIRED_COMPLETION, EXPIRED_UPLOAD, WAITS_FOR_READY
from harness.lab.workload.draws import Stream
from harness.lab.workload.mix import Mix
from harness.lab.workload.upload_batch import UploadBatch, UploadFile
from harness.service.core.errors import MediaError, Unavailable, UploadUrlExpired
from harness.service.core.model.access_policy import Caller
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.job import Job
from harness.service.core.model.listing import OFF_PLAN_HOUSE
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType
from harness.service.core.use_cases.complete_upload_batch import UploadedFile
from harness.service.core.use_cases.create_upload_batch import CreatedBatch
from harness.service.rehearsal.rehearsed_process import ProcessDown
from harness.service.rehearsal.virtual_step_functions import EPOCH
from harness.stack.rehearsed.scenario_service import ScenarioService
from harness.states_language.host import nanoseconds

OWNER, PHOTOGRAPHER = UserId(1), UserId(2)
APARTMENT = 1
UNAVAILABLE = 503
NO_ANSWER = "no answer"
STATUS = {"uploads": 201, "uploads/complete": 202, "uploads/retry": 202}


class FlowStopped(Exception):
    """A step that the flow needs has failed; the message names it and gives the reason."""


@dataclass(slots=True, eq=False)
class ScenarioClient:
    """The client of one arrival, which is due at *due_at* [ns]."""

    service: ScenarioService
    mix: Mix
    batch: UploadBatch
    due_at: int
    media: BatchId | None = None
    accepted: bool = False
    _created: CreatedBatch | None = None
    _job: Job | None = None
    _job_due_at: int = 0
    _accepted_at: int = 0
    _thinks: int = 0
    _ready_recorded: bool = False
    _sizes: list[int] = field(default_factory=list)

    @property
    def flow(self) -> client_flows.Flow:
        return self.mix.scenario.flows[self.batch.flow_index]

    @property
    def listing_id(self) -> int:
        return self.batch.arrival + 1

    @property
    def waits_to_be_abandoned(self) -> bool:
        """Whether its batch was created, and its uploads came too late."""
        if not self.batch.late or self.media is None:
            return False
        return self.service.media.get_batch_by_id(self.media).status is BatchStatus.PENDING_UPLOAD

    def play(self) -> None:
        """Do the steps of the flow, from the arrival on."""
        is_project = isinstance(self.flow, client_flows.ProjectDocumentsFlow)
        listings = self.service.listings
        kind = OFF_PLAN_HOUSE if is_project else APARTMENT
        listings.add_listing(self.listing_id, owner_id=OWNER, property_type=kind)
        listings.add_booking(self.listing_id, photographer_id=PHOTOGRAPHER)
        try:
            self._play()
        except FlowStopped as stopped:
            if self.batch.flow in WAITS_FOR_READY and not self._ready_recorded:
                self._record_ready("failed", self._now, str(stopped))

    def censor(self) -> None:
        """Record as a lower bound what has not ended."""
        if self.batch.flow in WAITS_FOR_READY and not self._ready_recorded:
            self._record_ready("censored", self._now, None)
        if self._job is not None:
            self._observe("processing", "censored", self._accepted_at, self._now, None)
            self._record_batch(self._job, None)

    def _play(self) -> None:
        match self.flow:
            case client_flows.ViewerFlow():
                self._view()
            case client_flows.ForbiddenFlow():
                self._is_refused()
            case client_flows.AbandonFlow() as flow:
                self._create()
                if flow.after == "uploads":
                    self._upload()
            case client_flows.RetryFlow() as flow:
                self._process()
                for _ in range(flow.retries):
                    self._think()
                    self._retry()
                    self._wait()
            case _:
                if self._process():
                    self._download(self.media)

    def _process(self) -> bool:
        self._create()
        self._think()
        self._upload()
        self._think()
        self._complete()
        return self._wait()

    def _create(self) -> None:
        files = [_manifest(file) for file in self.batch.files]
        self._sizes = [file.bytes for file in self.batch.files]
        create = self.service.api_service.create_upload_batch
        self._created = self._request(
            "uploads",
            lambda: create(self._caller, ListingId(self.listing_id), self.batch.reference, files),
            due_at=self.due_at,
        )
        assert self._created is not None  # noqa: S101 - else the flow has stopped
        self.media = self._created.batch_id

    def _upload(self) -> None:
        assert self._created is not None  # noqa: S101 - the flow creates first
        if self.batch.late:
            self._complete_too_late()
        now = self._now
        for slot in self._created.slots:
            file = slot.file
            self.service.storage.put_announced(
                slot.key, size=file.bytes, checksum=file.checksum, content_type=file.content_type
            )
        transfers = [(now, now, size) for size in self._sizes]
        self.service.folder.uploads(self.batch.arrival, "object", self.media, transfers)

    def _complete_too_late(self) -> None:
        """Complete the batch after its URLs have expired, with nothing in the bucket: it must be refused."""
        assert self._created is not None  # noqa: S101 - the flow creates first
        self._sleep(self._created.upload_ttl + 1)
        self._row("PUT", EXPIRED_UPLOAD, 403, "refused", self._now)
        try:
            with self.service.api.running():
                self._ask_to_complete()
        except UploadUrlExpired as error:
            self._row("POST", EXPIRED_COMPLETION, 410, "refused", self._now)
            raise FlowStopped(f"/uploads/complete: {error.reason}") from None
        except (MediaError, ProcessDown) as error:
            self._row("POST", EXPIRED_COMPLETION, None, "failed", self._now, error=type(error).__name__)
            raise FlowStopped(f"/uploads/complete: {type(error).__name__}") from None
        self._row("POST", EXPIRED_COMPLETION, 202, "breached", self._now)
        raise FlowStopped("/uploads/complete: accepted without files")

    def _complete(self) -> None:
        self._request("uploads/complete", self._ask_to_complete)
        self.accepted = True
        self._begun(self.due_at)

    def _ask_to_complete(self) -> None:
        assert self._created is not None  # noqa: S101 - the flow creates first
        files = [
            UploadedFile(slot.file.client_id, slot.key, "etag", slot.file.bytes)
            for slot in self._created.slots
        ]
        complete = self.service.api_service.complete_upload_batch
        complete(self._caller, ListingId(self.listing_id), self._created.batch_id, files)

    def _retry(self) -> None:
        assert self.media is not None  # noqa: S101 - the flow creates first
        due_at, batch_id = self._now, self.media
        retry = self.service.api_service.retry_media_batch
        self._request(
            "uploads/retry",
            lambda: retry(self._caller, ListingId(self.listing_id), batch_id, "retried by the scenario"),
        )
        self._begun(due_at)

    def _begun(self, due_at: int) -> None:
        assert self.media is not None  # noqa: S101 - it has a job
        self._job = self.service.media.list_jobs_by_batch(self.media)[0]
        self._job_due_at, self._accepted_at = due_at, self._now

    def _wait(self) -> bool:
        """Poll the status until the batch has ended or a time-out; return whether it is READY."""
        assert self.media is not None  # noqa: S101 - it has a job
        batch_id, poll = self.media, self.mix.scenario.behaviour.poll
        status = self.service.api_service.get_batch_status
        pause, stops_at = poll.first_s, self._accepted_at + nanoseconds(poll.timeout_s)
        while self._now < stops_at:
            self._sleep(pause)
            try:
                report = self._request(
                    "uploads/status", lambda: status(self._caller, ListingId(self.listing_id), batch_id)
                )
            except FlowStopped:
                report = None  # the next request may be answered
            if report is not None and report.batch.status in (BatchStatus.READY, BatchStatus.FAILED):
                self._record_end(report.batch)
                return bool(report.batch.status is BatchStatus.READY)
            pause = min(pause * poll.factor, poll.cap_s)
        raise FlowStopped("POLL_TIMEOUT")

    def _view(self) -> None:
        viewers = Stream(self.mix.scenario.seed, self.mix.replication, "viewer")
        listing = 1 + int(viewers(self.batch.arrival) * self.batch.arrival)
        query = self.service.api_service.list_download_urls
        self._request("downloads/query", lambda: query(Caller(OWNER), ListingId(listing)), due_at=self.due_at)

    def _download(self, batch_id: BatchId | None) -> None:
        query = self.service.api_service.list_download_urls
        found = self._request(
            "downloads/query", lambda: query(self._caller, ListingId(self.listing_id), batch_id)
        )
        if found is not None:
            self._row("GET", "object", 200, "ok", self._now, bytes_in=self._sizes[0])

    def _is_refused(self) -> None:
        attempt = self.batch.attempt
        assert attempt is not None  # noqa: S101 - every forbidden arrival has one
        to_store, status = REFUSALS[attempt]
        if to_store:
            self._create()
        self._row("PUT" if to_store else "POST", f"forbidden {attempt}", status, "refused", self.due_at)

    def _request(self, endpoint: str, use_case: Callable[[], Any], *, due_at: int | None = None) -> Any:
        """Make a request, again while the service is not available; stop the flow if it is refused."""
        retry = self.mix.scenario.behaviour.retry
        pause, problem = retry.base_s, ""
        for attempt in range(retry.max_attempts):
            if attempt:
                self._sleep(pause)
                pause = min(pause * retry.factor, retry.cap_s)
            due = self._now if due_at is None or attempt else due_at
            try:
                with self.service.api.running():
                    answer = use_case()
            except ProcessDown:
                problem = NO_ANSWER
                self._row("POST", endpoint, None, "failed", due, error=problem)
            except Unavailable as error:
                problem = error.reason
                self._row("POST", endpoint, UNAVAILABLE, "failed", due, error=problem)
            except MediaError as error:
                self._row("POST", endpoint, 409, "failed", due, error=error.reason)
                raise FlowStopped(f"/{endpoint}: {error.reason}") from None
            else:
                self._row("POST", endpoint, STATUS.get(endpoint, 200), "ok", due)
                return answer
        raise FlowStopped(f"/{endpoint}: {problem}")

    def _think(self) -> None:
        self._thinks += 1
        self._sleep(self.mix.think_time(self.batch.arrival, self._thinks))

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.service.around.time.sleep(nanoseconds(seconds))

    @property
    def _now(self) -> int:
        return self.service.around.time.now

    @property
    def _caller(self) -> Caller:
        return Caller(OWNER if self.batch.family == "PROJECT" else PHOTOGRAPHER)

    # The rows.

    def _record_end(self, media: Batch) -> None:
        is_ready = media.status is BatchStatus.READY
        outcome, error = ("ok", None) if is_ready else ("failed", media.error_code)
        ended_at = _since_epoch(media.processing_finished_at) or self._now
        if not self._ready_recorded:
            self._record_ready(outcome, ended_at, error)
        self._observe("processing", outcome, self._accepted_at, ended_at, error)
        assert self._job is not None  # noqa: S101 - the client waited for one
        self._record_batch(self._job, media)
        self._job = None

    def _record_ready(self, outcome: str, at: int, error: str | None) -> None:
        self._ready_recorded = True
        self._observe("ready", outcome, self.due_at, at, error)

    def _observe(self, name: str, outcome: str, since: int, until: int, error: str | None) -> None:
        self.service.folder.request(
            arrival=self.batch.arrival, type=E2E, name=name, status=None, outcome=outcome, intended_at=since,
            started_at=since, finished_at=until, bytes_out=self.batch.bytes, batch_id=self.media, error=error,
        )  # fmt: skip

    def _row(
        self,
        method: str,
        name: str,
        status: int | None,
        outcome: str,
        due_at: int,
        *,
        bytes_in: int = 0,
        error: str | None = None,
    ) -> None:
        now = self._now
        self.service.folder.request(
            arrival=self.batch.arrival, type=method, name=name, status=status, outcome=outcome,
            intended_at=due_at, started_at=now, finished_at=now, bytes_in=bytes_in, batch_id=self.media,
            error=error,
        )  # fmt: skip

    def _record_batch(self, job: Job, ended: Batch | None) -> None:
        """Record a job of the batch; without its end it is censored."""
        assert self.media is not None  # noqa: S101 - it has a job
        batch = self.batch
        stored = ended or self.service.media.get_batch_by_id(self.media, include_deleted=True)
        videos = len(batch.videos)
        documents = len(batch.files) if batch.family == "PROJECT" else 0
        row = BatchRow(
            batch_id=self.media,
            listing_id=self.listing_id,
            job_id=job.id,
            attempt=job.attempt,
            family=batch.family,
            photos=len(batch.files) - videos - documents,
            videos=videos,
            documents=documents,
            bytes=sum(self._sizes),
            intended_at=self._job_due_at,
            created_at=_since_epoch(stored.issued_at),
            received_at=_since_epoch(stored.received_at),
            started_at=_since_epoch(stored.processing_started_at),
            finished_at=_since_epoch(ended.processing_finished_at) if ended else None,
            observed_at=self._now if ended else None,
            outcome=ended.status.value if ended else None,
            error_code=ended.error_code if ended else None,
            censored=ended is None,
        )
        self.service.folder.add(row)


def _manifest(file: UploadFile) -> ManifestFile:
    checksum = Sha256(hashlib.sha256(file.client_id.encode()).hexdigest())
    return ManifestFile(
        file.client_id,
        MediaType(file.media_type),
        file.filename,
        file.content_type,
        file.bytes,
        checksum,
        file.sequence,
    )


def _since_epoch(moment: datetime | None) -> int | None:
    """Return a moment of the service as virtual time [ns]."""
    return None if moment is None else round((moment - EPOCH).total_seconds() * 1e6) * 1000
