"""
The engine of a database, parsed from its version.
"""

import pytest

from harness.stack.database.database_engine import DatabaseEngine


class TestDatabaseEngine:
    @pytest.mark.parametrize(
        ("answer", "engine", "supported"),
        [
            ("10.11.14-MariaDB-0+deb12u2", "MariaDB 10.11.14", True),
            ("5.5.5-10.6.0-MariaDB", "MariaDB 10.6.0", True),
            ("10.5.29-MariaDB", "MariaDB 10.5.29", False),
            ("8.0.46-0ubuntu0.22.04.1", "MySQL 8.0.46", True),
            ("8.0.18", "MySQL 8.0.18", False),
            ("9.7.4", "MySQL 9.7.4", True),
        ],
    )
    def test_name_and_version_are_parsed(self, answer: str, engine: str, supported: bool) -> None:
        """
        MariaDB and MySQL are told apart, and versions that are too old are recognised.
        """
        parsed = DatabaseEngine.parse(answer)

        assert (str(parsed), parsed.is_supported) == (engine, supported)
