"""
The schema migrations: each file once and in order, with an error after an unfinished one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from harness.service.adapters.mysql.migrations import SCHEMA, Migration, SchemaError, migrate
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement

TABLES = Statement(
    "select",
    "information_schema",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
)


@pytest.fixture
def empty(database_url: str) -> Iterator[Pool]:
    """An empty database for one test."""
    maker = Pool(DatabaseAddress.parse(database_url))
    with maker.session() as session:
        session.write(Statement("create", "", "CREATE DATABASE empty_one COLLATE utf8mb4_unicode_ci"))
    pool = Pool(DatabaseAddress.parse(database_url.replace("/toq_server?", "/empty_one?")))
    yield pool
    pool.close()
    with maker.session() as session:
        session.write(Statement("drop", "", "DROP DATABASE empty_one"))
    maker.close()


def files(directory: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (directory / f"{name.lstrip('m')}.sql").write_text(text)
    return directory


class TestSchema:
    def test_the_files_are_numbered_without_a_gap(self) -> None:
        """
        The numbers start at 0001.
        """
        numbers = [Migration.read(path).id for path in sorted(SCHEMA.glob("*.sql"))]

        assert numbers == list(range(1, len(numbers) + 1))

    def test_every_table_says_its_engine_and_collation(self) -> None:
        """
        The defaults of a server are not relied on.
        """
        for path in SCHEMA.glob("*.sql"):
            text = path.read_text()
            endings = re.findall(
                r"ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;", text
            )

            assert len(endings) == text.count("CREATE TABLE"), path.name


@pytest.mark.stack
class TestMigrate:
    def test_an_empty_database_gets_every_table_once(self, empty: Pool) -> None:
        """
        A second migration changes nothing.
        """
        first, again = migrate(empty), migrate(empty)
        with empty.session() as session:
            tables = {row[0] for row in session.all(TABLES)}

        assert first[0] == "0001_users"
        assert again == []
        assert tables == {
            "listing_identities",
            "listing_media_assets",
            "listing_media_batches",
            "listing_media_jobs",
            "listing_versions",
            "media_dead_letters",
            "media_outbox",
            "photographer_photo_session_bookings",
            "schema_version",
            "user_privileges",
            "users",
        }

    def test_an_unfinished_migration_is_refused_by_name(self, empty: Pool, tmp_path: Path) -> None:
        """
        First the error itself is raised; later migrations fail until the database is repaired.
        """
        schema = files(tmp_path, m0001_two="CREATE TABLE a (i INT);\nCREATE TABEL b (i INT);\n")
        with pytest.raises(pymysql.ProgrammingError, match="TABEL"):
            migrate(empty, schema)

        with pytest.raises(SchemaError, match="0001_two was not finished: it failed at statement 2"):
            migrate(empty, schema)

    def test_a_changed_file_is_refused(self, empty: Pool, tmp_path: Path) -> None:
        """
        An applied migration must not change.
        """
        migrate(empty, files(tmp_path, m0001_one="CREATE TABLE a (i INT);\n"))

        with pytest.raises(SchemaError, match="0001_one was changed"):
            migrate(empty, files(tmp_path, m0001_one="CREATE TABLE a (i BIGINT);\n"))

    def test_a_newer_database_is_refused(self, empty: Pool, tmp_path: Path) -> None:
        """
        An old version does not know the schema of a newer one.
        """
        migrate(empty, files(tmp_path, m0001_one="CREATE TABLE a (i INT);\n"))
        (tmp_path / "0001_one.sql").unlink()

        with pytest.raises(SchemaError, match="too old"):
            migrate(empty, tmp_path)

    def test_new_files_are_applied_in_order(self, empty: Pool, tmp_path: Path) -> None:
        """
        A file may have comments and several statements.
        """
        migrate(empty, files(tmp_path, m0001_one="-- a; comment;\nCREATE TABLE a (i INT);\n"))
        later = files(
            tmp_path,
            m0003_three="ALTER TABLE b ADD k INT;",
            m0002_two="CREATE TABLE b (i INT);\nCREATE TABLE c (i INT);",
        )

        assert migrate(empty, later) == ["0002_two", "0003_three"]
