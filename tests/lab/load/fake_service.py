"""
The responses of a fake service to the requests of the load generator, and its misbehaviour on request.

Times are seconds.
"""

import base64
import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

PREFIX = "/api/v2/listings/media"


def now() -> datetime:
    return datetime.now(UTC)


def iso(moment):
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


class Refused(Exception):
    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass
class Batch:
    batch_id: str
    listing_id: int
    files: dict
    status: str = "PENDING_UPLOAD"
    job_id: int | None = None
    jobs: int = 0
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    ends_at: datetime | None = None
    fails: bool = False


@dataclass
class Service:
    """
    The API: every batch becomes READY (or FAILED) *processing* seconds after it was completed.
    """

    identities: dict
    processing: float
    fail_first_job: bool
    lenient: str
    never_ready: bool
    slow_status: float
    wrong_batch_id: bool = False
    store_url: str = ""
    objects: dict = field(default_factory=dict)
    batches: dict = field(default_factory=dict)
    seen: list = field(default_factory=list)
    advanced: set = field(default_factory=set)
    jobs: int = 0

    def caller(self, headers):
        authorization = headers.get("authorization", "")
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or token not in self.identities:
            if self.lenient == "any_token" or (self.lenient == "no_token" and not authorization):
                return (0, "operator")
            raise Refused(401, "TOKEN_INVALID")
        return self.identities[token]

    def must_control(self, caller, listing_id, project):
        of, role = caller
        if self.lenient == "any_role" or role == "operator":
            return
        if of != listing_id or role != ("owner" if project else "photographer"):
            raise Refused(403, "NOT_OWNER" if project else "NOT_PHOTOGRAPHER")

    def answer(self, path, headers, body):
        caller = self.caller(headers)
        request = json.loads(body)
        listing_id = request["listingId"]
        if listing_id not in {listing for listing, _ in self.identities.values()}:
            raise Refused(404, "LISTING_NOT_FOUND")
        handler = {
            "/uploads": self.create,
            "/uploads/complete": self.complete,
            "/uploads/status": self.status,
            "/uploads/retry": self.retry,
            "/downloads/query": self.downloads,
        }[path.removeprefix(PREFIX)]
        return handler(caller, listing_id, request)

    def create(self, caller, listing_id, request):
        project = request["files"][0]["mediaType"].lower().startswith("project")
        self.must_control(caller, listing_id, project)
        if listing_id in self.advanced:
            raise Refused(404, "LISTING_STATUS_INVALID")
        batch_id = str(uuid.uuid4())
        files, tickets = {}, []
        for file in request["files"]:
            key = f"{listing_id}/raw/{batch_id}/{file['clientId']}-{file['filename']}"
            digest = checksum_base64(file["checksum"])
            ticket = {
                "Content-Type": file["contentType"],
                "x-amz-checksum-sha256": digest,
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "alias/toq-media-processing",
            }
            files[file["clientId"]] = {"key": key, "bytes": file["bytes"], "headers": ticket, "file": file}
            tickets.append(
                {
                    "clientId": file["clientId"],
                    "uploadUrl": self.sign("PUT", key),
                    "method": "PUT",
                    "headers": ticket,
                    "s3Key": key,
                    "title": file.get("title"),
                    "sequence": file["sequence"],
                }
            )
        batch = Batch(batch_id, listing_id, files)
        self.batches[batch_id] = batch
        is_wrong = self.wrong_batch_id and not request["batchReference"].startswith("canary")
        return 201, {"batchId": 5 if is_wrong else batch_id, "uploadUrlTtlSeconds": 900, "files": tickets}

    def sign(self, method, key):
        expires = int(time.time()) + 900
        secret = hashlib.sha256(f"{method} {key} {expires}".encode()).hexdigest()
        return f"{self.store_url}/bucket/{key}?X-Amz-Expires={expires}&X-Amz-Signature={secret}"

    def batch(self, listing_id, request):
        batch = self.batches.get(request["batchId"])
        if batch is None or batch.listing_id != listing_id:
            raise Refused(404, "BATCH_NOT_FOUND")
        self.advance(batch)
        return batch

    def advance(self, batch):
        if batch.status == "PROCESSING" and not self.never_ready and now() >= batch.ends_at:
            batch.status = "FAILED" if batch.fails else "READY"
            if batch.status == "READY":
                self.advanced.add(batch.listing_id)

    def complete(self, caller, listing_id, request):
        batch = self.batch(listing_id, request)
        self.must_control(caller, listing_id, self.is_project(batch))
        if batch.status != "PENDING_UPLOAD":
            raise Refused(409, "BATCH_STATUS_INVALID")
        if {file["clientId"] for file in request["files"]} != set(batch.files):
            raise Refused(400, "MANIFEST_INVALID")
        for file in request["files"]:
            kept = batch.files[file["clientId"]]
            if file["s3Key"] != kept["key"]:
                raise Refused(400, "MANIFEST_INVALID")
            stored = self.objects.get(kept["key"])
            if stored is None:
                raise Refused(409, "UPLOAD_MISSING")
            if len(stored) != file["bytes"] or len(stored) != kept["bytes"]:
                raise Refused(409, "SIZE_MISMATCH")
        return self.start(batch, "RECEIVED")

    def start(self, batch, answered):
        self.jobs += 1
        batch.jobs += 1
        batch.job_id = self.jobs
        batch.fails = self.fail_first_job and batch.jobs == 1
        batch.submitted_at = batch.started_at = now()
        batch.ends_at = now() + timedelta(seconds=self.processing)
        batch.status = "PROCESSING"
        return 202, {"jobId": batch.job_id, "status": answered, "estimatedDurationSeconds": 5}

    def retry(self, caller, listing_id, request):
        batch = self.batch(listing_id, request)
        self.must_control(caller, listing_id, self.is_project(batch))
        if batch.status not in {"READY", "FAILED"}:
            raise Refused(409, "BATCH_STATUS_INVALID")
        return self.start(batch, "PROCESSING")

    def is_project(self, batch):
        kind = next(iter(batch.files.values()))["file"]["mediaType"]
        return kind.lower().startswith("project")

    def may_read(self, caller, listing_id):
        of, role = caller
        if self.lenient != "any_role" and role != "operator" and (of != listing_id or role == "stranger"):
            raise Refused(403, "NOT_PHOTOGRAPHER")

    def status(self, caller, listing_id, request):
        self.may_read(caller, listing_id)
        batch = self.batch(listing_id, request)
        ended = batch.status in {"READY", "FAILED"}
        return 200, {
            "batchId": batch.batch_id,
            "status": batch.status,
            "submittedAt": iso(batch.submitted_at),
            "startedAt": iso(batch.started_at),
            "finishedAt": iso(batch.ends_at) if ended else None,
            "error": {"code": "THUMBNAIL_PROCESSING_FAILED"} if batch.status == "FAILED" else None,
            "processing": {"jobId": batch.job_id, "executionArn": None, "steps": []},
            "availableDownloads": [],
            "assets": [],
        }

    def downloads(self, caller, listing_id, request):
        self.may_read(caller, listing_id)
        if request.get("batchId"):
            batch = self.batch(listing_id, request)
            if batch.status != "READY":
                raise Refused(409, "BATCH_STATUS_INVALID")
        else:
            for each in self.batches.values():
                self.advance(each)
            ready = [b for b in self.batches.values() if b.listing_id == listing_id and b.status == "READY"]
            if not ready:
                return 204, None
            batch = ready[-1]
        items = [
            {
                "label": name,
                "preview": None,
                "url": self.sign("GET", kept["key"]),
                "resolution": "640x480",
                "title": None,
                "sequence": kept["file"]["sequence"],
            }
            for name, kept in batch.files.items()
        ]
        zip_key = f"{listing_id}/zip/{batch.batch_id}/full.zip"
        self.objects[zip_key] = b"PK\x05\x06" + b"\0" * 18
        return 200, {
            "batchId": batch.batch_id,
            "generatedAt": iso(now()),
            "ttlSeconds": 3600,
            "downloads": [
                {"type": "ZIP_FULL", "url": self.sign("GET", zip_key), "expiresAt": iso(now())},
                {"type": next(iter(batch.files.values()))["file"]["mediaType"], "items": items},
            ],
        }


