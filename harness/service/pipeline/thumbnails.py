"""
The Lambda function ``listing-media-thumbnails``: scale every image to four sizes, copy every document.

Input: the state after validation. Output: ``{"outputs": [{rawKey, processedKey, thumbnailKey, outputs,
resolutions?, width, height, errorCode?, errorMessage?}]}``, with width and height [px] of the object
``processedKey``. The error of an image is in its output; the other images are processed.
"""

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from harness.service.adapters.opentelemetry.function_tracing import in_current_span
from harness.service.pipeline.execution_assets import ExecutionAsset, derived_key, empty_output
from harness.service.pipeline.formats.undecodable import DECODE_FAILED, Undecodable
from harness.service.pipeline.image_decoding import Size, derive, jpeg
from harness.service.pipeline.image_limits import DecodingMemory
from harness.service.pipeline.lambda_handler import Event, lambda_handler
from harness.service.pipeline.media_objects import MediaObjects, NoSuchObject, media_objects

SIZES = {"thumbnail": 200, "small": 400, "medium": 800, "large": 1200}
"""Sides of the boxes [px]: an image is scaled down to fit its box."""

BEST = "large"
PROCESSING_FAILED = "THUMBNAIL_PROCESSING_FAILED"
"""The code of an image that is missing or damaged; other refusals have their own code."""

# Pillow releases the GIL while it decodes. Two large images wait for each other: see `DecodingMemory`.
IMAGES_AT_ONCE = 2


@lambda_handler("thumbnails", prepare=media_objects)
def handler(event: Event, _context: object) -> Event:
    """Create the thumbnails of a batch; raise ``Retryable`` if S3 does not answer."""
    objects = media_objects()
    validation = event["validation"]
    memory = DecodingMemory.of_function()
    with ThreadPoolExecutor(IMAGES_AT_ONCE) as threads:
        image = partial(in_current_span(_image), event, objects, memory)
        images = list(threads.map(image, validation["images"]))
    documents = [_document(event, document, objects) for document in validation["documents"]]
    return {"outputs": images + documents}


def _image(
    state: Event, objects: MediaObjects, memory: DecodingMemory, asset: ExecutionAsset
) -> dict[str, Any]:
    try:
        return _sizes(state, asset, objects, memory)
    except NoSuchObject:
        return _failed(asset, f"{asset['key']} is not in the bucket")
    except Undecodable as error:
        code = PROCESSING_FAILED if error.code == DECODE_FAILED else error.code
        return _failed(asset, f"{asset['key']}: {error}", code)


def _sizes(
    state: Event, asset: ExecutionAsset, objects: MediaObjects, memory: DecodingMemory
) -> dict[str, Any]:
    with tempfile.TemporaryFile(prefix="thumbnails-") as file:
        objects.fetch(asset["key"], file)
        images = derive(file, SIZES, memory)
    keys = image_keys(state, asset)
    for size, image in images.items():
        objects.put(keys[size], jpeg(image), "image/jpeg")
    return image_output(state, asset, {label: image.size for label, image in images.items()})


def _document(state: Event, asset: ExecutionAsset, objects: MediaObjects) -> dict[str, Any]:
    output = document_output(state, asset)
    try:
        objects.copy(asset["key"], output["processedKey"])
    except NoSuchObject:
        return _failed(asset, f"{asset['key']} is not in the bucket")
    return output


def image_keys(state: Event, asset: ExecutionAsset) -> dict[str, str]:
    """Return the key of every size of an image."""
    return {size: derived_key(state, asset, size, ".jpg") for size in SIZES}


def image_output(state: Event, asset: ExecutionAsset, sizes: Mapping[str, Size]) -> dict[str, Any]:
    """Return the output of an image whose derived objects have *sizes* [px] by label."""
    keys = image_keys(state, asset)
    return empty_output(asset) | {
        "processedKey": keys[BEST],
        "thumbnailKey": keys["thumbnail"],
        "outputs": keys,
        "resolutions": {label: f"{width}x{height}" for label, (width, height) in sizes.items()},
        "width": sizes[BEST][0],
        "height": sizes[BEST][1],
    }


def document_output(state: Event, asset: ExecutionAsset) -> dict[str, Any]:
    """Return the output of a document."""
    key = derived_key(state, asset, "original", ".pdf")
    return empty_output(asset) | {"processedKey": key, "outputs": {"original": key}}


def _failed(asset: ExecutionAsset, message: str, code: str = PROCESSING_FAILED) -> dict[str, Any]:
    return empty_output(asset) | {"errorCode": code, "errorMessage": message}
