"""A bucket in memory. It stores the properties of objects, not their content."""

import hashlib

from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import MediaStage
from harness.service.core.model.checksum import Sha256
from harness.service.core.ports.object_storage import ObjectStorage, SignedUpload, StoredObject


class InMemoryObjectStorage(ObjectStorage):
    """The bucket; if *available* is False, every call that needs the network raises `Unavailable`."""

    def __init__(self, *, kms_key_id: str = "alias/toq-media-processing") -> None:
        self.available = True
        self.objects: dict[str, StoredObject] = {}
        self.stages: dict[str, MediaStage] = {}
        self._kms_key_id = kms_key_id

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> StoredObject:
        """Store an object with *body*, as a PUT to its presigned URL does."""
        digest = Sha256(hashlib.sha256(body).hexdigest())
        return self.put_announced(key, size=len(body), checksum=digest, content_type=content_type)

    def put_announced(
        self, key: str, *, size: int, checksum: Sha256 | None, content_type: str = "image/jpeg"
    ) -> StoredObject:
        """Store an object by its size [bytes] and checksum, without content."""
        etag = f'"{checksum.hex[:32] if checksum else size}"'
        self.objects[key] = StoredObject(key, size, etag, content_type, checksum)
        self.stages.pop(key, None)
        return self.objects[key]

    def sign_upload(self, key: str, *, content_type: str, checksum: Sha256, ttl: int) -> SignedUpload:
        headers = {
            "Content-Type": content_type,
            "x-amz-checksum-sha256": checksum.base64,
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": self._kms_key_id,
        }
        return SignedUpload(f"memory://bucket/{key}?ttl={ttl}", headers)

    def sign_download(self, key: str, *, ttl: int) -> str:
        return f"memory://bucket/{key}?ttl={ttl}"

    def head(self, key: str) -> StoredObject | None:
        self.ping()
        return self.objects.get(key)

    def list_keys(self, prefix: str) -> list[str]:
        self.ping()
        return sorted(key for key in self.objects if key.startswith(prefix))

    def tag(self, key: str, stage: MediaStage) -> bool:
        self.ping()
        if key in self.objects:
            self.stages[key] = stage
        return key in self.objects

    def delete(self, key: str) -> None:
        self.ping()
        self.objects.pop(key, None)

    def ping(self) -> None:
        if not self.available:
            raise Unavailable("The bucket does not answer.")
