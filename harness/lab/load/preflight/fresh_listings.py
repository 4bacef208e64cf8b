"""
The listings of a deployed service that can still take an upload.

An ordinary listing leaves the upload status for ever when its first batch becomes READY. A file of identities
is used for many runs, so those that earlier runs have used up are left out before the next one: the service
has downloads of them. Development listings take uploads afterwards, too.
"""

import csv
import os
import ssl
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import partial
from multiprocessing import TimeoutError as TimedOut
from multiprocessing.pool import ThreadPool
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from harness.lab.load.preflight.preflight import API_PREFIX, DEADLINE_S, TIMEOUT_S, Unreachable
from harness.lab.workload.identities import (
    COLUMNS,
    CallerRole,
    Identities,
    IdentitiesInvalid,
    ListingAccess,
    ListingNeeds,
)
from harness.lab.workload.scenario import Scenario

AT_ONCE = 16
"""Listings about which the service is asked at once."""

CHUNK = 64
"""Listings that must be answered within `DEADLINE_S`."""


@contextmanager
def fresh_identities(host: str, identities: Path, scenario: Scenario) -> Iterator[tuple[Path, list[str]]]:
    """
    Yield a file with the identities that can be used for a scenario, and a remark if it lacks some of them.

    Raises:
        IdentitiesInvalid: The file is invalid, or too few of its listings can still take an upload.
        Unreachable: The service does not finish its answers.
    """
    needed = ListingNeeds.of(scenario).ordinary
    listings = Identities.read(identities).listings
    ordinary = [one for one in listings if not one.development and CallerRole.PHOTOGRAPHER in one.tokens]
    used = _used(host, ordinary, needed) if len(ordinary) >= needed else set()
    if not used:
        yield identities, []
        return
    if len(ordinary) - len(used) < needed:
        raise IdentitiesInvalid(
            f"the scenario needs {needed} ordinary listings that wait for photos; of {len(ordinary)} in "
            f"{identities}, {len(used)} have media of earlier runs, and a listing takes photos once: add "
            "listings to the file (harness db seed makes new ones), or reduce the rate or the duration"
        )
    with TemporaryDirectory(prefix="harness-identities-") as folder:
        fresh = Path(folder, "identities.csv")
        _copy_without(used, identities, fresh)
        yield fresh, [f"{len(used)} listings of {identities} have media of earlier runs and were not used"]


def _used(host: str, listings: list[ListingAccess], needed: int) -> set[int]:
    """Return the listings that have media, of those asked in order until as many as *needed* have none."""
    used: set[int] = set()
    asked = 0
    with (
        httpx.Client(timeout=TIMEOUT_S, verify=ssl.create_default_context(), trust_env=False) as http,
        ThreadPool(AT_ONCE) as pool,
    ):
        while asked - len(used) < needed and asked < len(listings):
            chunk = listings[asked : asked + min(CHUNK, needed + len(used) - asked)]
            try:
                answers = pool.map_async(partial(_has_media, http, host), chunk).get(DEADLINE_S)
            except TimedOut:
                raise Unreachable(f"{host} did not finish its answers within {DEADLINE_S:g} s") from None
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
                return used  # The preflight says what is wrong.
            used |= {one.listing_id for one, has_media in zip(chunk, answers, strict=True) if has_media}
            asked += len(chunk)
    return used


def _has_media(http: httpx.Client, host: str, listing: ListingAccess) -> bool:
    """Return whether a batch of a listing has become READY; the body of the answer is not read."""
    url = f"{host}{API_PREFIX}/downloads/query"
    headers = {"Authorization": f"Bearer {listing.token(CallerRole.PHOTOGRAPHER)}"}
    with http.stream("POST", url, json={"listingId": listing.listing_id}, headers=headers) as response:
        return response.status_code == httpx.codes.OK


def _copy_without(used: Set[int], identities: Path, to: Path) -> None:
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT, 0o600)
    with (
        identities.open(newline="", encoding="utf-8") as given,
        os.fdopen(descriptor, "w", newline="", encoding="utf-8") as kept,
    ):
        writer = csv.DictWriter(kept, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row in csv.DictReader(given) if int(row["listing_id"]) not in used)
