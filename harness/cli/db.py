"""
``harness db``: the database behind the stack.
"""

import os
from collections.abc import Callable
from typing import Annotated, NoReturn, TypeVar

import typer

from harness.cli.exit_codes import ExitCode

app = typer.Typer(
    help="The database: get a server, see which one runs, bring its schema up to date.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Answer = TypeVar("Answer")
Url = Annotated[
    str | None,
    typer.Option("--url", help="Database URL; else $HARNESS_DATABASE_URL, else the running stack's."),
]


@app.command()
def install() -> None:
    """
    Get a server program: by apt-get as root, else unpacked into the user's cache.

    Example: harness db install
    """
    from harness.stack.database.server_binary import ServerNotFound, install_server_binary

    try:
        typer.echo(install_server_binary())
    except ServerNotFound as error:
        _give_up(str(error), ExitCode.UNREACHABLE)


@app.command()
def status(url: Url = None) -> None:
    """
    Say which engine and version answers, and where; without one running, which program would be started.

    Example: harness db status
    """
    from harness.service.adapters.mysql.pool import DatabaseAddress
    from harness.stack.database.database_engine import engine_of
    from harness.stack.database.server_binary import ServerNotFound, find_server

    named = _find_url(url)
    if named:
        typer.echo(f"{_ask(named, engine_of)} at {DatabaseAddress.parse(named)}")
        return
    try:
        typer.echo(f"{find_server()}, not running")
    except ServerNotFound as error:
        _give_up(str(error), ExitCode.UNREACHABLE)


@app.command()
def url() -> None:
    """
    Print the URL of the running stack's database; it holds the password.

    Example: harness db url
    """
    found = _find_url(None)
    if not found:
        _give_up(
            "No stack is up: start one with `harness up`, or set HARNESS_DATABASE_URL.", ExitCode.UNREACHABLE
        )
    typer.echo(found)


@app.command()
def shell() -> None:
    """
    Print the command that opens an SQL shell on the database.

    Example: eval "$(harness db shell)"
    """
    import shlex

    from harness.service.adapters.mysql.pool import DatabaseAddress

    found = _find_url(None)
    if not found:
        _give_up(
            "No stack is up: start one with `harness up`, or set HARNESS_DATABASE_URL.", ExitCode.UNREACHABLE
        )
    address = DatabaseAddress.parse(found)
    where = (
        [f"--socket={address.unix_socket}"]
        if address.unix_socket
        else [f"--host={address.host}", f"--port={address.port}"]
    )
    client = ["mysql", *where, f"--user={address.user}", address.database]
    # In the environment, not among the arguments: those everybody can read.
    typer.echo(f"MYSQL_PWD={shlex.quote(address.password)} {shlex.join(client)}")


@app.command()
def migrate(url: Url = None) -> None:
    """
    Bring the schema up to date; prints what was applied.

    Example: harness db migrate --url mysql+pymysql://toq_app:secret@127.0.0.1/toq_server
    """
    from harness.service.adapters.mysql.migrations import SchemaError
    from harness.service.adapters.mysql.migrations import migrate as apply
    from harness.service.adapters.mysql.pool import DatabaseAddress, Pool

    named = _find_url(url)
    if not named:
        _give_up("No database named and no stack up: give --url or set HARNESS_DATABASE_URL.", ExitCode.USAGE)
    try:
        applied = _ask(named, lambda it: apply(Pool(DatabaseAddress.parse(it))))
    except SchemaError as error:
        _give_up(str(error), ExitCode.UNEXPECTED)
    typer.echo("\n".join(applied) or "nothing to do")


def _find_url(given: str | None) -> str | None:
    from harness.stack.database.database_server import URL_VARIABLE
    from harness.stack.processes.state_file import StackState

    named = given or os.environ.get(URL_VARIABLE)
    state = None if named else StackState.read()
    return state.database_url if state else named


def _ask(url: str, question: Callable[[str], Answer]) -> Answer:
    from harness.service.core.errors import Unavailable

    try:
        return question(url)
    except ValueError as error:
        _give_up(f"{error}", ExitCode.USAGE)
    except Unavailable as error:
        _give_up(f"{error} Is it running?", ExitCode.UNREACHABLE)


def _give_up(sentence: str, code: ExitCode) -> NoReturn:
    typer.echo(f"harness db: {sentence}", err=True)
    raise typer.Exit(code)
