"""The OpenAPI links of a response: which operations take the batch of the response."""

from typing import Any

_BATCH = {"listingId": "$request.body#/listingId", "batchId": "$response.body#/batchId"}
_REASON = {"reason": "The thumbnails are too dark."}

AFTER_CREATION: dict[str, Any] = {
    "complete": {"operationId": "complete_upload_batch", "requestBody": _BATCH},
    "status": {"operationId": "get_batch_status", "requestBody": _BATCH},
    "downloads": {"operationId": "list_download_urls", "requestBody": _BATCH},
    "retry": {"operationId": "retry_media_batch", "requestBody": _BATCH | _REASON},
    "delete": {"operationId": "delete_media_batch", "requestBody": _BATCH | _REASON},
}
"""Links of the response that has a new batch."""
