"""
``harness db``: output, messages and exit codes.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli.db import app
from harness.lab.workload.identities import Identities


def harness_db(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(autouse=True)
def no_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stack runs and no database URL is set."""
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "stack.json"))
    monkeypatch.delenv("HARNESS_DATABASE_URL", raising=False)


class TestUrl:
    def test_without_a_stack_the_error_says_how_to_start_one(self) -> None:
        """
        Standard output stays empty: a script must not read a URL.
        """
        result = harness_db("url")

        assert (result.exit_code, result.stdout) == (5, "")
        assert "harness up" in result.stderr

    def test_the_url_of_the_variable_is_printed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It is printed unchanged.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", "mysql://u:p@db.example.org/toq")

        assert harness_db("url").stdout == "mysql://u:p@db.example.org/toq\n"


class TestShell:
    def test_the_password_is_not_an_argument(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It is in the environment, quoted for the shell.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", "mysql://u:it's@db.example.org/toq")

        line = harness_db("shell").stdout.strip()

        assert line == "MYSQL_PWD='it'\"'\"'s' mysql --host=db.example.org --port=3306 --user=u toq"


class TestSeed:
    @pytest.mark.stack
    def test_new_listings_have_tokens(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """
        The file is one for harness load --identities.
        """
        monkeypatch.setenv("MEDIA_JWT_KEY", "k" * 32)
        out = tmp_path / "people.csv"
        result = harness_db(
            "seed", "--url", database_url, "--listings", "3", "--developments", "1", "--out", str(out)
        )

        assert (result.exit_code, result.stdout[:10]) == (0, "4 listings")
        assert [one.development for one in Identities.read(out).listings] == [False] * 3 + [True]

    def test_without_the_key_the_variable_is_named(self, tmp_path: Path) -> None:
        """
        Nothing is added to the database, which does not exist.
        """
        result = harness_db("seed", "--url", "mysql://u@localhost/t", "--out", str(tmp_path / "people.csv"))

        assert result.exit_code == 2
        assert "MEDIA_JWT_KEY is not set" in result.stderr


class TestStatus:
    def test_a_database_that_does_not_answer_is_named(self) -> None:
        """
        The error has the address without the password.
        """
        result = harness_db("status", "--url", "mysql://u:secret@localhost/toq?unix_socket=/no/such")

        assert result.exit_code == 5
        assert "No answer from u@/no/such/toq" in result.stderr
        assert "secret" not in result.stderr

    def test_an_invalid_url_is_a_usage_error(self) -> None:
        """
        The error says what is wrong with it.
        """
        result = harness_db("status", "--url", "postgresql://u@h/db")

        assert result.exit_code == 2
        assert "must begin with mysql" in result.stderr

    @pytest.mark.stack
    def test_engine_version_and_address_are_printed(self, database_url: str) -> None:
        """
        They are those of the server that answers.
        """
        result = harness_db("status", "--url", database_url)

        assert result.exit_code == 0
        assert result.stdout.startswith(("MariaDB 1", "MySQL "))
        assert "toq_app@/" in result.stdout


class TestMigrate:
    def test_without_a_database_it_is_a_usage_error(self) -> None:
        """
        The error names the option; no private server is started.
        """
        result = harness_db("migrate")

        assert result.exit_code == 2
        assert "--url" in result.stderr

    @pytest.mark.stack
    def test_a_current_schema_is_not_changed(self, database_url: str) -> None:
        """
        The output says so.
        """
        result = harness_db("migrate", "--url", database_url)

        assert (result.exit_code, result.stdout) == (0, "nothing to do\n")
