"""
The steps of one arrival: what a client of the service does with one batch on one listing.

The flows are made of these steps. An `ApiSession` sends and records the requests, a `BatchRecorder` records
what becomes of the batch. Times are float seconds of the clock since the run began, sizes bytes.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import gevent
from gevent.pool import Pool

from harness.lab.load.clients.answers import (
    BatchCreated,
    BatchStatusRead,
    DownloadsOffered,
    JobAccepted,
    UploadTicket,
)
from harness.lab.load.clients.api_session import AnswerReader, ApiSession, Reply
from harness.lab.load.clients.batch_recorder import BatchRecorder, WorkerContext
from harness.lab.load.clients.downloads import OBJECT, downloads
from harness.lab.load.clients.response_check import RequestOutcome, expecting, refusing
from harness.lab.load.run_plan import PlannedArrival
from harness.lab.workload.client_flows import EXPIRED_COMPLETION, EXPIRED_UPLOAD, Flow
from harness.lab.workload.identities import CallerRole
from harness.lab.workload.upload_batch import UploadFile

F = TypeVar("F", bound=Flow)


DOWNLOAD_LIMIT = 64 * 1024 * 1024
"""Longest file that is downloaded into memory, to be checked, however small the batch is [bytes]."""

LARGEST_GROWTH = 4
"""How much longer than all uploads of its batch a file may be in addition."""


EXPIRY_MARGIN_S = 1.0
"""How long after the expiry of a URL it is used: clocks may differ."""
NOT_STORED = "0" * 32
"""The entity tag that a client makes up for a file that was not stored."""


class SessionStopped(Exception):
    """A step that the flow needs has failed; the message gives the step and the reason."""


class ClientSession:
    """
    One arrival being played.

    Attributes:
        tickets: The presigned uploads of the batch by client id, once it is created.
        upload_ttl: How long their URLs are valid.
    """

    def __init__(self, context: WorkerContext, arrival: PlannedArrival, intended_at: float) -> None:
        self.context = context
        self.arrival = arrival
        self.batch = arrival.batch
        self.mix = context.plan.arrivals.mix
        self.intended_at = intended_at
        self.api = ApiSession(context, arrival.index, intended_at)
        self.recorder = BatchRecorder(context, self.api, arrival, intended_at)
        self.tickets: dict[str, UploadTicket] = {}
        self.upload_ttl = 0.0
        self._scenario = context.plan.scenario
        self._etags: dict[str, str] = {}
        self._pauses = 0

    def flow(self, kind: type[F]) -> F:
        """Return the parameters of this arrival's flow in the scenario."""
        flow = self._scenario.flows[self.batch.flow_index]
        assert isinstance(flow, kind)  # noqa: S101 - the batch was drawn from this flow
        return flow

    def token(self, role: CallerRole) -> str:
        return self.arrival.listing.token(role)

    def think(self) -> None:
        """Pause for the think time between two steps."""
        self._pauses += 1
        self._sleep(self.mix.think_time(self.arrival.index, self._pauses))

    def manifest(self) -> dict[str, Any]:
        """Return the request body that creates the batch."""
        return {
            "listingId": self.arrival.listing.listing_id,
            "batchReference": self.batch.reference,
            "files": [self._file_manifest(file) for file in self.batch.files],
        }

    def create(self, token: str) -> None:
        """Create the batch and keep the upload URLs."""
        reply = self._post("/uploads", self.manifest(), token, 201, read=self._read_created)
        created: BatchCreated = reply.answer
        self.recorder.created_at = reply.finished_at
        self.api.batch_id = created.batch_id
        self.upload_ttl = created.upload_url_ttl_seconds
        self.tickets = {ticket.client_id: ticket for ticket in created.files}

    def upload_files(self, token: str) -> None:
        """Upload every file, several at once; too late if the scenario has this fault for the arrival."""
        if self.batch.late:
            gevent.sleep(self.upload_ttl + EXPIRY_MARGIN_S)
            self._upload_too_late(token)
        pool = Pool(self._scenario.behaviour.uploads_at_once)
        try:
            for error in pool.imap_unordered(self._upload, self.batch.files):
                if error:
                    raise SessionStopped(error)
        finally:
            pool.kill()

    def complete(self, token: str) -> None:
        """Tell the service that all files are uploaded."""
        self._start_job("/uploads/complete", {"files": self._uploaded()}, token, due_at=self.intended_at)

    def retry(self, token: str) -> None:
        """Have the batch processed again."""
        self._start_job("/uploads/retry", {"reason": "Played again by the load scenario."}, token)

    def wait_until_ended(self, token: str) -> bool:
        """Poll the status until the batch is READY or FAILED; return whether it is READY."""
        job = self.recorder.job
        assert job is not None  # noqa: S101 - a flow waits for what it has completed
        poll = self._scenario.behaviour.poll
        wait, not_before = poll.first_s, job.requested_at
        gives_up_at = job.accepted_at + poll.timeout_s / self._scenario.time_scale
        while self.context.clock() < gives_up_at:
            self._sleep(wait)
            sent_at = self.context.clock()
            reply = self.api.post(
                "/uploads/status", self._batch_key(), token, expecting(200), BatchStatusRead.read
            )
            if reply.status == 200:
                # Another response may be temporary; a wrong answer is not.
                status: BatchStatusRead = _must_be_ok("/uploads/status", reply).answer
                if status.status in ("READY", "FAILED"):
                    self.recorder.job_ended(job, status, not_before, reply.finished_at)
                    return status.status == "READY"
                not_before = sent_at
            wait = min(wait * poll.factor, poll.cap_s)
        self.recorder.censor("POLL_TIMEOUT")
        raise SessionStopped("POLL_TIMEOUT")

    def fetch_downloads(self, token: str) -> None:
        """Query the downloads and fetch them: all of real media, the first one of placeholders."""
        reply = self._post("/downloads/query", self._batch_key(), token, 200, read=DownloadsOffered.read)
        found = downloads(reply.answer, len(self.batch.files))
        # Filler is not an image, so only its transfer can be checked.
        is_filler = self._scenario.media == "placeholder"
        limit = DOWNLOAD_LIMIT + LARGEST_GROWTH * self.recorder.bytes
        for each in found[:1] if is_filler else found:
            self.api.get(each.url, expecting(200), each.name, None if is_filler else each.check, limit)

    def view_listing(self, token: str, fetches: int) -> None:
        """Query the downloads of the listing, and fetch some if there are any."""
        listing = {"listingId": self.arrival.listing.listing_id}
        reply = self._post("/downloads/query", listing, token, 200, 204, read=DownloadsOffered.read)
        if reply.status == 204:
            return
        found: DownloadsOffered = reply.answer
        self.api.batch_id = found.batch_id
        self._post("/uploads/status", self._batch_key(), token, 200, read=BatchStatusRead.read)
        for each in downloads(found, 0)[:fetches]:
            self.api.get(each.url, expecting(200), each.name)

    def _upload_too_late(self, token: str) -> None:
        """Upload one file after its URL has expired, and complete the batch: both must be refused."""
        file = self.batch.files[0]
        ticket, payload = self.tickets[file.client_id], self.context.payload_of(file)
        put = self.api.put(
            ticket.upload_url, ticket.headers, payload.open(), payload.size, refusing(403), EXPIRED_UPLOAD
        )
        self._etags = dict.fromkeys(self.tickets, NOT_STORED)
        body = {**self._batch_key(), "files": self._uploaded()}
        post = self.api.post("/uploads/complete", body, token, refusing(410), name=EXPIRED_COMPLETION)
        for endpoint, reply in ((OBJECT, put), ("/uploads/complete", post)):
            if reply.outcome is not RequestOutcome.REFUSED:
                raise SessionStopped(f"{endpoint} after the upload URL expired: {reply.status}")
        raise SessionStopped(f"/uploads/complete: {post.status} UPLOAD_URL_EXPIRED")

    def _sleep(self, model_seconds: float) -> None:
        if model_seconds > 0:
            gevent.sleep(model_seconds / self._scenario.time_scale)

    def _batch_key(self) -> dict[str, Any]:
        return {"listingId": self.arrival.listing.listing_id, "batchId": self.api.batch_id}

    def _uploaded(self) -> list[dict[str, Any]]:
        """Return the files as the client reports them when it has uploaded all."""
        return [
            {
                "clientId": file.client_id,
                "s3Key": self.tickets[file.client_id].s3_key,
                "etag": self._etags[file.client_id],
                "bytes": self.context.payload_of(file).size,
            }
            for file in self.batch.files
        ]

    def _file_manifest(self, file: UploadFile) -> dict[str, Any]:
        payload = self.context.payload_of(file)
        manifest = {
            "clientId": file.client_id,
            "mediaType": file.media_type,
            "filename": file.filename,
            "contentType": file.content_type,
            "bytes": payload.size,
            "checksum": f"sha256:{payload.sha256}",
            "title": f"{file.media_type.replace('_', ' ').capitalize()} {file.sequence}",
            "sequence": file.sequence,
        }
        if not file.media_type.startswith("PROJECT"):
            manifest["orientation"] = file.media_type.rpartition("_")[2]
        return manifest

    def _start_job(
        self, endpoint: str, body: Mapping[str, Any], token: str, *, due_at: float | None = None
    ) -> None:
        """Request a job, which was due now or at *due_at*."""
        requested_at = self.context.clock()
        due_at = requested_at if due_at is None else due_at
        reply = self._post(endpoint, {**self._batch_key(), **body}, token, 202, read=JobAccepted.read)
        accepted: JobAccepted = reply.answer
        self.recorder.job_accepted(
            accepted.job_id, due_at=due_at, requested_at=requested_at, accepted_at=reply.finished_at
        )

    def _post(
        self, endpoint: str, body: Mapping[str, Any], token: str, *expected: int, read: AnswerReader
    ) -> Reply:
        reply = self._with_retries(lambda: self.api.post(endpoint, body, token, expecting(*expected), read))
        return _must_be_ok(endpoint, reply)

    def _read_created(self, content: bytes) -> BatchCreated:
        created = BatchCreated.read(content)
        created.must_hold(file.client_id for file in self.batch.files)
        return created

    def _upload(self, file: UploadFile) -> str | None:
        """Upload one file; return the error, or None."""
        ticket = self.tickets[file.client_id]
        url, headers, payload = ticket.upload_url, ticket.headers, self.context.payload_of(file)
        reply = self._with_retries(
            lambda: self.api.put(url, headers, payload.open(), payload.size, expecting(200), OBJECT)
        )
        if not reply.is_ok:
            return f"upload: {reply.status} {reply.error}"
        self._etags[file.client_id] = reply.headers.get("etag", "").strip('"')
        return None

    def _with_retries(self, send: Callable[[], Reply]) -> Reply:
        """Send a request, and repeat it as the scenario's retry policy says."""
        policy = self._scenario.behaviour.retry
        wait = policy.base_s
        for _ in range(policy.max_attempts - 1):
            reply = send()
            if reply.status not in policy.on:
                return reply
            self._sleep(wait)
            wait = min(wait * policy.factor, policy.cap_s)
        return send()


def _must_be_ok(endpoint: str, reply: Reply) -> Reply:
    if not reply.is_ok:
        raise SessionStopped(f"{endpoint}: {reply.status} {reply.error}")
    return reply
