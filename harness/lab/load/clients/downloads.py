"""
What can be fetched of a batch that is READY, and what each thing should be.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.lab.load.clients import download_check
from harness.lab.load.clients.download_check import Check

OBJECT, PREVIEW, ZIP = "object", "preview", "zip"
"""What the tables call them; uploads are objects too."""


@dataclass(frozen=True, slots=True)
class Download:
    """
    Something to fetch.

    Attributes:
        check: Says what is wrong with what came back, if it is known what it should be.
    """

    name: str
    url: str
    check: Check | None = None

    def unchecked(self) -> "Download":
        return replace(self, check=None)


def downloads(answer: Mapping[str, Any], files: int) -> list[Download]:
    """
    Return what the service offers, the ZIP last.

    Args:
        answer: Of ``/downloads/query``.
        files: How many files the ZIP should hold [count].
    """
    items = [found for group in answer["downloads"] for found in _items(group)]
    zips = [group for group in answer["downloads"] if group["type"] == "ZIP_FULL"]
    return items + [Download(ZIP, group["url"], download_check.archive(files)) for group in zips]


def _items(group: Mapping[str, Any]) -> Iterator[Download]:
    for item in group.get("items", ()):
        yield Download(OBJECT, item["url"], _check(group["type"], item))
        if item.get("preview"):
            yield Download(PREVIEW, item["preview"])


def _check(kind: str, item: Mapping[str, Any]) -> Check | None:
    if kind.startswith("PHOTO"):
        return download_check.image(item["resolution"])
    if kind.startswith("VIDEO"):
        return download_check.starts_with(b"ftyp", at=4)
    return None
