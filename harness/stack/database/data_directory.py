"""
Empty data directories, initialised once per server program and copied from then on.

Initialising takes MySQL seconds; a copy takes milliseconds.
"""

import fcntl
import hashlib
import subprocess
import tempfile
from pathlib import Path

from harness.stack.database.server_binary import ServerBinary, cache_directory

# MariaDB's own initialiser adds 3 MB of help texts and a sys schema nobody here reads.
MARIADB_SYSTEM_TABLES = (
    "mysql_system_tables.sql",
    "mariadb_system_tables.sql",
    "mysql_performance_tables.sql",
    "mariadb_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "mariadb_system_tables_data.sql",
)


class ServerFailed(RuntimeError):
    """A private server did not do what it was started for; the message ends with the end of its log."""


def copy_template(binary: ServerBinary, target: Path) -> None:
    """
    Make *target* an empty data directory for *binary*.

    Raises:
        ServerFailed: The server could not make its system tables.
    """
    source = _template(binary)
    subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=auto", source, target], check=True)


def _template(binary: ServerBinary) -> Path:
    facts = binary.path.stat()
    key = f"1 {binary.version} {binary.options} {facts.st_mtime_ns} {facts.st_size}"
    cache = cache_directory()
    ready = cache / f"template-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if ready.exists():
        return ready
    with (cache / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix="init-") as scratch:
                _initialise(binary, Path(scratch) / "data")
                (Path(scratch) / "data").rename(ready)
    return ready


def _initialise(binary: ServerBinary, data: Path) -> None:
    data.mkdir(mode=0o700)
    sql, how = _mariadb_system_tables(binary.share), ["--bootstrap", "--innodb-doublewrite=0"]
    if not binary.is_mariadb:
        sql, how = "", ["--initialize-insecure"]
    made = subprocess.run(
        [*binary.command, *binary.options, *how, f"--datadir={data}", "--innodb-flush-log-at-trx-commit=0"],
        input=sql,
        text=True,
        capture_output=True,
        env=binary.env,
        check=False,
    )
    if made.returncode:
        tail = "\n".join(made.stderr.splitlines()[-20:])
        raise ServerFailed(f"{binary} could not make its system tables.\n{tail}")


def _mariadb_system_tables(share: Path) -> str:
    files = [share / name for name in MARIADB_SYSTEM_TABLES if (share / name).exists()]
    # Nobody needs root here: the account is locked before the server first listens.
    lock_root = "UPDATE global_priv SET Priv = json_set(Priv, '$.account_locked', true) WHERE User = 'root';"
    begin = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;"
    return "\n".join([begin, *(file.read_text("utf-8") for file in files), lock_root, ""])
