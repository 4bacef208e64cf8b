"""
What a service and its surroundings say about a run, in the words of the auditor.

A rehearsal, a database with its AWS, and the tables of a run folder are read into the same ledger. What a
source cannot tell is None: the rules that need it are not applied, and the audit names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: its id, what broke it, and a sentence."""

    rule: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.text}"


@dataclass(frozen=True, slots=True)
class AuditedListing:
    """A listing; *status* is its number."""

    id: int
    status: int
    is_development: bool


@dataclass(frozen=True, slots=True)
class AuditedBatch:
    """
    A batch.

    Attributes:
        accepted: A client has got the answer 202, or the service says that it has received the batch.
        uploads: The keys of its raw files; None if unknown.
        is_open: It may still end: it was not observed for long enough to call it lost.
    """

    id: str
    listing_id: int
    family: str
    status: str
    accepted: bool
    is_deleted: bool = False
    uploads: tuple[str, ...] | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class AuditedJob:
    """
    A job; a larger id is newer.

    Attributes:
        ends: How often a callback ended it; None if unknown.
        messages: How many messages it has had in the outbox; None if unknown.
    """

    id: int
    batch_id: str
    status: str
    error_code: str | None = None
    ends: int | None = None
    messages: int | None = None


@dataclass(frozen=True, slots=True)
class AuditedAsset:
    """An uploaded file, or a ZIP (``ZIP``), with the keys of all its derived objects."""

    batch_id: str
    type: str
    source_key: str
    processed_key: str | None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditedExecution:
    """
    An execution of the state machine.

    Attributes:
        finished_work: Before its job ended it had made its bundle, without a failed file.
    """

    name: str
    job_id: int | None
    status: str
    finished_work: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """
    Everything that is audited.

    Attributes:
        executions: None if Step Functions could not be asked.
        all_executions: Whether every execution is known, so that a job without one is wrong.
        objects: The keys in the bucket; None if it could not be listed.
        broken: Keys of objects that exist but do not decode, or have another checksum, with the reason.
        unsent: Number of messages that were not sent, or not acknowledged; None if unknown.
        counters: Counts of the service's metrics by name, each with what the database says; None if unknown.
        uncounted: Whether a count may be lost, because a process was killed or an answer was lost.
        noted: Violations that were seen while they happened.
        stories: What happened to a batch, by its id.
        regular: Number of further batches that can break no rule: each was accepted, and has one job, which
            ended once, and one execution, which ended. A run has a hundred thousand of them.
    """

    listings: tuple[AuditedListing, ...] | None
    batches: tuple[AuditedBatch, ...]
    jobs: tuple[AuditedJob, ...]
    assets: tuple[AuditedAsset, ...] | None = None
    executions: tuple[AuditedExecution, ...] | None = None
    all_executions: bool = True
    objects: frozenset[str] | None = None
    broken: Mapping[str, str] = field(default_factory=dict)
    unsent: int | None = None
    counters: Mapping[str, tuple[float, float]] | None = None
    uncounted: bool = False
    noted: tuple[Violation, ...] = ()
    stories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    regular: int = 0

    @property
    def open_batches(self) -> frozenset[str]:
        """The batches that may still end."""
        return frozenset(batch.id for batch in self.batches if batch.is_open)
