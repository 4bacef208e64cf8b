"""
One arrival being played: the steps a flow is made of, and the rows they leave, as in a live run.

A step is a generator of pauses: it yields how long until it goes on [ns]. What must be refused is taken
to be refused: nobody can break into a model.
"""

from collections.abc import Generator, Mapping
from heapq import heapreplace

from harness.lab.sim.model.admission import UNAVAILABLE
from harness.lab.sim.model.engine import nanoseconds
from harness.lab.sim.model.jobs import MediaBatch, MediaJob
from harness.lab.sim.model.model_context import ModelContext
from harness.lab.workload import client_flows
from harness.lab.workload.client_flows import RefusedAttempt
from harness.lab.workload.upload_batch import UploadBatch
from harness.states_language.host_clock import NS

END_TO_END = "E2E"
OBJECT, PREVIEW, ZIP = "object", "preview", "zip"
PREVIEW_BYTES = 20_000
"""What a 200-pixel JPEG is taken for."""

WAITS_FOR_READY = frozenset({"photo_shoot", "project_documents", "retry"})
REFUSALS: Mapping[RefusedAttempt, tuple[bool, int]] = {
    RefusedAttempt.WRONG_ROLE: (False, 403),
    RefusedAttempt.OTHER_LISTING: (False, 403),
    RefusedAttempt.NO_TOKEN: (False, 401),
    RefusedAttempt.BAD_TOKEN: (False, 401),
    RefusedAttempt.TAMPERED_URL: (True, 403),
    RefusedAttempt.EXPIRED_URL: (True, 403),
    RefusedAttempt.BAD_CHECKSUM: (True, 400),
}
"""For each attempt whether it goes to the object store, and the status that turns it away."""

ANSWERED = 200, "ok", None
TURNED_AWAY = UNAVAILABLE, "failed", "UNAVAILABLE"
"""Status, outcome and error of a request that found room at the door, and of one that found none."""

EXPIRY_MARGIN = NS

Pauses = Generator[int, None, None]


class ClientStopped(Exception):
    """A step the flow needs has failed; says which and why."""