def checksum_base64(text):
    text = text.removeprefix("sha256:")
    if len(text) == 64:
        return base64.b64encode(bytes.fromhex(text)).decode()
    return text


def store(service, method, target, headers, body):
    """
    Store or return an object if signature, headers and checksum are right.
    """
    parts = urlsplit(target)
    key = parts.path.removeprefix("/bucket/")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if "authorization" in headers:
        raise Refused(400, "InvalidArgument")
    expires = query.get("X-Amz-Expires", "0")
    if service.lenient != "any_signature":
        right = hashlib.sha256(f"{method} {key} {expires}".encode()).hexdigest()
        if query.get("X-Amz-Signature") != right or int(expires) < time.time():
            raise Refused(403, "SignatureDoesNotMatch")
    if method == "GET":
        if key not in service.objects:
            raise Refused(404, "NoSuchKey")
        return 200, service.objects[key], []
    ticket = next(
        kept["headers"]
        for batch in service.batches.values()
        for kept in batch.files.values()
        if kept["key"] == key
    )
    for name, value in ticket.items():
        if headers.get(name.lower()) != value:
            raise Refused(403, "SignatureDoesNotMatch")
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if service.lenient != "any_checksum" and digest != headers["x-amz-checksum-sha256"]:
        raise Refused(400, "BadDigest")
    service.objects[key] = body
    return 200, b"", [(b"etag", f'"{hashlib.sha256(body).hexdigest()}"'.encode())]
