"""The downloads that the service offers for a READY batch, and how to check each."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.lab.load.clients import download_check
from harness.lab.load.clients.answers import DownloadsOffered, FileOffered, FilesOffered
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


def downloads(offered: DownloadsOffered, files: int) -> list[Download]:
    """
    Return the downloads that the service offers, the ZIP last.

    Args:
        offered: Answer of ``/downloads/query``.
        files: How many files the ZIP should hold [count].
    """
    items = [found for group in offered.downloads for found in _items(group)]
    zips = [group.url for group in offered.downloads if group.type == "ZIP_FULL" and group.url]
    return items + [Download(ZIP, url, download_check.archive(files)) for url in zips]


def _items(group: FilesOffered) -> Iterator[Download]:
    for item in group.items:
        yield Download(OBJECT, item.url, _check(group.type, item))
        if item.preview is not None:
            yield Download(PREVIEW, item.preview)


def _check(media_type: str, item: FileOffered) -> ContentCheck | None:
    if media_type.startswith("PHOTO"):
        return download_check.image(item.resolution)
    if media_type.startswith("VIDEO"):
        return download_check.starts_with(b"ftyp", at=4)
    return None
