"""The refusal of a file because of its content."""

DECODE_FAILED = "DECODE_FAILED"
"""The file is damaged, truncated, or in a format that is not known."""
CONTENT_TYPE_MISMATCH = "CONTENT_TYPE_MISMATCH"
"""The content has another format than the declared content type."""
IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
"""The image has too many pixels, or its decoding needs more memory than the function has."""
IMAGE_TOO_COMPLEX = "IMAGE_TOO_COMPLEX"
"""The decoding of the image takes too long: a JPEG with too many scans."""
VIDEO_TOO_LARGE = "VIDEO_TOO_LARGE"
"""The pictures of the video have too many pixels."""
VIDEO_SIZE_UNSUPPORTED = "VIDEO_SIZE_UNSUPPORTED"
"""The video as it is displayed is too small, or too long on one side, for the transcoder."""
PDF_ENCRYPTED = "PDF_ENCRYPTED"
"""The document opens only with a password."""


class Undecodable(ValueError):
    """The content of a file cannot be used; ``code`` is one of the constants of this module."""

    def __init__(self, message: str, code: str = DECODE_FAILED) -> None:
        super().__init__(message)
        self.code = code
