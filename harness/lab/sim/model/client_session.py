"""
The session of one arrival: the steps of its flow, and the rows that they record, as in a live run.

A flow is a SimPy process, and its steps are parts of it. Every attempt that must be refused is refused: the
model has no security faults. Times are nanoseconds.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from heapq import heapreplace

from simpy.events import Event, ProcessGenerator

from harness.lab.results.rows import E2E, BatchRow
from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.admission import UNAVAILABLE
from harness.lab.sim.model.jobs import MediaBatch, MediaJob
from harness.lab.sim.model.model_context import ModelContext
from harness.lab.workload import client_flows
from harness.lab.workload.client_flows import (
    EXPIRED_COMPLETION,
    EXPIRED_UPLOAD,
    WAITS_FOR_READY,
    RefusedAttempt,
)
from harness.lab.workload.upload_batch import UploadBatch
from harness.states_language.host import NS, nanoseconds

OBJECT, PREVIEW, ZIP = "object", "preview", "zip"
PREVIEW_BYTES = 20_000
"""Assumed size of a 200-pixel JPEG."""

REFUSALS: Mapping[RefusedAttempt, tuple[bool, int]] = {
    RefusedAttempt.WRONG_ROLE: (False, 403),
    RefusedAttempt.OTHER_LISTING: (False, 403),
    RefusedAttempt.NO_TOKEN: (False, 401),
    RefusedAttempt.BAD_TOKEN: (False, 401),
    RefusedAttempt.TAMPERED_URL: (True, 403),
    RefusedAttempt.EXPIRED_URL: (True, 403),
    RefusedAttempt.BAD_CHECKSUM: (True, 400),
}
"""For each attempt: whether it goes to the object store, and the status with which it is refused."""


UPLOAD_URL_EXPIRED = "UPLOAD_URL_EXPIRED"


class ClientStopped(Exception):
    """A step that the flow needs has failed; the message names it and gives the reason."""


@dataclass(slots=True, eq=False)
class SimulatedClient:
    """The client of one arrival, which was due at *intended_at* [ns]: end-to-end times count from then."""

    context: ModelContext
    batch: UploadBatch
    intended_at: int
    arrival: int = field(init=False)
    listing_id: int = field(init=False)
    has_begun: bool = False
    media: MediaBatch | None = None
    _viewed_batch_id: str | None = None
    _key: int = field(init=False)
    _due_at: int | None = field(init=False)
    _job: MediaJob | None = None
    _job_due_at: int = 0
    _accepted_at: int = 0
    _requests: int = 0
    _transfers: int = 0
    _think_pauses: int = 0
    _ready_recorded: bool = False
    _sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.arrival = self.batch.arrival
        self.listing_id = self.arrival + 1
        self._key = order(Kind.CLIENT, self.arrival)
        self._due_at = self.intended_at

    @property
    def flow(self) -> client_flows.Flow:
        """The flow of the scenario from which the batch was drawn."""
        return self.context.scenario.flows[self.batch.flow_index]

    def stopped(self, reason: str) -> None:
        """Record that the flow ended early."""
        if self.batch.flow in WAITS_FOR_READY and not self._ready_recorded:
            self._record_ready("failed", self._now, reason)

    def think(self) -> ProcessGenerator:
        """Pause for the think time between two steps."""
        self._think_pauses += 1
        if self.context.thinks:
            yield self._after(nanoseconds(self.context.mix.think_time(self.arrival, self._think_pauses)))

    def create(self) -> ProcessGenerator:
        yield from self._request("uploads", 201)
        batch_id = f"{self.arrival:08x}-0000-4000-8000-{self.context.mix.replication:012x}"
        self.media = self.context.service.create(self.batch, batch_id, self.listing_id)

    def upload_files(self) -> ProcessGenerator:
        """Upload every file, several in parallel."""
        if self.batch.late:
            yield from self._upload_too_late()
        context, arrival = self.context, self.arrival
        sizes = self._sizes = context.sizes(self.batch.files)
        now = context.env.now
        lanes = [now] * min(context.scenario.behaviour.uploads_at_once, len(sizes))
        transfers = []
        for size, duration in zip(sizes, context.store.transfers(arrival, sizes), strict=True):
            start = lanes[0]
            finish = start + duration
            heapreplace(lanes, finish)
            transfers.append((start, finish, size))
        context.recorder.uploads(arrival, OBJECT, self._batch_id, transfers)
        self._due_at = None
        longest, host = max(lanes, default=now) - now, context.host
        # The uploads together: their own rows have the times of a host with free processors.
        at_once = max(1, len(lanes))
        yield from host.take(longest, host.upload * len(sizes) // at_once, self._key, at_once)

    def _upload_too_late(self) -> ProcessGenerator:
        """Upload one file after its URL has expired, and report that all are uploaded: both are refused."""
        yield self._after(self.context.upload_ttl + NS)
        self._transfers += 1
        self._requests += 1
        put = self.context.store.transfer(self.arrival, self._transfers, 0)
        yield from self._refused("PUT", EXPIRED_UPLOAD, 403, put)
        post, _ = self.context.admission.request(self.arrival, self._requests)
        yield from self._refused("POST", EXPIRED_COMPLETION, 410, post)
        raise ClientStopped(f"/uploads/complete: 410 {UPLOAD_URL_EXPIRED}")

    def complete(self) -> ProcessGenerator:
        """Report that all files are uploaded."""
        yield from self._request("uploads/complete", 202)
        assert self.media is not None  # noqa: S101 - it was created
        self._job = self.context.service.complete(self.media)
        if self._job is None:
            raise ClientStopped(f"/uploads/complete: 410 {UPLOAD_URL_EXPIRED}")
        self._job_due_at, self._accepted_at = self.intended_at, self._now

    def retry(self) -> ProcessGenerator:
        """Request that the batch is processed again."""
        due_at = self._now
        yield from self._request("uploads/retry", 202)
        assert self.media is not None  # noqa: S101 - it was created
        self._job = self.context.service.retry(self.media)
        if self._job is None:
            raise ClientStopped("/uploads/retry: 409 BATCH_STATUS_INVALID")
        self._job_due_at, self._accepted_at = due_at, self._now

    def wait_until_ended(self) -> Generator[Event, None, bool]:
        """Poll the status until the batch has ended or a time-out; return whether it is READY."""
        media, env = self.media, self.context.env
        assert media is not None  # noqa: S101 - a flow waits for a batch that it has completed
        wait, factor, cap, timeout = self.context.poll
        not_before, stops_at = self._accepted_at, self._accepted_at + timeout
        pause = wait
        while env.now + pause - wait < stops_at:
            yield self._after(pause)
            sent_at = env.now
            has_ended = media.finished_at is not None
            latency, accepted = yield from self._poll(sent_at, is_last=has_ended)
            if accepted:
                if has_ended:
                    self._record_end(media, not_before, env.now)
                    return media.status == "READY"
                not_before = sent_at
            grown = int(wait * factor)
            wait = grown if grown < cap else cap
            pause = latency + wait
        self.censor(self._now, "POLL_TIMEOUT")
        raise ClientStopped("POLL_TIMEOUT")

    def _poll(self, sent_at: int, *, is_last: bool) -> Generator[Event, None, tuple[int, bool]]:
        """
        Query the status; return how long the client must still wait for the answer [ns], and whether it came.

        Without shared processors the latency is known at once, so an answer that changes nothing needs no
        event of its own.
        """
        if self.context.host.is_shared:
            return 0, (yield from self._exchange("uploads/status", 200, sent_at))
        latency, accepted = self._send("uploads/status", 200, sent_at)
        if accepted and is_last:
            yield self._after(latency)
        return latency, accepted

    def download(self) -> ProcessGenerator:
        """Query the downloads and fetch them: all files of real media, the first one of placeholders."""
        yield from self._request("downloads/query", 200)
        sizes = self._sizes
        if self.context.scenario.media == "placeholder":
            yield from self._download_object(sizes[0])
            return
        for file, size in zip(self.batch.files, sizes, strict=True):
            yield from self._download_object(size)
            if file.is_image:
                yield from self._download_object(PREVIEW_BYTES, PREVIEW)
        yield from self._download_object(sum(sizes), ZIP)

    def view(self) -> ProcessGenerator:
        """View a listing that earlier arrivals may have filled."""
        flow = self.flow
        assert isinstance(flow, client_flows.ViewerFlow)  # noqa: S101 - the batch was drawn from it
        self.listing_id = 1 + int(self.context.viewers(self.arrival) * self.arrival)
        found = self.context.ready.get(self.listing_id)
        yield from self._request("downloads/query", 204 if found is None else 200)
        if found is None:
            return
        self._viewed_batch_id, sizes = found
        yield from self._request("uploads/status", 200)
        for size in sizes[: self.context.mix.fetches(self.arrival, flow.fetches)]:
            yield from self._download_object(size)

    def attempt_refused(self) -> ProcessGenerator:
        """Make an attempt that must be refused."""
        attempt = self.batch.attempt
        assert attempt is not None  # noqa: S101 - every forbidden arrival has one
        to_store, status = REFUSALS[attempt]
        if to_store:
            yield from self.create()
        if attempt is RefusedAttempt.EXPIRED_URL:
            expires_in = self.context.upload_ttl + NS
            if self._now + expires_in > self.context.duration:
                return
            yield self._after(expires_in)
        if to_store:
            self._transfers += 1
            latency, method = self.context.store.transfer(self.arrival, self._transfers, 0), "PUT"
        else:
            self._requests += 1
            latency, method = self.context.admission.request(self.arrival, self._requests)[0], "POST"
        yield from self._refused(method, f"forbidden {attempt}", status, latency)

    def _refused(self, method: str, name: str, status: int, latency: int) -> ProcessGenerator:
        """Make a request that is refused, and wait for the answer."""
        due_at, now = self._take_due_at(), self._now
        self.context.recorder.request(
            arrival=self.arrival, type=method, name=name, status=status, outcome="refused",
            intended_at=due_at, started_at=now, finished_at=now + latency, batch_id=self._batch_id,
        )  # fmt: skip
        yield self._after(latency)

    def censor(self, at: int, reason: str | None = None) -> None:
        """Record as a lower bound what has not ended; without a reason the run has ended before."""
        if self.batch.flow in WAITS_FOR_READY and not self._ready_recorded:
            self._record_ready("censored", at, reason)
        if self._job is not None:
            self._observe("processing", "censored", self._accepted_at, at, reason)
            self._record_batch(self._job, None, None, None, None)
            self._job = None

    def never_started(self, at: int) -> None:
        """Record that the arrival could not start before the run ended."""
        if self.batch.flow in WAITS_FOR_READY:
            self.censor(at, "NEVER_STARTED")
        else:
            self._observe("start", "censored", self.intended_at, at, "NEVER_STARTED")

    def _after(self, pause: int) -> Event:
        return self.context.env.after(pause, self._key)

    @property
    def _now(self) -> int:
        return self.context.env.now

    @property
    def _batch_id(self) -> str | None:
        return self.media.id if self.media is not None else self._viewed_batch_id

    def _take_due_at(self) -> int:
        """Return when the next request is due: the arrival's time for the first one, now for the others."""
        due_at, self._due_at = self._due_at, None
        return self._now if due_at is None else due_at

    def _request(self, endpoint: str, success_status: int) -> ProcessGenerator:
        """Send a request to the API; repeat it by the retry policy if the service is unavailable."""
        attempts, wait, factor, cap = self.context.retry
        while True:
            if (yield from self._exchange(endpoint, success_status, self._take_due_at())):
                return
            attempts -= 1
            if not attempts:
                break
            yield self._after(nanoseconds(wait))
            wait = min(wait * factor, cap)
        raise ClientStopped(f"/{endpoint}: {UNAVAILABLE} UNAVAILABLE")

    def _exchange(self, endpoint: str, success_status: int, due_at: int) -> Generator[Event, None, bool]:
        """Send one request to the API and wait for the answer; return whether the service accepted it."""
        host = self.context.host
        if not host.is_shared:
            latency, accepted = self._send(endpoint, success_status, due_at)
            yield self._after(latency)
            return accepted
        self._requests += 1
        sent_at, media = self._now, self.media
        latency, accepted = self.context.admission.request(self.arrival, self._requests)
        yield from host.take(latency, host.request if accepted else 0, self._key)
        self._record_request(endpoint, success_status, due_at, sent_at, self._now, media, accepted=accepted)
        return accepted

    def _send(self, endpoint: str, success_status: int, due_at: int) -> tuple[int, bool]:
        """Send one request to the API; return its latency [ns], and whether the service accepted it."""
        self._requests += 1
        now = self._now
        latency, accepted = self.context.admission.request(self.arrival, self._requests)
        self._record_request(
            endpoint, success_status, due_at, now, now + latency, self.media, accepted=accepted
        )
        return latency, accepted

    def _record_request(
        self,
        endpoint: str,
        success_status: int,
        due_at: int,
        started_at: int,
        finished_at: int,
        media: MediaBatch | None,
        *,
        accepted: bool,
    ) -> None:
        self.context.recorder.request(
            arrival=self.arrival, type="POST", name=endpoint,
            status=success_status if accepted else UNAVAILABLE, outcome="ok" if accepted else "failed",
            intended_at=due_at, started_at=started_at, finished_at=finished_at,
            batch_id=self._viewed_batch_id if media is None else media.id,
            error=None if accepted else "UNAVAILABLE",
        )  # fmt: skip

    def _download_object(self, size: int, name: str = OBJECT) -> ProcessGenerator:
        self._transfers += 1
        context = self.context
        duration, now = context.store.transfer(self.arrival, self._transfers, size), context.env.now
        context.recorder.request(
            arrival=self.arrival, type="GET", name=name, status=200, outcome="ok", intended_at=now,
            started_at=now, finished_at=now + duration, bytes_in=size, batch_id=self._batch_id,
        )  # fmt: skip
        yield self._after(duration)

    def _record_end(self, media: MediaBatch, not_before: int, observed_at: int) -> None:
        """Record the end of the batch, which the client observed later."""
        assert media.finished_at is not None  # noqa: S101 - it has ended
        is_ready = media.status == "READY"
        if is_ready and self.context.has_viewers:
            self.context.ready[self.listing_id] = (media.id, self._sizes)
        outcome, error = ("ok", None) if is_ready else ("failed", media.error_code)
        ended_at = min(max(media.finished_at, not_before), observed_at)
        if not self._ready_recorded:
            self._record_ready(outcome, ended_at, error)
        self._observe("processing", outcome, self._accepted_at, ended_at, error)
        labels = self.context.resolution_labels[self.batch.family]
        resolution = (observed_at - not_before) / NS
        self.context.recorder.metric(observed_at, "Load/ReadyResolution", labels, resolution)
        assert self._job is not None  # noqa: S101 - the client waited for one
        self._record_batch(self._job, media.finished_at, observed_at, media.status, error)
        self._job = None

    def _record_ready(self, outcome: str, at: int, error: str | None) -> None:
        self._ready_recorded = True
        self._observe("ready", outcome, self.intended_at, at, error)

    def _observe(self, name: str, outcome: str, since: int, until: int, error: str | None) -> None:
        """Record an end-to-end observation."""
        self.context.recorder.request(
            arrival=self.arrival, type=E2E, name=name, status=None, outcome=outcome, intended_at=since,
            started_at=since, finished_at=until, bytes_out=self.batch.bytes, batch_id=self._batch_id,
            error=error,
        )  # fmt: skip

    def _record_batch(
        self,
        job: MediaJob,
        finished_at: int | None,
        observed_at: int | None,
        outcome: str | None,
        error: str | None,
    ) -> None:
        """Record a job of the batch; it is censored if its end was not observed."""
        batch, media = self.batch, job.batch
        videos = media.kinds.count("video")
        # All files of a project count as documents, as in the tables of a live run.
        documents = len(batch.files) if batch.family == "PROJECT" else 0
        row = BatchRow(
            batch_id=media.id,
            listing_id=self.listing_id,
            job_id=job.id,
            attempt=job.attempt,
            family=batch.family,
            photos=len(batch.files) - videos - documents,
            videos=videos,
            documents=documents,
            bytes=sum(self._sizes),
            intended_at=self._job_due_at,
            created_at=media.created_at,
            received_at=media.received_at,
            started_at=media.started_at,
            finished_at=finished_at,
            observed_at=observed_at,
            outcome=outcome,
            error_code=error,
            censored=observed_at is None,
        )
        self.context.recorder.add(row)
