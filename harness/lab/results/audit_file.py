"""
``audit.json`` in a run folder: the audits of the run, by what they were made from.

``tables`` is the audit of the run's own tables. ``stack`` is that of the database and the AWS of the local
stack. It is made when a live run ends, because the stack may be gone later.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.audit.auditor import Audit
from harness.lab.results.run import RunUnreadable

FILE = "audit.json"
TABLES, STACK = "tables", "stack"


class AuditFile(BaseModel):
    """The content of ``audit.json``; ``version`` changes when the meaning of a value changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    audits: Mapping[str, Audit] = {}


def read_audits(folder: Path) -> Mapping[str, Audit]:
    """Return the audits of a run folder; a damaged file is `RunUnreadable`."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        return AuditFile.model_validate_json(path.read_text(encoding="utf-8")).audits
    except OSError as error:
        raise RunUnreadable(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise RunUnreadable(f"{path} is not a valid audit: {place}: {first['msg']}") from error


def write_audit(folder: Path, source: str, audit: Audit) -> None:
    """Add an audit to a run folder; it replaces the one from the same source."""
    content = AuditFile(audits={**read_audits(folder), source: audit})
    (folder / FILE).write_text(content.model_dump_json(indent=2) + "\n", encoding="utf-8")
