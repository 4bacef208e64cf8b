"""
What the service needs of a database server: each requirement, what was found, the statement that mends it.

Nothing is changed or stored on the server. The service sets SQL mode, time zone and isolation for its own
connections; where other clients of the same database would be in danger, that is advice, not a failure.
Times in seconds, sizes in bytes.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.service.adapters.mysql.clock import UTC_NOW
from harness.service.adapters.mysql.pool import PING_AFTER_S, DatabaseAddress, Pool
from harness.service.adapters.mysql.session import DatabaseSession, Statement
from harness.stack.database.database_engine import DatabaseEngine

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES")
"""What migrations, the service and its tests do in their database."""
PACKET_MIN_BYTES = 4 * 2**20
"""The driver sends up to 1 MiB a statement; a manifest with its state is below 1 MiB."""
CONNECTIONS_MIN = 80
"""Two pools of 32 (API, worker), their probes, and a shell."""
CLOCK_ERROR_MAX_S = 30.0
COLLATION = "utf8mb4_unicode_ci"

_VARIABLES = Statement("select", "server", "SHOW GLOBAL VARIABLES")
_ENGINES = Statement("select", "server", "SHOW ENGINES")
_ACCOUNT = Statement("select", "server", "SELECT CURRENT_USER()")
_GRANTS = Statement("select", "server", "SHOW GRANTS")
_ROLE = Statement("select", "server", "SELECT CURRENT_ROLE()")
_DATABASE = Statement(
    "select",
    "server",
    "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
    " WHERE SCHEMA_NAME = DATABASE()",
)
_COLLATIONS = Statement(
    "select", "server", "SELECT COUNT(*) FROM information_schema.COLLATIONS WHERE COLLATION_NAME = %s"
)
_CIPHER = Statement("select", "server", "SHOW SESSION STATUS LIKE 'Ssl_cipher'")


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One requirement of a server.

    Attributes:
        name: What is required of, e.g. ``max_allowed_packet``.
        holds: Whether the server has it.
        found: What the server says.
        reason: Why it is needed; empty if it holds.
        mend: The statement, or the action, after which it holds; empty if it holds.
        required: Whether the service fails or loses work without it; otherwise it is advice.
    """

    name: str
    holds: bool
    found: str
    reason: str = ""
    mend: str = ""
    required: bool = True


def examine_server(url: str) -> list[Finding]:
    """
    Return every requirement, in the order in which they are to be mended.

    Raises:
        Unavailable: The server does not answer.
        ValueError: *url* is not a database URL.
        MySQLError: The server refuses the connection.
    """
    address = DatabaseAddress.parse(url)
    with closing(Pool(address, size=1)) as pool, pool.session() as session:
        variables = {str(name): str(value) for name, value in session.all(_VARIABLES)}
        engine = DatabaseEngine.parse(variables["version"])
        server = _Server(session, address, engine, variables)
        found = [_version(engine), _innodb(session), *_privileges(server), *_character_set(server)]
        return [*found, *_settings(server), _clock(session), *_encryption(server)]


@dataclass(frozen=True, slots=True)
class _Server:
    """A server that answers: its connection, address, engine and global variables."""

    session: DatabaseSession
    address: DatabaseAddress
    engine: DatabaseEngine
    variables: Mapping[str, str]

    def number(self, name: str) -> int:
        return int(float(self.variables.get(name, "0")))

    def set(self, name: str, value: object) -> str:
        """Return the statement that sets a variable for good; MariaDB forgets it when it starts again."""
        if self.engine.is_mariadb:
            return f"SET GLOBAL {name} = {value}; -- and in the server's configuration file"
        return f"SET PERSIST {name} = {value};"


def _version(engine: DatabaseEngine) -> Finding:
    reason = "SKIP LOCKED, CHECK and generated columns behave as the service needs from these versions on"
    mend = "Upgrade the server to MySQL 8.0.19 or MariaDB 10.6, or newer."
    return _finding("version", engine.is_supported, str(engine), reason, mend)


