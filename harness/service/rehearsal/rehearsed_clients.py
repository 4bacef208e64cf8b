"""The clients of a rehearsal: what photographers, owners and operators do, drawn from a seed."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harness.service.core.errors import BatchStatusInvalid, MediaError, Unavailable
from harness.service.core.model.access_policy import Caller
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.listing import OFF_PLAN_HOUSE
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType
from harness.service.core.use_cases.complete_upload_batch import UploadedFile
from harness.service.core.use_cases.create_upload_batch import CreatedBatch
from harness.service.rehearsal.fault_decisions import Strike
from harness.service.rehearsal.rehearsed_process import ProcessDown
from harness.service.rehearsal.rehearsed_service import RehearsedService
from harness.states_language.host import nanoseconds

OWNER, PHOTOGRAPHER = UserId(1), UserId(2)
APARTMENT = 1
REQUEST = (Strike.DELAY, Strike.UNAVAILABLE, Strike.LOST_ANSWER)
UPLOAD = (Strike.DELAY, Strike.LOST)
ATTEMPTS = 5
LATER = (2.0, 5.0, 8.0, 20.0, 60.0, 150.0, 400.0, 1500.0, 2400.0)
"""When a client does something with its batch after it was accepted [s]."""


@dataclass(frozen=True, slots=True)
class PlannedClient:
    """
    What one client does.

    Attributes:
        begins: When it creates its batch [s].
        files: Names of its files; a name with ``.mp4`` is a video, one with ``.pdf`` a document.
        abandons: It never completes the upload.
        doubles: It completes and retries twice at the same time, as a page with two clicks.
        replaces: It replaces the last batch of the listing.
        later: What it does after the batch was accepted, with the pause before [s].
    """

    number: int
    listing: int
    begins: float
    files: tuple[str, ...]
    reference: str
    abandons: bool = False
    doubles: bool = False
    replaces: bool = False
    later: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """
    What all clients of a schedule do.

    Attributes:
        listings: The listings, each with whether it is a development.
        heals_at: From when on no fault strikes [s].
        slowness: How many times as long as usual the functions and the transcoder take.
    """

    listings: tuple[tuple[int, bool], ...]
    clients: tuple[PlannedClient, ...]
    heals_at: float
    slowness: float = 1.0

    @classmethod
    def of(cls, seed: int) -> "ClientPlan":
        """Draw a plan."""
        draw = random.Random(f"clients {seed}")
        listings = tuple((number, draw.random() < 0.25) for number in range(1, 1 + draw.choice((1, 1, 2))))
        clients: list[PlannedClient] = []
        for listing, development in listings:
            for _ in range(draw.choice((1, 2, 2, 3))):
                clients.append(_client(draw, len(clients) + 1, listing, development))
        return cls(
            listings, tuple(clients), draw.choice((900.0, 2700.0, 4000.0)), draw.choice((1.0, 1.0, 5.0, 30.0))
        )


def _client(draw: random.Random, number: int, listing: int, development: bool) -> PlannedClient:
    chance = draw.random
    names = [f"photo{index}.jpg" for index in range(draw.choice((1, 1, 2)))]
    if development and chance() < 0.5:
        names = ["plan.pdf"]
    elif chance() < 0.2:
        names.append("tour.mp4")
    if chance() < 0.12:
        names[0] = draw.choice(("corrupt-", "damaged-")) + names[0]
    later = []
    for what, likely in (
        ("retry", 0.5),
        ("delete", 0.2),
        ("retry", 0.4),
        ("status", 0.1),
        ("downloads", 0.3),
    ):
        if chance() < likely:
            later.append((draw.choice(LATER), what))
    return PlannedClient(
        number,
        listing,
        draw.choice((0.0, 0.0, 1.0, 10.0, 300.0)),
        tuple(names),
        reference=draw.choice(("shoot", f"shoot {number}", f"shoot {number}")),
        abandons=chance() < 0.08,
        doubles=chance() < 0.3,
        replaces=chance() < 0.15,
        later=tuple(later),
    )


@dataclass(slots=True)
class RehearsedClients:
    """
    The clients, over the use cases of the API.

    Attributes:
        accepted: The batches for which a client got the answer 202.
        active: How many clients have not finished.
    """

    service: RehearsedService
    plan: ClientPlan
    accepted: set[BatchId] = field(default_factory=set)
    active: int = 0
    _latest: dict[int, BatchId] = field(default_factory=dict)

    def start(self) -> None:
        """Create the listings, and let the clients begin."""
        listings, time = self.service.listings, self.service.around.time
        for number, development in self.plan.listings:
            kind = OFF_PLAN_HOUSE if development else APARTMENT
            listings.add_listing(number, owner_id=OWNER, property_type=kind)
            listings.add_booking(number, photographer_id=PHOTOGRAPHER)
        for client in self.plan.clients:
            self.active += 1
            work = _counted(self, partial(self._upload, client))
            time.spawn(f"client {client.number}", work, nanoseconds(client.begins))

    def _upload(self, client: PlannedClient) -> None:
        created = self._create(client)
        if created is None:
            return
        self._latest[client.listing] = created.batch_id
        for slot in created.slots:
            self._put(slot.key, slot.file)
        if client.abandons:
            return
        self._again(client, lambda: self._complete(client, created))
        self._complete(client, created)
        for pause, what in client.later:
            self.service.around.time.sleep(nanoseconds(pause))
            if what == "retry":
                self._again(client, lambda: self._act(client, created.batch_id, "retry"))
            self._act(client, created.batch_id, what)

    def _again(self, client: PlannedClient, step: Callable[[], None]) -> None:
        """Do a step also in a second task, if the client does so."""
        if client.doubles:
            self.active += 1
            self.service.around.time.spawn(f"client {client.number} again", _counted(self, step))

    def _create(self, client: PlannedClient) -> CreatedBatch | None:
        files = [_file(name, position) for position, name in enumerate(client.files, start=1)]
        replaced = self._latest.get(client.listing) if client.replaces else None
        created = self._request(
            "create",
            lambda: self.service.api_service.create_upload_batch(
                _caller(client), ListingId(client.listing), client.reference, files, replaces=replaced
            ),
        )
        return created if isinstance(created, CreatedBatch) else None

    def _put(self, key: str, file: ManifestFile) -> None:
        around = self.service.around
        around.time.sleep(nanoseconds(0.4))
        decision = around.decide("PUT", UPLOAD)
        if decision and decision.strike is Strike.DELAY:
            around.time.sleep(nanoseconds(decision.seconds))
        if decision and decision.strike is Strike.LOST:
            return
        self.service.storage.put_announced(
            key, size=file.bytes, checksum=file.checksum, content_type=file.content_type
        )

    def _complete(self, client: PlannedClient, created: CreatedBatch) -> None:
        files = [
            UploadedFile(slot.file.client_id, slot.key, "etag", slot.file.bytes) for slot in created.slots
        ]
        answer = self._request(
            "complete",
            lambda: self.service.api_service.complete_upload_batch(
                _caller(client), ListingId(client.listing), created.batch_id, files
            ),
        )
        if answer is not None:
            self.accepted.add(created.batch_id)

    def _act(self, client: PlannedClient, batch_id: BatchId, what: str) -> None:
        service, caller, listing = self.service.api_service, _caller(client), ListingId(client.listing)
        actions: dict[str, Callable[[], Any]] = {
            "retry": lambda: service.retry_media_batch(caller, listing, batch_id, "rehearsed"),
            "delete": lambda: service.delete_media_batch(caller, listing, batch_id, "rehearsed"),
            "status": lambda: service.get_batch_status(caller, listing, batch_id),
            "downloads": lambda: self._downloads(caller, listing, batch_id),
        }
        self._request(what, actions[what])

    def _downloads(self, caller: Caller, listing: ListingId, batch_id: BatchId) -> Any:
        """Ask for the downloads of a batch: once it was READY, they must be offered, and exist."""
        was_ready = batch_id in self.service.observer.ready
        try:
            found = self.service.api_service.list_download_urls(caller, listing, batch_id)
        except BatchStatusInvalid:
            if was_ready:
                self.service.observer.note("download-refused", batch_id, "was READY once")
            raise
        assert found is not None  # noqa: S101 - the batch was named
        urls = [item.url for group in found.groups for item in group.items]
        for url in [*urls, *([found.zip.url] if found.zip else [])]:
            key = url.partition("bucket/")[2].partition("?")[0]
            if key not in self.service.storage.objects:
                self.service.observer.note("download-dead", batch_id, f"offers {key}, which is gone")
        return found

    def _request(self, name: str, use_case: Callable[[], Any]) -> Any:
        """Make a request, again after errors of the server; return None if it was refused or not answered."""
        around = self.service.around
        for attempt in range(ATTEMPTS):
            around.time.sleep(nanoseconds(2.0**attempt if attempt else 0.0))
            try:
                return self._try(name, use_case)
            except (ProcessDown, Unavailable) as error:
                around.tell(f"{name} is not answered: {error}")
            except MediaError as error:
                around.tell(f"{name} is refused: {error.reason}")
                return None
        return None

    def _try(self, name: str, use_case: Callable[[], Any]) -> Any:
        around = self.service.around
        around.disturbed_at = around.time.now
        decision = around.decide(f"POST {name}", REQUEST)
        strike = decision.strike if decision else None
        if decision and strike is Strike.DELAY:
            around.time.sleep(nanoseconds(decision.seconds))
        if strike is Strike.UNAVAILABLE:
            raise ProcessDown("the connection failed")
        with self.service.api.running():
            answer = use_case()
        if strike is Strike.LOST_ANSWER:
            raise ProcessDown("no answer")
        around.tell(f"{name} is answered")
        return answer


def _counted(clients: RehearsedClients, work: Callable[[], None]) -> Callable[[], None]:
    def counted() -> None:
        try:
            work()
        finally:
            clients.active -= 1

    return counted


def _caller(client: PlannedClient) -> Caller:
    return Caller(OWNER if client.files[0].endswith(".pdf") else PHOTOGRAPHER)


def _file(name: str, position: int) -> ManifestFile:
    kinds = {
        "jpg": (MediaType.PHOTO_HORIZONTAL, "image/jpeg"),
        "mp4": (MediaType.VIDEO_HORIZONTAL, "video/mp4"),
        "pdf": (MediaType.PROJECT_DOC, "application/pdf"),
    }
    media_type, content_type = kinds[name.rpartition(".")[2]]
    checksum = Sha256(hashlib.sha256(name.encode()).hexdigest())
    return ManifestFile(f"c{position}", media_type, name, content_type, 100 + position, checksum, position)
