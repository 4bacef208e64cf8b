"""
Installs a server program: from the packages of this machine's distribution, or from an archive of MySQL.

MariaDB is installed with ``apt-get`` as root, and unpacked into the user's cache otherwise. MySQL is always
unpacked: its packages conflict with those of MariaDB. Debian has MySQL in its rolling suite only, so that
suite is read from the mirror that this machine uses, into lists of its own; the machine's lists and packages
stay as they are, and apt verifies every package with the machine's keys.
"""

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from harness.stack.database.database_engine import EngineName
from harness.stack.database.server_binary import (
    REMEDY,
    ServerBinary,
    ServerNotFound,
    find_server,
    unpacked_tree,
)

MARIADB_PACKAGE = "mariadb-server-core"
# Libraries that the server program is linked against and that a small machine may lack.
MARIADB_LIBRARIES = ("libaio1", "libaio1t64", "liburing2")
MYSQL_PACKAGES = ("mysql-server-core", "mysql-server-core-8.4", "mysql-server-core-8.0")
ROLLING_SUITE = "sid"
"""Debian's rolling suite: its only one with MySQL."""
MYSQL_REMEDY = (
    "Download the tar archive for Linux from MySQL's own site and run "
    "`harness db install --engine mysql --archive FILE`, or set HARNESS_DATABASE_URL to your own server."
)

Say: TypeAlias = Callable[[str], None]
"""Callback for the progress, one sentence at a time."""


def install_server(
    engine: EngineName | None, archive: Path | None = None, say: Say = lambda _: None
) -> ServerBinary:
    """
    Return the server program of *engine*, of any engine for None; install it first if it is missing.

    Args:
        archive: A tar archive of MySQL for Linux; it replaces what was unpacked before.

    Raises:
        ServerNotFound: It could not be installed; the message says why and what to do instead.
    """
    if archive is not None:
        say(f"Unpacking {archive.name}.")
        unpack_archive(archive, unpacked_tree(EngineName.MYSQL))
        return find_server(EngineName.MYSQL)
    try:
        return find_server(engine)
    except ServerNotFound as error:
        _must_be_installable(engine, error)
    if engine is EngineName.MYSQL:
        say("Reading the lists of packages, and unpacking MySQL and its libraries: 50 MB, a minute or two.")
        unpack_mysql(unpacked_tree(engine))
    elif os.geteuid() == 0:
        _install_as_root()
    else:
        unpack_mariadb(unpacked_tree(EngineName.MARIADB))
    return find_server(engine)


def _must_be_installable(engine: EngineName | None, error: ServerNotFound) -> None:
    if os.environ.get("HARNESS_MYSQLD"):
        raise error
    if not shutil.which("apt-get"):
        what = MYSQL_REMEDY if engine is EngineName.MYSQL else "Install MariaDB ≥ 10.6 or MySQL ≥ 8.0.19."
        raise ServerNotFound(
            f"{error} This machine has no apt-get to install one. {what} Or set HARNESS_DATABASE_URL."
        ) from None


def _install_as_root() -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", MARIADB_PACKAGE]
    if _error_of(install, env=env):
        _run(["apt-get", "update", "-q"], env=env)
        _run(install, env=env)


def unpack_mariadb(tree: Path) -> None:
    """Download MariaDB's packages and unpack them below *tree*, without root rights."""
    with _new_tree(tree) as scratch:
        found = [name for name in MARIADB_LIBRARIES if not _error_of(["apt-cache", "show", name])]
        _run(["apt-get", "download", "-q", MARIADB_PACKAGE, *found], cwd=scratch)
        _unpack_packages(scratch)


