"""
The migrations of the database schema: files ``schema/NNNN_name.sql``, each applied once, in order.

DDL cannot be rolled back. So the start and the end of every file are recorded, and a file that was started
but not finished makes every later migration fail, with the name of the file. A statement ends with a
semicolon at the end of a line.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from harness.service.adapters.mysql.pool import Pool
from harness.service.adapters.mysql.session import DatabaseSession, Statement

SCHEMA = Path(__file__).parent / "schema"
LOCK_TIMEOUT_S = 30

_VERSIONS = "schema_version"
_CREATE = Statement(
    "create",
    _VERSIONS,
    """
    CREATE TABLE IF NOT EXISTS schema_version (
        id         INT UNSIGNED NOT NULL,
        name       VARCHAR(100) NOT NULL,
        sha256     CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        statement  INT UNSIGNED NOT NULL DEFAULT 0,
        started_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
        done_at    DATETIME(6) NULL,
        PRIMARY KEY (id)
    ) ENGINE = InnoDB
    """,
)
# The name includes the database, because the names of these locks are global to the server.
_LOCK = Statement("lock", _VERSIONS, "SELECT GET_LOCK(CONCAT(DATABASE(), '.migrate'), %s)")
_UNLOCK = Statement("lock", _VERSIONS, "SELECT RELEASE_LOCK(CONCAT(DATABASE(), '.migrate'))")
_APPLIED = Statement(
    "select", _VERSIONS, "SELECT id, name, sha256, statement, done_at FROM schema_version ORDER BY id"
)
_BEGIN = Statement("insert", _VERSIONS, "INSERT INTO schema_version (id, name, sha256) VALUES (%s, %s, %s)")
_REACH = Statement("update", _VERSIONS, "UPDATE schema_version SET statement = %s WHERE id = %s")
_DONE = Statement(
    "update", _VERSIONS, "UPDATE schema_version SET done_at = CURRENT_TIMESTAMP(6) WHERE id = %s"
)


class SchemaError(RuntimeError):
    """The schema of the database does not match this version."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the directory ``schema``."""

    id: int
    name: str
    text: str

    @classmethod
    def read(cls, path: Path) -> "Migration":
        match = re.fullmatch(r"(\d{4})_(\w+)", path.stem)
        if not match:
            raise SchemaError(f"{path.name} is not named NNNN_name.sql")
        return cls(int(match[1]), path.stem, path.read_text("utf-8"))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        without_comments = re.sub(r"^--.*\n", "", self.text, flags=re.MULTILINE)
        return [part.strip() for part in re.split(r";[ \t]*(?:\n|\Z)", without_comments) if part.strip()]


def migrate(pool: Pool, directory: Path = SCHEMA) -> list[str]:
    """
    Apply the missing migrations and return their names, in order.

    Raises:
        SchemaError: A migration was not finished, was changed after it was applied, or is unknown to this
            version; or another migration has been running for 30 s.
        Unavailable: The database does not answer.
    """
    migrations = sorted((Migration.read(path) for path in directory.glob("*.sql")), key=lambda it: it.id)
    with pool.session() as session:
        if session.one(_LOCK, LOCK_TIMEOUT_S) != (1,):
            raise SchemaError(f"Another migration of {pool.address} has been running for {LOCK_TIMEOUT_S} s.")
        try:
            session.write(_CREATE)
            missing = _missing(session, migrations)
            for migration in missing:
                _apply(session, migration)
        finally:
            session.one(_UNLOCK)
    return [migration.name for migration in missing]


def _missing(session: DatabaseSession, migrations: list[Migration]) -> list[Migration]:
    known = {migration.id: migration for migration in migrations}
    applied = session.all(_APPLIED)
    for version, name, sha256, statement, done_at in applied:
        if done_at is None:
            raise SchemaError(
                f"Migration {name} was not finished: it failed at statement {statement}. "
                "Repair the database manually, or use an empty database."
            )
        if version not in known:
            raise SchemaError(f"Migration {name} of the database is unknown: this version is too old.")
        if known[version].sha256 != sha256:
            reason = "was changed after it was applied: add a new migration instead"
            raise SchemaError(f"Migration {name} {reason}.")
    done = {row[0] for row in applied}
    return [migration for migration in migrations if migration.id not in done]


def _apply(session: DatabaseSession, migration: Migration) -> None:
    session.write(_BEGIN, migration.id, migration.name, migration.sha256)
    for number, sql in enumerate(migration.statements, start=1):
        session.write(_REACH, number, migration.id)
        session.write(Statement("migrate", migration.name, sql))
    session.write(_DONE, migration.id)