class SimulatedClient:
    """
    One arrival.

    Attributes:
        intended_at: When it was due [ns]; end-to-end times count from then.
    """

    __slots__ = (
        "_accepted_at",
        "_attempts",
        "_bytes",
        "_due_at",
        "_is_ready_told",
        "_job",
        "_job_due_at",
        "_requests",
        "_seen_id",
        "_sizes",
        "_steps",
        "_transfers",
        "arrival",
        "batch",
        "intended_at",
        "listing_id",
        "media",
        "world",
    )

    def __init__(self, world: ModelContext, batch: UploadBatch, intended_at: int) -> None:
        self.world = world
        self.batch = batch
        self.arrival = batch.arrival
        self.intended_at = intended_at
        self.listing_id = batch.arrival + 1
        self.media: MediaBatch | None = None
        self._seen_id: str | None = None
        self._due_at: int | None = intended_at
        self._job: MediaJob | None = None
        self._job_due_at = intended_at
        self._accepted_at = 0
        self._attempts = 0
        self._requests = 0
        self._transfers = 0
        self._steps = 0
        self._is_ready_told = False
        self._sizes: list[int] = []
        self._bytes: int | None = None

    def stopped(self, reason: str) -> None:
        """Record that the flow ended early."""
        if self.batch.flow in WAITS_FOR_READY and not self._is_ready_told:
            self._tell_ready("failed", self._now, reason)

    def think(self) -> Pauses:
        """Pause, as people do between two steps."""
        self._steps += 1
        if self.world.thinks:
            yield nanoseconds(self.world.mix.think_time(self.arrival, self._steps))

    def create(self) -> Pauses:
        """Announce the batch."""
        yield from self._ask("uploads", 201)
        batch_id = f"{self.arrival:08x}-0000-4000-8000-{self.world.mix.replication:012x}"
        self.media = self.world.service.create(self.batch, batch_id, self.listing_id)

    def upload_files(self) -> Pauses:
        """Upload every file, some side by side."""
        world, arrival, batch_id = self.world, self.arrival, self._batch_id
        sizes = self._sizes = world.sizes(self.batch.files)
        now = world.engine.now
        lanes = [now] * min(world.scenario.behaviour.uploads_at_once, len(sizes))
        put = world.recorder.requests.extend
        for size, took in zip(sizes, world.store.transfers(arrival, sizes), strict=True):
            start = lanes[0]
            finish = start + took
            heapreplace(lanes, finish)
            put(
                (0, arrival, "PUT", OBJECT, 200, "ok", start, start, finish, size, 0, batch_id, None, None)
            )  # fmt: skip
        self._due_at = None
        yield max(lanes, default=now) - now

    def complete(self) -> Pauses:
        """Say that everything is uploaded."""
        yield from self._ask("uploads/complete", 202)
        assert self.media is not None  # noqa: S101 - it was created
        job = self.world.service.complete(self.media)
        if job is None:
            raise ClientStopped("/uploads/complete: 410 UPLOAD_URL_EXPIRED")
        self._took_on(job, self.intended_at)

    def retry(self) -> Pauses:
        """Have the batch processed again."""
        due_at = self._now
        yield from self._ask("uploads/retry", 202)
        assert self.media is not None  # noqa: S101 - it was created
        job = self.world.service.retry(self.media)
        if job is None:
            raise ClientStopped("/uploads/retry: 409 BATCH_STATUS_INVALID")
        self._took_on(job, due_at)

    def wait_until_ended(self) -> Generator[int, None, bool]:
        """
        Ask for the status until the batch has ended; return whether it is READY.

        Raises:
            Stopped: The scenario's patience is over.
        """
        media, engine, door = self.media, self.world.engine, self.world.door
        assert media is not None  # noqa: S101 - a flow waits for what it has completed
        arrival, batch_id, record = self.arrival, media.id, self.world.recorder.requests.extend
        wait, factor, cap, patience = self.world.poll
        not_before = self._accepted_at
        gives_up_at = self._accepted_at + patience
        pause = wait
        while engine.now + pause - wait < gives_up_at:
            yield pause
            asked_at = engine.now
            self._requests += 1
            latency, taken = door.request(arrival, self._requests)
            answered_at = asked_at + latency
            status, outcome, error = ANSWERED if taken else TURNED_AWAY
            record(
                (0, arrival, "POST", "uploads/status", status, outcome, asked_at, asked_at, answered_at,
                 0, 0, batch_id, None, error)
            )  # fmt: skip
            if taken:
                if media.finished_at is not None:
                    yield latency
                    self._ended(media, not_before, answered_at)
                    return media.status == "READY"
                not_before = asked_at
            grown = int(wait * factor)
            wait = grown if grown < cap else cap
            pause = latency + wait
        self._censor("POLL_TIMEOUT")
        raise ClientStopped("POLL_TIMEOUT")

    def look_at_downloads(self) -> Pauses:
        """Ask for the downloads and fetch them: all of real media, the first of placeholders."""
        yield from self._ask("downloads/query", 200)
        sizes = self._sizes
        if self.world.scenario.media == "placeholder":
            yield from self._fetch(sizes[0])
            return
        for file, size in zip(self.batch.files, sizes, strict=True):
            yield from self._fetch(size)
            if file.is_image:
                yield from self._fetch(PREVIEW_BYTES, PREVIEW)
        yield from self._fetch(sum(sizes), ZIP)

    def view(self) -> Pauses:
        """Look at what a listing shows, if it shows anything yet."""
        flow = self.world.scenario.flows[self.batch.flow_index]
        assert isinstance(flow, client_flows.ViewerFlow)  # noqa: S101 - the batch names the flow it was drawn from
        self.listing_id = 1 + int(self.world.viewers(self.arrival) * self.arrival)
        seen = self.world.ready.get(self.listing_id)
        yield from self._ask("downloads/query", 204 if seen is None else 200)
        if seen is None:
            return
        self._seen_id, sizes = seen
        yield from self._ask("uploads/status", 200)
        for size in sizes[: self.world.mix.fetches(self.arrival, flow.fetches)]:
            yield from self._fetch(size)

    def try_forbidden(self) -> Pauses:
        """Try what must be refused."""
        attempt = self.batch.attempt
        assert attempt is not None  # noqa: S101 - every forbidden arrival has one
        to_store, status = REFUSALS[attempt]
        if to_store:
            yield from self.create()
        if attempt is RefusedAttempt.EXPIRED_URL:
            expires_in = self.world.upload_ttl + EXPIRY_MARGIN
            if self._now + expires_in > self.world.duration:
                return
            yield expires_in
        name, due_at, now = f"forbidden {attempt}", self._take_due_at(), self._now
        if to_store:
            self._transfers += 1
            latency, method = self.world.store.transfer(self.arrival, self._transfers, 0), "PUT"
        else:
            self._requests += 1
            latency, method = self.world.door.request(self.arrival, self._requests)[0], "POST"
        self._row(method, name, status, "refused", due_at, now, now + latency, 0, None)
        yield latency

    def censor(self, at: int) -> None:
        """Record as a lower bound what had not ended when the run did."""
        self._censor(None, at)

    def never_started(self, at: int) -> None:
        """Record that the arrival had no turn before the run ended."""
        if self.batch.flow in WAITS_FOR_READY:
            self._censor("NEVER_STARTED", at)
        else:
            self._observe("start", "censored", self.intended_at, at, "NEVER_STARTED")

    @property
    def _now(self) -> int:
        return self.world.engine.now

    @property
    def _batch_id(self) -> str | None:
        return self.media.id if self.media is not None else self._seen_id

    def _take_due_at(self) -> int:
        due_at, self._due_at = self._due_at, None
        return self._now if due_at is None else due_at

    def _ask(self, endpoint: str, status: int) -> Pauses:
        """Ask the API, and again as the scenario's retry policy says; a request that fails has no effect."""
        world = self.world
        attempts, wait, factor, cap = world.retry
        while True:
            self._requests += 1
            now = world.engine.now
            due_at = self._take_due_at()
            latency, taken = world.door.request(self.arrival, self._requests)
            told, outcome, error = (status, "ok", None) if taken else TURNED_AWAY
            self._row("POST", endpoint, told, outcome, due_at, now, now + latency, 0, error)
            yield latency
            if taken:
                return
            attempts -= 1
            if not attempts:
                break
            yield nanoseconds(wait)
            wait = min(wait * factor, cap)
        raise ClientStopped(f"/{endpoint}: {UNAVAILABLE} UNAVAILABLE")

    def _fetch(self, size: int, name: str = OBJECT) -> Pauses:
        self._transfers += 1
        world, batch_id = self.world, self._batch_id
        took, now = world.store.transfer(self.arrival, self._transfers, size), world.engine.now
        world.recorder.requests.extend(
            (0, self.arrival, "GET", name, 200, "ok", now, now, now + took, 0, size, batch_id, None, None)
        )
        yield took

    def _took_on(self, job: MediaJob, due_at: int) -> None:
        self._job, self._job_due_at, self._accepted_at = job, due_at, self._now

    def _ended(self, media: MediaBatch, not_before: int, observed_at: int) -> None:
        assert media.finished_at is not None  # noqa: S101 - it has ended
        is_ready = media.status == "READY"
        if is_ready and self.world.has_viewers:
            self.world.ready[self.listing_id] = (media.id, self._sizes)
        outcome, error = ("ok", None) if is_ready else ("failed", media.error_code)
        ended_at = min(max(media.finished_at, not_before), observed_at)
        if not self._is_ready_told:
            self._tell_ready(outcome, ended_at, error)
        self._observe("processing", outcome, self._accepted_at, ended_at, error)
        labels = self.world.resolution_labels[self.batch.family]
        width = (observed_at - not_before) / NS
        self.world.recorder.metrics.extend((observed_at, "Load/ReadyResolution", labels, width))
        assert self._job is not None  # noqa: S101 - it waited for one
        self._batch_row(self._job, media.finished_at, observed_at, media.status, error, censored=False)
        self._attempts, self._job = self._job.attempt, None

    def _censor(self, reason: str | None, at: int | None = None) -> None:
        at = self._now if at is None else at
        if self.batch.flow in WAITS_FOR_READY and not self._is_ready_told:
            self._tell_ready("censored", at, reason)
        if self._job is not None:
            self._observe("processing", "censored", self._accepted_at, at, reason)
            self._batch_row(self._job, None, None, None, None, censored=True)
            self._job = None

    def _tell_ready(self, outcome: str, at: int, error: str | None) -> None:
        self._is_ready_told = True
        self._observe("ready", outcome, self.intended_at, at, error)

    def _observe(self, name: str, outcome: str, since: int, until: int, error: str | None) -> None:
        if self._bytes is None:
            self._bytes = self.batch.bytes
        self._row(END_TO_END, name, None, outcome, since, since, until, self._bytes, error)

    def _row(
        self,
        kind: str,
        name: str,
        status: int | None,
        outcome: str,
        intended_at: int,
        started_at: int,
        finished_at: int,
        size: int,
        error: str | None,
    ) -> None:
        batch_id = self._batch_id
        self.world.recorder.requests.extend(
            (0, self.arrival, kind, name, status, outcome, intended_at, started_at, finished_at, size, 0,
             batch_id, None, error)
        )  # fmt: skip

    def _batch_row(
        self,
        job: MediaJob,
        finished_at: int | None,
        observed_at: int | None,
        outcome: str | None,
        error: str | None,
        *,
        censored: bool,
    ) -> None:
        batch, media = self.batch, job.batch
        videos = media.kinds.count("video")
        # Families do not mix: of project files the tables tell no photos.
        others = len(batch.files) if batch.family == "PROJECT" else 0
        photos = len(batch.files) - videos - others
        self.world.recorder.batches.extend(
            (media.id, self.listing_id, job.id, job.attempt, batch.family, photos, videos, others,
             sum(self._sizes), self._job_due_at, media.created_at, media.received_at,
             media.started_at, finished_at, observed_at, outcome, error, censored)
        )  # fmt: skip