def unpack_mysql(tree: Path) -> None:
    """Download MySQL's packages, those of all its libraries too, and unpack them below *tree*."""
    with _new_tree(tree) as scratch:
        reasons = []
        for sources in _sources(scratch):
            apt = _separate_apt(scratch, sources)
            if error := _error_of(["apt-get", *apt, "update", "-q"]):
                reasons.append(error)
                continue
            if needed := next(filter(None, (_needed(apt, name) for name in MYSQL_PACKAGES)), None):
                _run(["apt-get", *apt, "download", "-q", *needed], cwd=scratch)
                _unpack_packages(scratch)
                return
        why = "; ".join(reasons) or "its distribution and Debian's rolling suite have no package of it"
        raise ServerNotFound(f"MySQL cannot be installed on this machine: {why}. {MYSQL_REMEDY}")


def unpack_archive(archive: Path, tree: Path) -> None:
    """Unpack an archive of MySQL for Linux in the place of *tree*."""
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix="unpack-") as scratch:
        try:
            with tarfile.open(archive) as opened:
                opened.extractall(scratch, filter="data")
        except (OSError, tarfile.TarError) as error:
            reason = str(error).partition(":")[0]
            raise ServerNotFound(f"{archive} cannot be unpacked: {reason}. {MYSQL_REMEDY}") from error
        program = next(Path(scratch).glob("*/bin/mysqld"), None)
        if program is None:
            raise ServerNotFound(f"{archive} has no bin/mysqld in its folder. {MYSQL_REMEDY}")
        with _locked(tree):
            shutil.rmtree(tree, ignore_errors=True)
            program.parent.parent.rename(tree)


@contextmanager
def _new_tree(tree: Path) -> Iterator[Path]:
    """Provide a folder whose ``root`` becomes *tree*; without effect if *tree* exists."""
    with _locked(tree), tempfile.TemporaryDirectory(dir=tree.parent, prefix="unpack-") as scratch:
        yield Path(scratch)
        if not tree.exists():
            (Path(scratch) / "root").rename(tree)


@contextmanager
def _locked(tree: Path) -> Iterator[None]:
    tree.parent.mkdir(parents=True, exist_ok=True)
    with (tree.parent / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sources(scratch: Path) -> Iterator[list[str]]:
    """Return apt's options for the machine's own sources, then for the rolling suite of its Debian mirror."""
    yield []
    shown = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    listed = subprocess.run(shown, capture_output=True, text=True, check=False).stdout.splitlines()
    mirrors = [line.partition(" ")[2] for line in listed if line.startswith("Debian ")]
    mirror = next((one for one in mirrors if "security" not in one), None)
    if mirror is not None:
        path = scratch / "sources.list"
        path.write_text(f"deb {mirror} {ROLLING_SUITE} main\n")
        yield ["-o", f"Dir::Etc::sourcelist={path}", "-o", "Dir::Etc::sourceparts=/dev/null"]


def _separate_apt(scratch: Path, sources: list[str]) -> list[str]:
    """Return options with which apt has lists of its own, and takes no package for installed."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True, exist_ok=True)
    places = {"Dir::State::Lists": "lists", "Dir::Cache": "cache"}
    options = [f"{name}={scratch / folder}" for name, folder in places.items()]
    options += ["Dir::State::status=/dev/null", "Dir::Etc::preferencesparts=/dev/null"]
    return [*sources, *(word for option in options for word in ("-o", option))]


def _needed(apt: list[str], package: str) -> list[str]:
    """
    Return *package* and the libraries that it needs, an empty list if it is not to be had.

    The programs of its scripts (Perl) are left out: the scripts are not run.
    """
    plan = ["apt-get", *apt, "install", "-s", "-q", "--no-install-recommends", package]
    planned = subprocess.run(plan, capture_output=True, text=True, check=False)
    names = [line.split()[1] for line in planned.stdout.splitlines() if line.startswith("Inst ")]
    libraries = (name for name in names if name.startswith("lib"))
    return [package, *(name for name in libraries if not name.startswith("libperl"))] if names else []


def _unpack_packages(scratch: Path) -> None:
    for package in sorted(scratch.glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(scratch / "root")])


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
