"""The engine of a database: name and version of the server that answers."""

import re
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement

_VERSION = Statement("select", "server", "SELECT VERSION()")


class EngineName(StrEnum):
    """The two engines; the word is what a command line and a variable say."""

    MARIADB = "mariadb"
    MYSQL = "mysql"

    def __str__(self) -> str:
        """Return the name as its makers write it."""
        return "MariaDB" if self is EngineName.MARIADB else "MySQL"


@dataclass(frozen=True, slots=True)
class DatabaseEngine:
    """Name and version of a database server."""

    name: EngineName
    version: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the result of ``SELECT VERSION()``, e.g. ``10.11.14-MariaDB-0+deb12u2``."""
        match = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)", text)
        if not match:
            raise ValueError(f"Not a server version: {text!r}")
        name = EngineName.MARIADB if "mariadb" in text.lower() else EngineName.MYSQL
        return cls(name, tuple(int(part) for part in match.groups()))

    @property
    def is_mariadb(self) -> bool:
        return self.name is EngineName.MARIADB

    @property
    def is_supported(self) -> bool:
        return self.version >= ((10, 6) if self.is_mariadb else (8, 0, 19))

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"


def engine_of(url: str) -> DatabaseEngine:
    """Return the engine of a database; raise `Unavailable` if it does not answer."""
    with closing(Pool(DatabaseAddress.parse(url), size=1)) as pool, pool.session() as session:
        row = session.one(_VERSION)
    return DatabaseEngine.parse(str(row[0]) if row else "")
