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
from typing import BinaryIO, Protocol

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


class Payloads(Protocol):
    """The source of the content of a scenario's files."""

    def of(self, file: UploadFile) -> Payload: ...


class Filler:
    """
    Zeros; every file has the same *size*.
    """

    def __init__(self, size: int) -> None:
        digest = hashlib.sha256()
        for at in range(0, size, BLOCK_BYTES):
            digest.update(bytes(min(BLOCK_BYTES, size - at)))
        self._payload = Payload(size, digest.hexdigest(), partial(_zeros, size))

    def of(self, file: UploadFile) -> Payload:  # noqa: ARG002 - every file gets the same
        return self._payload


class MadeFiles:
    """
    Photos, videos and documents that decode, made into *folder* before the run.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._seed = seed
        self._made: dict[str, Payload] = {}

    def make(self, batches: Iterable[UploadBatch]) -> None:
        """Make the files of *batches*; takes seconds for many or large ones."""
        for batch in batches:
            for file in batch.files:
                seed = self._seed ^ zlib.crc32(file.client_id.encode())
                self._made[file.client_id] = self._write(file, media_content.content(file, seed).content)

    def of(self, file: UploadFile) -> Payload:
        return self._made[file.client_id]

    def _write(self, file: UploadFile, content: bytes) -> Payload:
        path = self._folder / file.client_id
        path.write_bytes(content)
        return Payload(len(content), hashlib.sha256(content).hexdigest(), lambda: path.open("rb"))


def _zeros(size: int) -> Body:
    if size <= IN_MEMORY_BYTES:
        return bytes(size)
    file: BinaryIO = TemporaryFile()  # noqa: SIM115 - the connection reads it; closed with its last reference
    file.truncate(size)
    return file