def _innodb(session: DatabaseSession) -> Finding:
    support = {str(row[0]).lower(): str(row[1]) for row in session.all(_ENGINES)}.get("innodb", "NO")
    reason = "every table needs transactions and row locks"
    mend = "Start the server without --skip-innodb or disabled_storage_engines."
    return _finding("InnoDB", support in ("YES", "DEFAULT"), support, reason, mend)


def _privileges(server: _Server) -> Iterator[Finding]:
    session, database = server.session, server.address.database
    role = session.one(_ROLE)
    grants = _GRANTS
    if not server.engine.is_mariadb and role and role[0] != "NONE":
        grants = Statement("select", "server", f"SHOW GRANTS FOR CURRENT_USER() USING {role[0]}")
    held = granted((str(row[0]) for row in session.all(grants)), database)
    missing = [name for name in PRIVILEGES if name not in held]
    account = str((session.one(_ACCOUNT) or ("",))[0])
    user, _, host = account.rpartition("@")
    yield _finding(
        "privileges",
        not missing,
        f"{account} has not {', '.join(missing)}" if missing else f"{account} has all that are needed",
        "migrations create and change tables, and the service reads and writes them",
        f"GRANT {', '.join(missing)} ON `{database}`.* TO '{user}'@'{host}';",
    )


def granted(grants: Iterator[str], database: str) -> set[str]:
    """Return the privileges on all tables of *database* that lines of ``SHOW GRANTS`` give."""
    held: set[str] = set()
    for line in grants:
        match = re.match(r"GRANT (.+?) ON (?:`(.+?)`|(\*))\.\* TO ", line)
        if match and (match[3] or _matches(match[2], database)):
            names = {name.strip() for name in match[1].split(",")}
            held |= set(PRIVILEGES) if names & {"ALL PRIVILEGES", "ALL"} else names
    return held


def _matches(pattern: str, database: str) -> bool:
    """Return whether the database of a grant, which may have the wildcards of LIKE, is *database*."""
    parts = re.findall(r"\\.|.", pattern)
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(expression, database) is not None


def _character_set(server: _Server) -> Iterator[Finding]:
    row = server.session.one(_COLLATIONS, COLLATION)
    yield _finding(
        "collation",
        bool(row and row[0]),
        COLLATION if row and row[0] else f"{COLLATION} is unknown",
        "the tables are created with it",
        "Install the server's character sets (--character-sets-dir).",
    )
    found = server.session.one(_DATABASE) or ("", "")
    yield _finding(
        "character set",
        found[0] == "utf8mb4",
        f"{found[0]}, {found[1]}",
        "tables that others add would refuse or spoil emoji and many names; ours name their own",
        f"ALTER DATABASE `{server.address.database}` CHARACTER SET utf8mb4 COLLATE {COLLATION};",
        required=False,
    )


def _settings(server: _Server) -> Iterator[Finding]:
    yield from _refused_writes(server)
    yield from _sizes(server)
    yield from _durability(server)
    yield from _defaults_of_others(server)


def _refused_writes(server: _Server) -> Iterator[Finding]:
    read_only = [name for name in ("read_only", "super_read_only") if _is_on(server.variables.get(name))]
    yield _finding(
        "read_only",
        not read_only,
        " and ".join(f"{name} = ON" for name in read_only) or "OFF",
        "the server accepts no writes; it may be a replica, then use its primary",
        " ".join(server.set(name, "OFF") for name in reversed(read_only)),
    )
    logged, form = _is_on(server.variables.get("log_bin")), server.variables.get("binlog_format", "ROW")
    yield _finding(
        "binlog_format",
        not logged or form != "STATEMENT",
        form if logged else f"{form}, no binary log",
        "InnoDB refuses every write at READ COMMITTED, which the service uses (error 1665)",
        server.set("binlog_format", "'ROW'"),
    )


