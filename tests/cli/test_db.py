"""
``harness db``: one clear sentence, and the right exit code.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli.db import app


def harness_db(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(autouse=True)
def no_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stack is up and no database is named."""
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "stack.json"))
    monkeypatch.delenv("HARNESS_DATABASE_URL", raising=False)


class TestUrl:
    def test_without_a_stack_it_says_how_to_get_one(self) -> None:
        """
        Nothing on stdout that a script could take for a URL.
        """
        result = harness_db("url")

        assert (result.exit_code, result.stdout) == (5, "")
        assert "harness up" in result.stderr

    def test_a_named_database_is_printed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        As it was named.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", "mysql://u:p@db.example.org/toq")

        assert harness_db("url").stdout == "mysql://u:p@db.example.org/toq\n"


class TestShell:
    def test_the_password_is_not_an_argument(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It goes through the environment, quoted.
        """
        monkeypatch.setenv("HARNESS_DATABASE_URL", "mysql://u:it's@db.example.org/toq")

        line = harness_db("shell").stdout.strip()

        assert line == "MYSQL_PWD='it'\"'\"'s' mysql --host=db.example.org --port=3306 --user=u toq"


class TestStatus:
    def test_a_database_that_does_not_answer_is_named(self) -> None:
        """
        Without its password.
        """
        result = harness_db("status", "--url", "mysql://u:secret@localhost/toq?unix_socket=/no/such")

        assert result.exit_code == 5
        assert "No answer from u@/no/such/toq" in result.stderr
        assert "secret" not in result.stderr

    def test_a_wrong_url_is_a_wrong_usage(self) -> None:
        """
        With what is wrong about it.
        """
        result = harness_db("status", "--url", "postgresql://u@h/db")

        assert result.exit_code == 2
        assert "must begin with mysql" in result.stderr

    @pytest.mark.stack
    def test_engine_version_and_place_are_told(self, database_url: str) -> None:
        """
        What runs is what is said to run.
        """
        result = harness_db("status", "--url", database_url)

        assert result.exit_code == 0
        assert result.stdout.startswith(("MariaDB 1", "MySQL "))
        assert "toq_app@/" in result.stdout


class TestMigrate:
    def test_without_a_database_it_asks_for_one(self) -> None:
        """
        It never starts a server of its own only to migrate it.
        """
        result = harness_db("migrate")

        assert result.exit_code == 2
        assert "--url" in result.stderr

    @pytest.mark.stack
    def test_an_up_to_date_schema_is_left_alone(self, database_url: str) -> None:
        """
        And said to be.
        """
        result = harness_db("migrate", "--url", database_url)

        assert (result.exit_code, result.stdout) == (0, "nothing to do\n")
