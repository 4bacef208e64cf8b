"""
Empty data directories for private servers, copied from a template made once for each server program.

Initialising a directory takes MySQL seconds; a copy takes milliseconds.
"""

import fcntl
import hashlib
import subprocess
import tempfile
from pathlib import Path

from harness.stack.database.server_binary import ServerBinary, cache_directory
from harness.stack.stack_error import StackError

# MariaDB's own initialiser adds 3 MB of help texts and a sys schema, which are not used here.
MARIADB_SYSTEM_TABLES = (
    "mysql_system_tables.sql",
    "mariadb_system_tables.sql",
    "mysql_performance_tables.sql",
    "mariadb_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "mariadb_system_tables_data.sql",
)


class ServerFailed(StackError):
    """A private server could not be initialised or started; the message ends with the end of its log."""


def copy_template(binary: ServerBinary, target: Path) -> None:
    """Make *target* an empty data directory for *binary*."""
    source = _template(binary)
    subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=auto", source, target], check=True)


def _template(binary: ServerBinary) -> Path:
    file = binary.path.stat()
    key = f"1 {binary.engine} {binary.options} {file.st_mtime_ns} {file.st_size}"
    cache = cache_directory()
    template = cache / f"template-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if template.exists():
        return template
    with (cache / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix="init-") as scratch:
                _initialise(binary, Path(scratch) / "data")
                (Path(scratch) / "data").rename(template)
    return template


def _initialise(binary: ServerBinary, data: Path) -> None:
    data.mkdir(mode=0o700)
    sql, options = _mariadb_system_tables(binary.share), ["--bootstrap", "--innodb-doublewrite=0"]
    if not binary.engine.is_mariadb:
        sql, options = "", ["--initialize-insecure"]
    options += [f"--datadir={data}", "--innodb-flush-log-at-trx-commit=0"]
    done = subprocess.run(
        [*binary.command, *binary.options, *options],
        input=sql,
        text=True,
        capture_output=True,
        env=binary.env,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-20:])
        raise ServerFailed(f"{binary} could not create its system tables.\n{tail}")


def _mariadb_system_tables(share: Path) -> str:
    files = [share / name for name in MARIADB_SYSTEM_TABLES if (share / name).exists()]
    # The root account is not used: it is locked before the server first listens.
    lock_root = "UPDATE global_priv SET Priv = json_set(Priv, '$.account_locked', true) WHERE User = 'root';"
    begin = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;"
    return "\n".join([begin, *(file.read_text("utf-8") for file in files), lock_root, ""])
