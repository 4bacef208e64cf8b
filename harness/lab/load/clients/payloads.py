"""
The content of uploaded files: real media, or filler. Sizes in bytes.

Real files take time to make, so they are made before the run begins and read from disk during it. Filler is
free: service times follow the planned size of a file, not its content.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from harness.lab.load.generator.connection import Body
from harness.lab.workload.media import media_content
from harness.lab.workload.upload_batch import UploadBatch, UploadFile

BLOCK_BYTES = 1024 * 1024
IN_MEMORY_BYTES = 8 * 1024 * 1024
"""Larger filler is read from a sparse file: the client would copy it twice."""


@dataclass(frozen=True, slots=True)
class Payload:
    """
    The content of one file.

    Attributes:
        sha256: Digest [hex].
        open: Returns the content from its beginning, for each upload anew.
    """

    size: int
    sha256: str
    open: Callable[[], Body]


Payloads = Callable[[UploadFile], Payload]
"""Returns the content of each file of a scenario."""


def filler(size: int) -> Payloads:
    """Return payloads of zeros, *size* for every file."""
    digest = hashlib.sha256()
    for at in range(0, size, BLOCK_BYTES):
        digest.update(bytes(min(BLOCK_BYTES, size - at)))
    payload = Payload(size, digest.hexdigest(), partial(_zeros, size))
    return lambda _: payload


def real_media(batches: Iterable[UploadBatch], folder: Path, seed: int) -> Payloads:
    """
    Make photos, videos and documents that decode into *folder*, and return their payloads.

    It takes seconds for many or large files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Payload] = {}
    for batch in batches:
        for file in batch.files:
            content = media_content.content(file, seed ^ zlib.crc32(file.client_id.encode())).content
            path = folder / file.client_id
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            made[file.client_id] = Payload(len(content), digest, partial(_open, path))
    return lambda file: made[file.client_id]


def _open(path: Path) -> Body:
    return path.open("rb")


def _zeros(size: int) -> Body:
    if size <= IN_MEMORY_BYTES:
        return bytes(size)
    file: BinaryIO = TemporaryFile()  # noqa: SIM115 - the connection reads it; closed with its last reference
    file.truncate(size)
    return file
