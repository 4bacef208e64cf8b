"""``harness db``: the database of the stack."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_with

app = typer.Typer(
    help="The database: install a server, show which one runs, bring its schema up to date.",
    epilog="Example: harness db status",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

JWT_KEY_VARIABLE = "MEDIA_JWT_KEY"
NO_DATABASE = "No database: give --url, set HARNESS_DATABASE_URL, or start a stack."

T = TypeVar("T")
Url = Annotated[
    str | None,
    typer.Option(
        "--url", help="Database URL; default: $HARNESS_DATABASE_URL, then that of this folder's stack."
    ),
]


@app.command()
def install(
    engine: Annotated[
        str | None, typer.Option(help="mariadb or mysql; default: what is here, else mariadb.")
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(help="Tar archive of MySQL for Linux, in place of packages.", metavar="FILE"),
    ] = None,
) -> None:
    """
    Install a server program: with apt-get as root, otherwise unpacked into the user's cache.

    MySQL is always unpacked into the cache, beside MariaDB. HARNESS_DATABASE_ENGINE=mysql makes the stack and
    the tests use it.

    Example: harness db install --engine mysql
    """
    from harness.stack.database.database_engine import EngineName
    from harness.stack.database.server_binary import ENGINE_VARIABLE, ServerNotFound
    from harness.stack.database.server_packages import install_server

    if engine not in (None, *EngineName):
        exit_with("db", ExitCode.USAGE, f"--engine is {engine!r}: mariadb or mysql is meant.")
    name = EngineName(engine) if engine else None
    if archive is not None and name is not EngineName.MYSQL:
        exit_with("db", ExitCode.USAGE, "--archive is for MySQL: add --engine mysql.")
    if archive is not None and not archive.is_file():
        exit_with("db", ExitCode.USAGE, f"--archive names {archive}, which is not a file.")
    try:
        typer.echo(install_server(name, archive, say=partial(typer.echo, err=True)))
    except ServerNotFound as error:
        exit_with("db", ExitCode.UNREACHABLE, error)
    if name is EngineName.MYSQL and os.environ.get(ENGINE_VARIABLE) != name:
        typer.echo(f"To use it: export {ENGINE_VARIABLE}={name.value}", err=True)


@app.command()
def status(url: Url = None) -> None:
    """
    Show engine, version and address of the database; if none runs, the program that would be started.

    Example: harness db status
    """
    from harness.service.adapters.mysql.pool import DatabaseAddress
    from harness.stack.database.database_engine import engine_of
    from harness.stack.database.server_binary import ServerNotFound, find_server

    named = _find_url(url)
    if named:
        typer.echo(f"{_call(engine_of, named)} at {DatabaseAddress.parse(named)}")
        return
    try:
        typer.echo(f"{find_server()}, not running")
    except ServerNotFound as error:
        exit_with("db", ExitCode.UNREACHABLE, error)


@app.command()
def doctor(
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """
    Say what your own server lacks for the service, each with the statement that mends it. Changes nothing.

    Exit code 5 if the service would fail or lose work, 0 if there is only advice.

    Example: harness db doctor --url mysql+pymysql://toq_app:secret@127.0.0.1/toq_server
    """
    import json
    from dataclasses import asdict

    from pymysql import MySQLError

    from harness.stack.database.server_requirements import examine_server

    named = _find_url(url)
    if not named:
        exit_with("db", ExitCode.USAGE, NO_DATABASE)
    try:
        findings = _call(examine_server, named)
    except MySQLError as error:
        exit_with("db", ExitCode.UNREACHABLE, f"the server refuses: {error.args[-1]}")
    lacking = [one for one in findings if not one.holds]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=2))
    else:
        for one in findings:
            typer.echo(
                f"{'ok' if one.holds else 'LACKS' if one.required else 'advice':7} {one.name}: {one.found}"
            )
            if not one.holds:
                typer.echo(f"        {one.reason}\n        {one.mend}")
    required = sum(one.required for one in lacking)
    advice = len(lacking) - required
    typer.echo(f"{required} lacking, {advice} to consider, {len(findings)} examined", err=True)
    if required:
        raise typer.Exit(ExitCode.UNREACHABLE)


@app.command()
def url() -> None:
    """
    Print the URL of the running stack's database; it contains the password.

    Example: harness db url
    """
    typer.echo(_require_url())


@app.command()
def shell() -> None:
    """
    Print the command that opens an SQL shell on the database.

    Example: eval "$(harness db shell)"
    """
    import shlex

    from harness.service.adapters.mysql.pool import DatabaseAddress

    address = DatabaseAddress.parse(_require_url())
    server = (
        [f"--socket={address.unix_socket}"]
        if address.unix_socket
        else [f"--host={address.host}", f"--port={address.port}"]
    )
    client = ["mysql", *server, f"--user={address.user}", address.database]
    # The arguments of a process can be read by every user, its environment cannot.
    typer.echo(f"MYSQL_PWD={shlex.quote(address.password)} {shlex.join(client)}")


@app.command()
def migrate(url: Url = None) -> None:
    """
    Bring the schema up to date, and print the migrations that were applied.

    Example: harness db migrate --url mysql+pymysql://toq_app:secret@127.0.0.1/toq_server
    """
    from harness.service.adapters.mysql.migrations import SchemaError
    from harness.service.adapters.mysql.migrations import migrate as apply
    from harness.service.adapters.mysql.pool import DatabaseAddress, Pool

    named = _find_url(url)
    if not named:
        exit_with("db", ExitCode.USAGE, NO_DATABASE)
    try:
        applied = _call(lambda url: apply(Pool(DatabaseAddress.parse(url))), named)
    except SchemaError as error:
        exit_with("db", ExitCode.UNEXPECTED, error)
    typer.echo("\n".join(applied) or "nothing to do")


@app.command()
def seed(
    out: Annotated[Path, typer.Option(help="The file of identities to write.", metavar="FILE")],
    listings: Annotated[int, typer.Option(help="Listings for photos and videos.", min=1)] = 200,
    developments: Annotated[int, typer.Option(help="Development listings.", min=0)] = 50,
    url: Url = None,
) -> None:
    """
    Add listings that wait for photos to a test database, and write their users' tokens for harness load.

    The tokens are signed with $MEDIA_JWT_KEY, the key of the service, or with that of this folder's stack.
    They are valid for a week.

    Example: harness db seed --listings 500 --out people.csv
    """
    from pymysql import ProgrammingError

    from harness.stack.database.seed import seed as add
    from harness.stack.database.seed import write_identities
    from harness.stack.processes.stack_place import find_stack

    named, key = _find_url(url), os.environ.get(JWT_KEY_VARIABLE)
    if not named:
        exit_with("db", ExitCode.USAGE, NO_DATABASE)
    state = None if key else find_stack()
    if state is not None and state.database_url == named:
        key = state.jwt_key
    if not key:
        exit_with("db", ExitCode.USAGE, f"{JWT_KEY_VARIABLE} is not set: the key that signs users' tokens.")
    # Before the listings are added.
    if out.is_dir() or not out.parent.is_dir():
        what = f"there is no folder {out.parent}" if not out.parent.is_dir() else "it is a folder"
        exit_with("db", ExitCode.USAGE, f"{out} cannot be written: {what}")
    try:
        added = _call(lambda url: add(url, listings=listings, developments=developments), named)
    except ProgrammingError as error:
        exit_with(
            "db", ExitCode.USAGE, f"{error.args[-1]}: bring the schema up to date with harness db migrate"
        )
    try:
        write_identities(out, added, key)
    except OSError as error:
        exit_with("db", ExitCode.USAGE, f"{out} cannot be written: {error.strerror}")
    typer.echo(f"{len(added)} listings, from {added[0].id} to {added[-1].id}: {out}")


def _find_url(given: str | None) -> str | None:
    from harness.stack.database.database_server import URL_VARIABLE
    from harness.stack.processes.stack_place import find_stack

    url = given or os.environ.get(URL_VARIABLE)
    state = None if url else find_stack()
    return state.database_url if state else url


def _require_url() -> str:
    url = _find_url(None)
    if not url:
        exit_with("db", ExitCode.UNREACHABLE, "No stack runs: run `harness up`, or set HARNESS_DATABASE_URL.")
    return url


def _call(use: Callable[[str], T], url: str) -> T:
    from harness.service.core.errors import Unavailable

    try:
        return use(url)
    except ValueError as error:
        exit_with("db", ExitCode.USAGE, error)
    except Unavailable as error:
        exit_with("db", ExitCode.UNREACHABLE, f"{error} Is it running?")
