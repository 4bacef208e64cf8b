"""
The encryption of AES-128 in CBC mode without padding, for the hash of PDF passwords only.

The Lambda functions have no library for it. It is slow, and its time depends on the key.

Source:
    FIPS 197, 5.1 and 5.2.
"""

import struct


def encrypt_cbc(key: bytes, vector: bytes, data: bytes) -> bytes:
    """Return *data* encrypted with a key and a vector of 16 bytes; its length is a multiple of 16."""
    words = _round_keys(key)
    block, encrypted = vector, bytearray()
    for at in range(0, len(data), 16):
        mixed = int.from_bytes(block, "big") ^ int.from_bytes(data[at : at + 16], "big")
        block = _encrypt_block(words, mixed.to_bytes(16, "big"))
        encrypted += block
    return bytes(encrypted)


def _encrypt_block(words: list[int], block: bytes) -> bytes:
    first, second, third, fourth = _TABLES
    a, b, c, d = (x ^ k for x, k in zip(struct.unpack(">4I", block), words[:4], strict=True))
    for at in range(4, 40, 4):
        a, b, c, d = (
            first[x >> 24] ^ second[y >> 16 & 255] ^ third[z >> 8 & 255] ^ fourth[w & 255] ^ words[at + n]
            for n, (x, y, z, w) in enumerate(((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c)))
        )
    last = (
        (_BOX[x >> 24] << 24 | _BOX[y >> 16 & 255] << 16 | _BOX[z >> 8 & 255] << 8 | _BOX[w & 255]) ^ key
        for (x, y, z, w), key in zip(
            ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c)), words[40:], strict=True
        )
    )
    return struct.pack(">4I", *last)


def _round_keys(key: bytes) -> list[int]:
    words = list(struct.unpack(">4I", key))
    constant = 1
    while len(words) < 44:
        word = words[-1]
        if len(words) % 4 == 0:
            rotated = (word << 8 | word >> 24).to_bytes(5, "big")[1:]
            word = int.from_bytes(bytes(_BOX[byte] for byte in rotated), "big") ^ constant << 24
            constant = _DOUBLE[constant]
        words.append(words[-4] ^ word)
    return words


def _substitution_box() -> bytes:
    """Return the S-box: the inverse in GF(2^8), then an affine map."""
    box = bytearray([0x63] * 256)
    value = inverse = 1
    for _ in range(255):
        value ^= _DOUBLE[value]  # times 3, a generator
        inverse = _divided_by_three(inverse)
        # The affine map: the exclusive or of the inverse and its four rotations.
        sum_of_rotations = inverse ^ inverse << 1 ^ inverse << 2 ^ inverse << 3 ^ inverse << 4
        box[value] = (sum_of_rotations ^ sum_of_rotations >> 8) & 0xFF ^ 0x63
    return bytes(box)


def _divided_by_three(value: int) -> int:
    for shift in (1, 2, 4):
        value ^= value << shift & 0xFF
    return value ^ 0x09 if value & 0x80 else value


_DOUBLE = [value << 1 if value < 0x80 else (value << 1 ^ 0x11B) for value in range(256)]
_BOX = _substitution_box()
_COLUMNS = [(_DOUBLE[s], s, s, _DOUBLE[s] ^ s) for s in _BOX]
"""The column of each substituted byte after MixColumns; the other rows have it rotated."""
_TABLES = tuple(
    [int.from_bytes(bytes(column[-row:] + column[:-row] if row else column), "big") for column in _COLUMNS]
    for row in range(4)
)
