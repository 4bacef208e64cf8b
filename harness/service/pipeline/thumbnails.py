"""
Lambda ``listing-media-thumbnails``: every image in four sizes; documents pass through.

In: the state after validation. Out: ``{"outputs": [{rawKey, processedKey, thumbnailKey, outputs, width,
height, errorCode?, errorMessage?}]}``, width and height [px] of what ``processedKey`` holds. An image
that cannot be made is reported in its own output; the others go on.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.service.pipeline.assets import Asset, derived_key
from harness.service.pipeline.entry import Event, entry
from harness.service.pipeline.objects import MediaObjects, NoSuchObject, media_objects
from harness.service.pipeline.pictures import Size, Undecodable, derive, jpeg

SIZES = {"thumbnail": 200, "small": 400, "medium": 800, "large": 1200}
"""Box sides [px]: a picture fits inside, and is never enlarged."""

BEST = "large"
# Pillow lets go of the interpreter while it decodes; each image in flight may hold several hundred MB.
IMAGES_AT_ONCE = 2


@entry("thumbnails")
def handler(event: Event, _context: object) -> Event:
    """
    Make the thumbnails of a batch.

    Raises:
        Retryable: The bucket does not answer.
    """
    objects = media_objects()
    validation = event["validation"]
    with ThreadPoolExecutor(IMAGES_AT_ONCE) as threads:
        images = list(threads.map(lambda image: _image(event, image, objects), validation["images"]))
    documents = [_document(event, document, objects) for document in validation["documents"]]
    return {"outputs": images + documents}


def _image(state: Event, asset: Asset, objects: MediaObjects) -> dict[str, Any]:
    try:
        return _sizes(state, asset, objects)
    except NoSuchObject:
        return _failed(asset, f"{asset['key']} is not in the bucket")
    except Undecodable as error:
        return _failed(asset, f"{asset['key']}: {error}")


def _sizes(state: Event, asset: Asset, objects: MediaObjects) -> dict[str, Any]:
    with tempfile.TemporaryFile(prefix="thumbnails-") as file:
        objects.fetch(asset["key"], file)
        pictures = derive(file, SIZES)
    keys = image_keys(state, asset)
    for size, picture in pictures.items():
        objects.put(keys[size], jpeg(picture), "image/jpeg")
    return image_output(state, asset, pictures[BEST].size)


def _document(state: Event, asset: Asset, objects: MediaObjects) -> dict[str, Any]:
    output = document_output(state, asset)
    try:
        objects.copy(asset["key"], output["processedKey"])
    except NoSuchObject:
        return _failed(asset, f"{asset['key']} is not in the bucket")
    return output


def image_keys(state: Event, asset: Asset) -> dict[str, str]:
    """Return the key of every size of an image."""
    return {size: derived_key(state, asset, size, ".jpg") for size in SIZES}


def image_output(state: Event, asset: Asset, size: Size) -> dict[str, Any]:
    """Return what is said of an image whose largest derivative has *size* [px]."""
    keys = image_keys(state, asset)
    return _output(asset) | {
        "processedKey": keys[BEST],
        "thumbnailKey": keys["thumbnail"],
        "outputs": keys,
        "width": size[0],
        "height": size[1],
    }


def document_output(state: Event, asset: Asset) -> dict[str, Any]:
    """Return what is said of a document."""
    key = derived_key(state, asset, "original", ".pdf")
    return _output(asset) | {"processedKey": key, "outputs": {"original": key}}


def _failed(asset: Asset, message: str) -> dict[str, Any]:
    return _output(asset) | {"errorCode": "THUMBNAIL_PROCESSING_FAILED", "errorMessage": message}


def _output(asset: Asset) -> dict[str, Any]:
    return {
        "rawKey": asset["key"],
        "processedKey": None,
        "thumbnailKey": None,
        "outputs": {},
        "width": None,
        "height": None,
    }