def _sizes(server: _Server) -> Iterator[Finding]:
    for name, least, reason in (
        ("max_allowed_packet", PACKET_MIN_BYTES, "a larger manifest or callback would be refused (1153)"),
        ("max_connections", CONNECTIONS_MIN, "API and worker keep pools of 32 connections each"),
        (
            "wait_timeout",
            2 * int(PING_AFTER_S),
            f"connections that were idle for less than {PING_AFTER_S:.0f} s are used without a check",
        ),
    ):
        found = server.number(name)
        yield _finding(name, found >= least, str(found), reason, server.set(name, least))
    limit = server.number("max_user_connections")
    name, reason = "max_user_connections", "the pools of API and worker would be refused (1203)"
    holds = not 0 < limit < CONNECTIONS_MIN
    yield _finding(name, holds, str(limit), reason, server.set(name, CONNECTIONS_MIN))


def _durability(server: _Server) -> Iterator[Finding]:
    name, flush = "innodb_flush_log_at_trx_commit", server.number("innodb_flush_log_at_trx_commit")
    reason = "batches that were accepted are lost when the server is killed"
    if flush == 2:
        reason = "batches that were accepted are lost when the machine loses its power"
    yield _finding(name, flush == 1, str(flush), reason, server.set(name, 1), required=flush == 0)


def _defaults_of_others(server: _Server) -> Iterator[Finding]:
    mode = server.variables.get("sql_mode", "")
    strict = "STRICT_TRANS_TABLES" in mode or "STRICT_ALL_TABLES" in mode
    reason = "the service sets its own; another client's values that do not fit are cut and stored"
    mend = server.set("sql_mode", "CONCAT(@@GLOBAL.sql_mode, ',STRICT_TRANS_TABLES')")
    yield _finding("sql_mode", strict, mode or "(empty)", reason, mend, required=False)
    zone = server.variables.get("time_zone", "")
    universal = zone in ("+00:00", "UTC") or (
        zone == "SYSTEM" and server.variables.get("system_time_zone") == "UTC"
    )
    reason = "the service sets its own; NOW() of another client would store local time in columns of UTC"
    mend = server.set("time_zone", "'+00:00'")
    yield _finding("time_zone", universal, zone, reason, mend, required=False)
    variable = "tx_isolation" if "tx_isolation" in server.variables else "transaction_isolation"
    level = server.variables.get(variable, "")
    reason = "the service sets READ COMMITTED; SERIALIZABLE makes every read of another client a lock"
    mend = server.set(variable, "'READ-COMMITTED'")
    yield _finding("isolation", level != "SERIALIZABLE", level, reason, mend, required=False)


def _clock(session: DatabaseSession) -> Finding:
    row = session.one(UTC_NOW)
    now = row[0].replace(tzinfo=UTC) if row else datetime.min.replace(tzinfo=UTC)
    error = abs((datetime.now(UTC) - now).total_seconds())
    reason = "ages are measured by the server's clock, signatures of uploads by this machine's"
    mend = "Synchronise the clocks of both machines (NTP)."
    return _finding("clock", error <= CLOCK_ERROR_MAX_S, f"{error:.1f} s from this machine's", reason, mend)


def _encryption(server: _Server) -> Iterator[Finding]:
    if server.address.is_local:
        return
    row = server.session.one(_CIPHER)
    cipher = str(row[1]) if row else ""
    mend = "Turn TLS on at the server, and add ?ssl_ca=FILE to the URL."
    reason = "passwords and rows cross the network in the clear"
    yield _finding("encryption", bool(cipher), cipher or "none", reason, mend, required=False)


def _is_on(value: str | None) -> bool:
    return (value or "").upper() in ("ON", "1")


def _finding(name: str, holds: bool, found: str, reason: str, mend: str, *, required: bool = True) -> Finding:
    return Finding(name, holds, found, "" if holds else reason, "" if holds else mend, required)
