"""
NAL units: the pieces of H.264 and HEVC, in MP4 and HEIC each after its own length.

Source:
    ISO/IEC 14496-15, 4.3; ITU-T H.264 and H.265, 7.3.1.
"""

ZERO_RUN = b"\0" * 64
"""Three zero bytes are already impossible inside a unit (emulation prevention)."""

PADDING_MAX = 512
"""Zero bytes with which an encoder may fill the end of a unit."""

_LENGTH_SIZE_OFFSETS = {"h264": 4, "hevc": 21}


def length_size(codec: str, configuration: bytes | None) -> int | None:
    """Return the bytes of a length, from the ``avcC`` or ``hvcC`` record; None if the lengths are unknown."""
    offset = _LENGTH_SIZE_OFFSETS.get(codec)
    # A configuration that does not begin with version 1 is in the form with start codes, without lengths.
    if offset is None or not configuration or len(configuration) <= offset or configuration[0] != 1:
        return None
    return (configuration[offset] & 3) + 1


def are_damaged(data: bytes, size_of_length: int) -> bool:
    """Return whether the lengths do not add up to *data*, or a unit contains a run of zero bytes."""
    at = 0
    while at < len(data):
        start = at + size_of_length
        length = int.from_bytes(data[at:start], "big")
        at = start + length
        if length == 0 or at > len(data):
            return True
        unit = data[start:at]
        kept = unit.rstrip(b"\0")
        if ZERO_RUN in kept or len(unit) - len(kept) > PADDING_MAX:
            return True
    return False
