"""
What a server lacks, on a real one: each setting is spoiled, found, and mended by the statement that is given.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from typer.testing import CliRunner

from harness.cli.db import app
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.stack.database.database_engine import engine_of
from harness.stack.database.server_requirements import PRIVILEGES, Finding, examine_server, granted

SPOILED = {
    "max_allowed_packet": ("1048576", True),
    "max_connections": ("20", True),
    "max_user_connections": ("10", True),
    "wait_timeout": ("10", True),
    "innodb_flush_log_at_trx_commit": ("0", True),
    "sql_mode": ("''", False),
    "time_zone": ("'+03:00'", False),
    "read_only": ("ON", True),
}
"""A bad value of each variable, and whether the service fails or loses work with it."""

Run = Callable[[str], None]


@pytest.fixture
def run(database_url: str) -> Iterator[Run]:
    """Run a statement on the server; global variables are restored."""
    with closing(Pool(DatabaseAddress.parse(database_url), size=1)) as pool:

        def execute(sql: str) -> None:
            with pool.session() as session:
                session.write(Statement("test", "", sql))

        with pool.session() as session:
            names = list(SPOILED)
            wanted = Statement("test", "", "SHOW GLOBAL VARIABLES WHERE Variable_name IN %s")
            before = {str(row[0]): str(row[1]) for row in session.all(wanted, names)}
        yield execute
        with pool.session() as session:
            after = {str(row[0]): str(row[1]) for row in session.all(wanted, names)}
        for name, value in set(before.items()) - set(after.items()):
            execute(f"SET GLOBAL {name} = {value if value.isdigit() else repr(value)}")


def lacking(url: str) -> dict[str, Finding]:
    return {one.name: one for one in examine_server(url) if not one.holds}


@pytest.mark.stack
class TestExamineServer:
    @pytest.mark.parametrize(("name", "value", "required"), [(n, *v) for n, v in SPOILED.items()])
    def test_the_statement_mends_what_is_lacking(
        self, database_url: str, run: Run, name: str, value: str, required: bool
    ) -> None:
        """
        The setting is named once it is bad, and no longer after its own statement.
        """
        if name == "max_user_connections" and engine_of(database_url).is_mariadb:
            pytest.skip("MariaDB turns this limit on at its start only")
        run(f"SET GLOBAL {name} = {value}")

        found = lacking(database_url)[name]
        run(found.mend.replace("PERSIST", "GLOBAL").split(";")[0])

        assert (found.required, bool(found.reason)) == (required, True)
        assert name not in lacking(database_url)

    def test_an_account_without_a_privilege_gets_the_grant(self, database_url: str, run: Run) -> None:
        """
        The statement names the missing privileges, the database and the account; run as it is, it mends.
        """
        address = DatabaseAddress.parse(database_url)
        run("CREATE USER 'weak'@'localhost' IDENTIFIED BY 'pw'")
        try:
            run(f"GRANT SELECT, INSERT ON `{address.database}`.* TO 'weak'@'localhost'")
            weak = f"mysql://weak:pw@localhost/{address.database}?unix_socket={address.unix_socket}"

            found = lacking(weak)["privileges"]
            run(found.mend.rstrip(";"))

            assert "has not UPDATE, DELETE, CREATE" in found.found
            assert "privileges" not in lacking(weak)
        finally:
            run("DROP USER 'weak'@'localhost'")

    def test_a_database_of_another_character_set(self, database_url: str, run: Run) -> None:
        """
        It is advice: the service's own tables name theirs.
        """
        database = DatabaseAddress.parse(database_url).database
        run(f"ALTER DATABASE `{database}` CHARACTER SET latin1")

        found = lacking(database_url)["character set"]
        run(found.mend.rstrip(";"))

        assert (found.required, found.found[:6]) == (False, "latin1")
        assert "character set" not in lacking(database_url)


class TestGranted:
    @pytest.mark.parametrize(
        ("grant", "held"),
        [
            ("GRANT ALL PRIVILEGES ON *.* TO `u`@`h`", set(PRIVILEGES)),
            ("GRANT ALL PRIVILEGES ON `toq_server`.* TO `u`@`h` WITH GRANT OPTION", set(PRIVILEGES)),
            (r"GRANT SELECT ON `toq\_server`.* TO `u`@`h`", {"SELECT"}),
            ("GRANT SELECT, INSERT ON `toq%`.* TO `u`@`h`", {"SELECT", "INSERT"}),
            (r"GRANT SELECT ON `toq\_`.* TO `u`@`h`", set()),
            ("GRANT SELECT ON `other`.* TO `u`@`h`", set()),
            ("GRANT SELECT ON `toq_server`.`users` TO `u`@`h`", set()),
            ("GRANT USAGE ON *.* TO `u`@`h`", {"USAGE"}),
        ],
    )
    def test_only_grants_on_the_whole_database_count(self, grant: str, held: set[str]) -> None:
        """
        The database of a grant is a pattern; a grant on one table does not suffice.
        """
        assert granted(iter([grant]), "toq_server") == held


@pytest.mark.stack
class TestDoctor:
    def test_the_exit_code_tells_a_lack_from_advice(self, database_url: str, run: Run) -> None:
        """
        Advice is exit code 0, a lack is 5; the output has the statement.
        """
        run("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
        advised = CliRunner().invoke(app, ["doctor", "--url", database_url])
        run("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
        refused = CliRunner().invoke(app, ["doctor", "--url", database_url])
        as_json = CliRunner().invoke(app, ["doctor", "--url", database_url, "--json"])

        assert (advised.exit_code, refused.exit_code, as_json.exit_code) == (0, 5, 5)
        assert "innodb_flush_log_at_trx_commit = 1" in refused.stdout
        assert {one["name"] for one in json.loads(as_json.stdout)} >= {"version", "InnoDB", "privileges"}

    def test_an_account_that_is_refused_is_one_sentence(self, database_url: str) -> None:
        """
        The server's own words, without a traceback and without the password.
        """
        address = DatabaseAddress.parse(database_url)
        wrong = f"mysql://{address.user}:nonsense@localhost/toq?unix_socket={address.unix_socket}"

        result = CliRunner().invoke(app, ["doctor", "--url", wrong])

        assert result.exit_code == 5
        assert "Access denied" in result.stderr
        assert "nonsense" not in result.stderr
