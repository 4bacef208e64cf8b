"""
The MariaDB or MySQL server program: found on this machine, or installed.

It is searched in this order: ``$HARNESS_MYSQLD``, the tree that `install_server_binary` unpacks in the user's
cache, ``PATH``, and the directories of distributions (``/usr/sbin`` is not on every ``PATH``).
"""

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from harness.stack.database.database_engine import DatabaseEngine
from harness.stack.stack_error import StackError

PACKAGE = "mariadb-server-core"
# Libraries that the server program is linked against and that a small machine may lack.
LIBRARIES = ("libaio1", "libaio1t64", "liburing2")
PROGRAMS = ("mariadbd", "mysqld")
DIRECTORIES = ("/usr/sbin", "/usr/libexec", "/usr/bin", "/usr/local/mysql/bin", "/opt/mysql/bin")
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


def _unpacked_tree() -> Path:
    return cache_directory() / "root"


def find_server() -> ServerBinary:
    """Return the first server program found; raise `ServerNotFound` if there is none or it does not run."""
    chosen = os.environ.get("HARNESS_MYSQLD")
    if chosen and not os.access(chosen, os.X_OK):
        raise ServerNotFound(f"HARNESS_MYSQLD names {chosen}, which is not an executable program.")
    candidates = [Path(chosen)] if chosen else _candidates()
    for path in candidates:
        if os.access(path, os.X_OK):
            return _describe(path)
    raise ServerNotFound(f"No MariaDB or MySQL server on this machine. {REMEDY}")


def _candidates() -> Iterator[Path]:
    tree = _unpacked_tree()
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


def install_server_binary() -> ServerBinary:
    """
    Return the server program; install it first if it is missing.

    As root it is installed with ``apt-get install``, otherwise it is unpacked into the user's cache.

    Raises:
        ServerNotFound: It could not be installed; the message says why and what to do instead.
    """
    try:
        return find_server()
    except ServerNotFound:
        if not shutil.which("apt-get"):
            raise ServerNotFound(
                "This machine has no MariaDB or MySQL server, and no apt-get to install one: install "
                "MariaDB ≥ 10.6 or MySQL ≥ 8.0.19, or set HARNESS_DATABASE_URL."
            ) from None
    if os.geteuid() == 0:
        _install_as_root()
    else:
        unpack_server(_unpacked_tree())
    return find_server()


def _install_as_root() -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", PACKAGE]
    if _error_of(install, env=env):
        _run(["apt-get", "update", "-q"], env=env)
        _run(install, env=env)


def unpack_server(tree: Path) -> None:
    """Download the server's packages and unpack them below *tree*, without root rights."""
    tree.parent.mkdir(parents=True, exist_ok=True)
    with (tree.parent / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tree.exists():
            return
        with tempfile.TemporaryDirectory(dir=tree.parent, prefix="unpack-") as scratch:
            packages = [PACKAGE, *(name for name in LIBRARIES if not _error_of(["apt-cache", "show", name]))]
            _run(["apt-get", "download", "-q", *packages], cwd=Path(scratch))
            unpacked = Path(scratch) / "root"
            for package in Path(scratch).glob("*.deb"):
                _run(["dpkg", "-x", str(package), str(unpacked)])
            unpacked.rename(tree)


def _run(command: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    if error := _error_of(command, env=env, cwd=cwd):
        raise ServerNotFound(f"`{' '.join(command[:3])}` failed: {error}. {REMEDY}")


def _error_of(command: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run *command*; return the last line it wrote if it failed, an empty text otherwise."""
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
