"""``harness batches``: the media batches of the service: list them, delete one."""

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_with

if TYPE_CHECKING:
    from harness.service.core.model.batch import Batch
    from harness.stack.processes.state_file import StackState

ENDPOINT = "/api/v2/listings/media/uploads/delete"
TIMEOUT_S = 30.0
REFUSED = {400: ExitCode.USAGE, 503: ExitCode.UNREACHABLE}

app = typer.Typer(
    help="The media batches, for operators: list them, delete one that is not in the pipeline.",
    epilog="Example: harness batches list",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        help="Name, folder or state file of a running stack of another working folder.",
        metavar="NAME|PATH",
    ),
]


@app.command("list")
def list_batches(
    listing: Annotated[
        int | None, typer.Option(help="Only the batches of this listing.", metavar="ID", min=1)
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Include deleted batches.")] = False,
    limit: Annotated[int, typer.Option(help="Largest number of batches.", min=1, max=1000)] = 20,
    database: Annotated[
        str | None,
        typer.Option(
            help="Database URL; default: $HARNESS_DATABASE_URL, then that of this folder's stack.",
            metavar="URL",
        ),
    ] = None,
    stack: Stack = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """
    List batches, newest first: id, listing, family, status, age and reference.

    The API has no such request, so the batches are read from the database.

    Example: harness batches list --listing 42
    """
    url = _database_url(database, stack)
    batches = [_described(batch) for batch in _read(url, listing, deleted, limit)]
    if as_json:
        typer.echo(json.dumps(batches, indent=1))
        return
    for line in _table(batches):
        typer.echo(line)


@app.command()
def delete(
    listing: Annotated[int, typer.Argument(help="Id of the listing.", metavar="LISTING", min=1)],
    batch: Annotated[str, typer.Argument(help="Id (UUID) of the batch.", metavar="BATCH")],
    reason: Annotated[str, typer.Option(help="Why; it is stored with the batch.", metavar="TEXT")],
    host: Annotated[
        str | None, typer.Option(help="URL of the API; default: this folder's stack.", metavar="URL")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            help="Bearer token of a user who may delete the batch; needed with --host.",
            metavar="TOKEN",
            envvar="HARNESS_TOKEN",
        ),
    ] = None,
    stack: Stack = None,
) -> None:
    """
    Soft-delete a batch through the API: it is unknown to all requests, its history stays.

    On a stack of this machine the operator of the seeded listings deletes it.

    Example: harness batches delete 42 0f6f7f0e-3f0a-4c39-9d4e-1f2b5c0a9d11 --reason "another house"
    """
    import httpx

    if host and not token:
        exit_with("batches", ExitCode.USAGE, "--host needs --token, or the variable HARNESS_TOKEN.")
    state = None if host else _running_stack(stack)
    url = f"{(state.api_url if state else host or '').rstrip('/')}{ENDPOINT}"
    bearer = token or _operator_token(Path(state.identities) if state else Path())
    body = {"listingId": listing, "batchId": batch, "reason": reason}
    try:
        answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {bearer}"}, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        exit_with("batches", ExitCode.UNREACHABLE, f"{url} does not answer: {error}")
    if answer.status_code != httpx.codes.OK:
        code = REFUSED.get(answer.status_code, ExitCode.UNEXPECTED)
        exit_with("batches", code, f"{answer.status_code}: {_message(answer)}")
    typer.echo(f"{batch} deleted at {answer.json()['deletedAt']}")


def _read(url: str, listing: int | None, deleted: bool, limit: int) -> "Sequence[Batch]":
    from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
    from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
    from harness.service.core.errors import Unavailable
    from harness.service.core.model.identifiers import ListingId

    try:
        pool = Pool(DatabaseAddress.parse(url), size=1)
        media = MySQLMediaRepository(pool)
        if listing is None:
            batches = media.list_recent_batches(include_deleted=deleted, limit=limit)
        else:
            batches = media.list_batches_by_listing(ListingId(listing), include_deleted=deleted, limit=limit)
        pool.close()
    except ValueError as error:
        exit_with("batches", ExitCode.USAGE, error)
    except Unavailable as error:
        exit_with("batches", ExitCode.UNREACHABLE, f"{error} Is it running?")
    return batches


def _described(batch: "Batch") -> dict[str, Any]:
    from datetime import UTC, datetime

    age = datetime.now(UTC) - batch.issued_at
    return {
        "batchId": batch.id,
        "listingId": batch.listing_id,
        "family": batch.family.value,
        "status": batch.status.value,
        "reference": batch.reference,
        "files": len(batch.uploads),
        "issuedAt": batch.issued_at.isoformat(),
        "age_s": round(age.total_seconds(), 1),
        "errorCode": batch.error_code,
        "deletedAt": batch.deleted_at.isoformat() if batch.deleted_at else None,
    }


def _table(batches: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of a table for people."""
    if not batches:
        return ["no batches"]
    head = ("BATCH", "LISTING", "FAMILY", "STATUS", "AGE", "REFERENCE")
    rows = [
        (
            each["batchId"],
            str(each["listingId"]),
            each["family"],
            each["status"] + (" deleted" if each["deletedAt"] else ""),
            _age(each["age_s"]),
            each["reference"],
        )
        for each in batches
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def _age(seconds: float) -> str:
    """Return ``45s``, ``12m``, ``5h`` or ``3d``."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


def _database_url(given: str | None, stack: str | None) -> str:
    from harness.stack.database.database_server import URL_VARIABLE

    url = given or (None if stack else os.environ.get(URL_VARIABLE))
    return url or _running_stack(stack, "give --database, set HARNESS_DATABASE_URL").database_url


def _running_stack(named: str | None, instead: str = "give --host") -> "StackState":
    from harness.stack.processes.stack_place import StackNotFound, find_stack

    try:
        state = find_stack(named)
    except StackNotFound as error:
        exit_with("batches", ExitCode.UNREACHABLE, error)
    if state is None:
        exit_with(
            "batches", ExitCode.UNREACHABLE, f"No stack of this folder runs: {instead}, or `harness up`."
        )
    return state


def _operator_token(identities: Path) -> str:
    with identities.open(newline="", encoding="utf-8") as file:
        return next(row["token"] for row in csv.DictReader(file) if row["role"] == "operator")


def _message(answer: Any) -> str:
    """Return the message of the error body, or the beginning of another body."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.text[:200])
