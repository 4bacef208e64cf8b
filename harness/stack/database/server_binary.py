"""
The MariaDB or MySQL server program of this machine.

It is searched in this order: ``$HARNESS_MYSQLD``, the trees that `server_packages` unpacks in the user's
cache, ``PATH``, and the directories of distributions (``/usr/sbin`` is not on every ``PATH``). Without
``HARNESS_DATABASE_ENGINE`` the tree of MySQL is left out: who installs it does not change what others get.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from harness.stack.database.database_engine import DatabaseEngine, EngineName
from harness.stack.stack_error import StackError

ENGINE_VARIABLE = "HARNESS_DATABASE_ENGINE"
PROGRAMS = ("mariadbd", "mysqld")
DIRECTORIES = ("/usr/sbin", "/usr/libexec", "/usr/bin", "/usr/local/mysql/bin", "/opt/mysql/bin", "/bin")
REMEDY = (
    "Run `harness db install`, or `apt-get install mariadb-server-core` as root, "
    "or set HARNESS_DATABASE_URL to your own server."
)


class ServerNotFound(StackError):
    """No server program on this machine works, and none could be installed."""


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """
    A server program that works on this machine.

    Attributes:
        command: What to execute: the program, after the loader of its tree if that has one.
        options: Options for the paths of its tree, and options that this engine always needs.
        share: Directory of its messages, character sets and SQL files.
    """

    path: Path
    command: tuple[str, ...]
    engine: DatabaseEngine
    env: dict[str, str]
    options: tuple[str, ...]
    share: Path

    def __str__(self) -> str:
        """Return engine, version and path, e.g. ``MariaDB 10.11.14 (/usr/sbin/mariadbd)``."""
        return f"{self.engine} ({self.path})"


def cache_directory() -> Path:
    """Return the directory of unpacked servers and data templates; create it if it does not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / "harness" / "mysql"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def unpacked_tree(engine: EngineName) -> Path:
    """Return the directory in which the server of an engine is unpacked; it may not exist yet."""
    return cache_directory() / ("root" if engine is EngineName.MARIADB else "mysql")


def find_server(engine: EngineName | None = None) -> ServerBinary:
    """
    Return the first server program found, of *engine* or else of ``$HARNESS_DATABASE_ENGINE`` if given.

    Raises:
        ServerNotFound: There is none, it does not run, or a variable does not name one.
    """
    engine = engine or _chosen_engine()
    chosen = os.environ.get("HARNESS_MYSQLD")
    if chosen and not os.access(chosen, os.X_OK):
        raise ServerNotFound(f"HARNESS_MYSQLD names {chosen}, which is not an executable program.")
    for path in [Path(chosen)] if chosen else _candidates(engine):
        if not os.access(path, os.X_OK):
            continue
        binary = _describe(path)
        if engine in (None, binary.engine.name):
            return binary
    if engine is None:
        raise ServerNotFound(f"No MariaDB or MySQL server on this machine. {REMEDY}")
    where = f"{chosen} is another server" if chosen else "none is on this machine"
    raise ServerNotFound(
        f"{engine} is asked for, and {where}. Run `harness db install --engine {engine.value}`."
    )


def _chosen_engine() -> EngineName | None:
    name = os.environ.get(ENGINE_VARIABLE)
    if not name:
        return None
    try:
        return EngineName(name)
    except ValueError:
        raise ServerNotFound(f"{ENGINE_VARIABLE} is {name!r}: mariadb or mysql is meant.") from None


def _candidates(engine: EngineName | None) -> Iterator[Path]:
    tree = unpacked_tree(engine or EngineName.MARIADB)
    yield from (Path(f"{tree}{folder}", program) for folder, program in product(DIRECTORIES, PROGRAMS))
    yield from (Path(found) for program in PROGRAMS if (found := shutil.which(program)))
    yield from (Path(folder, program) for folder, program in product(DIRECTORIES, PROGRAMS))


def _describe(path: Path) -> ServerBinary:
    root = path.resolve().parent.parent  # the ``usr`` directory of the system, or of an unpacked tree
    command, env = _launch(path, root)
    engine = _engine(path, command, env)
    shares = (root / "share" / "mysql", root / "share" / "mariadb")
    share = next((one for one in shares if one.is_dir()), root / "share")
    options = ["--no-defaults", f"--lc-messages-dir={share}", f"--character-sets-dir={share}/charsets"]
    plugins = [root / "lib/mysql/plugin", *root.glob("lib/*/mariadb*/plugin"), root / "lib/plugin"]
    options += [f"--plugin-dir={one}" for one in plugins if one.is_dir()][:1]
    if os.geteuid() == 0:
        options.append("--user=root")  # without it the server refuses to run as root
    if engine.is_mariadb:
        options.append("--innodb-log-file-size=16M")
    else:
        options += ["--innodb-redo-log-capacity=16M", "--mysqlx=OFF", "--secure-file-priv="]
    return ServerBinary(path, command, engine, env, tuple(options), share)


def _launch(path: Path, root: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command and the environment of a program; those of an unpacked tree need its libraries."""
    tree, env = root.parent, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    directories = (tree / f"{lib}/{platform.machine()}-linux-gnu" for lib in ("usr/lib", "lib"))
    search = ":".join(str(one) for one in directories if one.is_dir())
    if tree == Path("/") or not search:
        return (str(path),), env
    loader = next((found for lib in ("usr/lib64", "lib64") for found in tree.glob(f"{lib}/ld-linux-*")), None)
    if loader is not None:  # only its own loader can load the C library of the tree
        return (str(loader), "--library-path", search, str(path)), env
    return (str(path),), env | {"LD_LIBRARY_PATH": search}


def _engine(path: Path, command: tuple[str, ...], env: dict[str, str]) -> DatabaseEngine:
    show_version = [*command, "--no-defaults", "--version"]
    try:
        done = subprocess.run(show_version, env=env, capture_output=True, text=True, check=False, timeout=30)
    except OSError as error:
        raise ServerNotFound(f"{path} does not run: {error.strerror}. {REMEDY}") from error
    if done.returncode:
        raise ServerNotFound(f"{path} does not run: {done.stderr.strip() or done.stdout.strip()}. {REMEDY}")
    try:
        return DatabaseEngine.parse(done.stdout.partition("Ver ")[2])
    except ValueError:
        raise ServerNotFound(f"{path} is not a database server: {done.stdout.strip()!r}. {REMEDY}") from None
