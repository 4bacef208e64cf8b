"""The downloads that the service offers for a READY batch, and how to check each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.lab.load.clients import download_check
from harness.lab.load.clients.download_check import ContentCheck

OBJECT, PREVIEW, ZIP = "object", "preview", "zip"
"""Names of these requests in the tables; uploads are objects too."""


@dataclass(frozen=True, slots=True)
class Download:
    """
    One file to download.

    Attributes:
        name: Name of the request in the tables.
        check: Check of the content; None if nothing is known about it.
    """

    name: str
    url: str
    check: ContentCheck | None = None


def downloads(response: Mapping[str, Any], files: int) -> list[Download]:
    """
    Return the downloads that the service offers, the ZIP last.

    Args:
        response: JSON of ``/downloads/query``.
        files: How many files the ZIP should hold [count].
    """
    items = [found for group in response["downloads"] for found in _items(group)]
    zips = [group for group in response["downloads"] if group["type"] == "ZIP_FULL"]
    return items + [Download(ZIP, group["url"], download_check.archive(files)) for group in zips]


def _items(group: Mapping[str, Any]) -> Iterator[Download]:
    for item in group.get("items", ()):
        yield Download(OBJECT, item["url"], _check(group["type"], item))
        if item.get("preview"):
            yield Download(PREVIEW, item["preview"])


def _check(media_type: str, item: Mapping[str, Any]) -> ContentCheck | None:
    if media_type.startswith("PHOTO"):
        return download_check.image(item["resolution"])
    if media_type.startswith("VIDEO"):
        return download_check.starts_with(b"ftyp", at=4)
    return None
