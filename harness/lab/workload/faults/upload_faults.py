"""Faults of the uploads of clients: damaged files, and uploads that come too late."""

from typing import ClassVar, Literal

from harness.lab.workload.faults.fault_window import RandomFault
from harness.lab.workload.upload_batch import FileDamage


class FileFault(RandomFault):
    """A file arrives complete and with the right checksum, but its content cannot be used."""

    damage: ClassVar[FileDamage]
    images_only: ClassVar[bool] = False


class CorruptFile(FileFault):
    """A file has the beginning of its format, and noise after it."""

    action: Literal["harness:media:corrupt-file"]
    damage = FileDamage.CORRUPT


class TruncatedFile(FileFault):
    """The end of a file is missing, as after a transfer that broke off before the upload."""

    action: Literal["harness:media:truncate-file"]
    damage = FileDamage.TRUNCATED


class MislabelledFile(FileFault):
    """A file has another format than its content type says."""

    action: Literal["harness:media:mislabel-file"]
    damage = FileDamage.MISLABELLED


class OversizedFile(FileFault):
    """A photo or render has more pixels than the pipeline takes, in few bytes; other files are not struck."""

    action: Literal["harness:media:oversize-file"]
    damage = FileDamage.OVERSIZED
    images_only = True


class ExpiredUploadUrl(RandomFault):
    """A client uploads after its URLs have expired, and then tries to complete the batch."""

    action: Literal["harness:media:expire-upload-url"]
