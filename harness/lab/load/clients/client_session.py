"""
One arrival being played: the steps a flow is made of, and what they leave in the run folder.

A visit asks, uploads, waits and looks, as one person on one listing; what becomes of its batch is told
to its `BatchRecorder`.
Times are float seconds of the clock since the run began, sizes bytes.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import gevent
from gevent.pool import Pool

from harness.lab.load.clients.api_session import Reply
from harness.lab.load.clients.batch_recorder import BatchRecorder, RunStage
from harness.lab.load.clients.downloads import OBJECT, downloads
from harness.lab.load.clients.response_check import Judge, expecting
from harness.lab.load.run_plan import PlannedArrival
from harness.lab.workload.client_flows import Flow
from harness.lab.workload.identities import CallerRole, ListingAccess
from harness.lab.workload.mix import Mix
from harness.lab.workload.upload_batch import UploadBatch, UploadFile

F = TypeVar("F", bound=Flow)


class SessionStopped(Exception):
    """A step the flow needs has failed; says which and why."""


class ClientSession:
    """
    One arrival.

    Attributes:
        tickets: The presigned uploads of the batch, by client id, once it is created.
    """

    def __init__(self, stage: RunStage, arrival: PlannedArrival, intended_at: float) -> None:
        self.stage = stage
        self.arrival = arrival
        self.intended_at = intended_at
        self.session = stage.open_session(arrival, intended_at, secrets.token_hex(16))
        self.tickets: dict[str, Mapping[str, Any]] = {}
        self.upload_ttl = 0.0
        self.chronicle = BatchRecorder(stage, self.session, arrival, intended_at)
        self._etags: dict[str, str] = {}
        self._steps = 0

    @property
    def batch(self) -> UploadBatch:
        return self.arrival.batch

    @property
    def listing(self) -> ListingAccess:
        return self.arrival.listing

    @property
    def mix(self) -> Mix:
        return self.stage.plan.mix

    def flow(self, kind: type[F]) -> F:
        """Return what the scenario says about this arrival's flow."""
        flow = self.stage.plan.scenario.flows[self.batch.flow_index]
        assert isinstance(flow, kind)  # noqa: S101 - the batch names the flow it was drawn from
        return flow

    def token(self, role: CallerRole) -> str:
        return self.listing.token(role)

    def think(self) -> None:
        """Pause, as people do between two steps."""
        self._steps += 1
        self._sleep(self.mix.think_time(self.arrival.index, self._steps))

    def manifest(self) -> dict[str, Any]:
        """Return the request that announces the batch."""
        return {
            "listingId": self.listing.listing_id,
            "batchReference": self.batch.reference,
            "files": [self._announcement(file) for file in self.batch.files],
        }

    def create(self, token: str) -> None:
        """Announce the batch and take the upload URLs."""
        reply = self._ask("/uploads", self.manifest(), token, 201)
        answer = reply.json
        self.chronicle.created_at = reply.finished_at
        self.session.batch_id = answer["batchId"]
        self.upload_ttl = float(answer["uploadUrlTtlSeconds"])
        self.tickets = {ticket["clientId"]: ticket for ticket in answer["files"]}

    def upload_files(self) -> None:
        """
        Upload every file, some side by side.

        Raises:
            Stopped: One of them was not taken.
        """
        pool = Pool(self.stage.plan.scenario.behaviour.uploads_at_once)
        try:
            for complaint in pool.imap_unordered(self._upload, self.batch.files):
                if complaint:
                    raise SessionStopped(complaint)
        finally:
            pool.kill()

    def complete(self, token: str) -> None:
        """Say that everything is uploaded."""
        files = [
            {
                "clientId": file.client_id,
                "s3Key": self.tickets[file.client_id]["s3Key"],
                "etag": self._etags[file.client_id],
                "bytes": self.stage.payloads.of(file).size,
            }
            for file in self.batch.files
        ]
        asked_at = self.stage.clock()
        reply = self._ask("/uploads/complete", {**self._about(), "files": files}, token, 202)
        self.chronicle.granted(
            reply.json["jobId"], due_at=self.intended_at, asked_at=asked_at, granted_at=reply.finished_at
        )

    def retry(self, token: str) -> None:
        """Have the batch processed again."""
        asked_at = self.stage.clock()
        body = {**self._about(), "reason": "Played again by the load scenario."}
        reply = self._ask("/uploads/retry", body, token, 202)
        self.chronicle.granted(
            reply.json["jobId"], due_at=asked_at, asked_at=asked_at, granted_at=reply.finished_at
        )

    def wait_until_ended(self, token: str) -> bool:
        """
        Ask for the status until the batch is READY or FAILED; tell whether it is READY.

        Raises:
            Stopped: The scenario's patience is over.
        """
        job = self.chronicle.job
        assert job is not None  # noqa: S101 - a flow waits for what it has completed
        poll = self.stage.plan.scenario.behaviour.poll
        wait, not_before = poll.first_s, job.asked_at
        gives_up_at = job.granted_at + poll.timeout_s / self._time_scale
        while self.stage.clock() < gives_up_at:
            self._sleep(wait)
            asked_at = self.stage.clock()
            reply = self.session.api("/uploads/status", self._about(), token, expecting(200))
            if reply.status == 200:
                answer = reply.json
                if answer["status"] in ("READY", "FAILED"):
                    self.chronicle.ended(job, answer, not_before, reply.finished_at)
                    return bool(answer["status"] == "READY")
                not_before = asked_at
            wait = min(wait * poll.factor, poll.cap_s)
        self.chronicle.censored("POLL_TIMEOUT")
        raise SessionStopped("POLL_TIMEOUT")

    def look_at_downloads(self, token: str) -> None:
        """
        Ask for the downloads and fetch them: all of real media, the first of placeholders.
        """
        reply = self._ask("/downloads/query", self._about(), token, 200)
        wanted = downloads(reply.json, len(self.batch.files))
        if self.stage.plan.scenario.media == "placeholder":
            # Filler is no picture; that it comes back at all is what can be seen.
            wanted = [each.unchecked() for each in wanted[:1]]
        for each in wanted:
            self.session.get(each.url, expecting(200), each.name, each.check)

    def view(self, token: str, fetches: int) -> None:
        """Look at what the listing shows, if it shows anything yet."""
        reply = self._ask("/downloads/query", {"listingId": self.listing.listing_id}, token, 200, 204)
        if reply.status == 204:
            return
        answer = reply.json
        self.session.batch_id = answer["batchId"]
        self._ask("/uploads/status", self._about(), token, 200)
        for each in downloads(answer, 0)[:fetches]:
            self.session.get(each.url, expecting(200), each.name)

    @property
    def _time_scale(self) -> float:
        return self.stage.plan.scenario.time_scale

    def _sleep(self, model_seconds: float) -> None:
        if model_seconds > 0:
            gevent.sleep(model_seconds / self._time_scale)

    def _about(self) -> dict[str, Any]:
        return {"listingId": self.listing.listing_id, "batchId": self.session.batch_id}

    def _announcement(self, file: UploadFile) -> dict[str, Any]:
        payload = self.stage.payloads.of(file)
        announced = {
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
            announced["orientation"] = file.media_type.rpartition("_")[2]
        return announced

    def _ask(self, endpoint: str, body: Mapping[str, Any], token: str, *expected: int) -> Reply:
        reply = self._repeated(lambda: self.session.api(endpoint, body, token, expecting(*expected)))
        if reply.status not in expected:
            raise SessionStopped(f"{endpoint}: {reply.status} {reply.error}")
        return reply

    def _upload(self, file: UploadFile) -> str | None:
        ticket = self.tickets[file.client_id]
        payload = self.stage.payloads.of(file)
        judge: Judge = expecting(200)

        def put() -> Reply:
            return self.session.put(
                ticket["uploadUrl"], ticket["headers"], payload.open(), payload.size, judge, OBJECT
            )

        reply = self._repeated(put)
        if reply.status != 200:
            return f"upload: {reply.status} {reply.error}"
        self._etags[file.client_id] = reply.headers.get("etag", "").strip('"')
        return None

    def _repeated(self, ask: Callable[[], Reply]) -> Reply:
        """Ask, and ask again as the scenario's retry policy says."""
        policy = self.stage.plan.scenario.behaviour.retry
        wait = policy.base_s
        for _ in range(policy.max_attempts - 1):
            reply = ask()
            if reply.status not in policy.on:
                return reply
            self._sleep(wait)
            wait = min(wait * policy.factor, policy.cap_s)
        return ask()
