"""
PDF documents: whether a file is complete, and whether it opens without a password.

Only the trailer and the encryption dictionary are read. A document with restrictions but without a password
to open it is accepted.

Source:
    ISO 32000-2, 7.3.4, 7.5.5, 7.5.8 and 7.6.4.
"""

import hashlib
import re
from typing import IO

from harness.service.pipeline.formats.aes import encrypt_cbc
from harness.service.pipeline.formats.undecodable import PDF_ENCRYPTED, Undecodable

MARGIN_BYTES = 1024
"""Readers of PDF search the header and trailer in the first and last bytes."""

_DICTIONARY_BYTES = 8192
_CHUNK_BYTES = 1024 * 1024
_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_ENCRYPT = re.compile(rb"/Encrypt\s*(?:(\d+)\s+(\d+)\s+R|<<)")
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r\n": b""}
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_LITERAL = re.compile(rb"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)", re.DOTALL)
_HEXADECIMAL = re.compile(rb"<([0-9A-Fa-f\s]*)>")


def check(file: IO[bytes]) -> None:
    """
    Check a document.

    Raises:
        Undecodable: The header or the trailer is missing, or the document opens only with a password.
    """
    file.seek(0)
    if b"%PDF-" not in file.read(MARGIN_BYTES):
        raise Undecodable("it has no PDF header")
    end = file.seek(0, 2)
    file.seek(max(0, end - MARGIN_BYTES))
    if b"%%EOF" not in file.read():
        raise Undecodable("it has no PDF trailer, so it is truncated")
    trailer = _last(file, _ENCRYPT)
    try:
        opens = trailer is None or _opens(file, trailer)
    except ValueError:
        raise Undecodable("its encryption dictionary is damaged") from None
    if not opens:
        raise Undecodable("it opens only with a password", PDF_ENCRYPTED)


def _opens(file: IO[bytes], around: tuple[bytes, bytes]) -> bool:
    """Return whether the empty password opens a document; *around* is before and from ``/Encrypt``."""
    before, rest = around
    match = _ENCRYPT.match(rest)
    dictionary = rest
    if match and match[1]:
        found = _last(file, re.compile(rb"\b%d\s+%d\s+obj\b" % (int(match[1]), int(match[2]))))
        if not found:
            return True  # The text is not that of a trailer.
        dictionary = found[1].partition(b"endobj")[0]
    if not re.search(rb"/Filter\s*/Standard\b", dictionary):
        return False
    trailer = before[max(before.rfind(b"trailer"), before.rfind(b" obj"), 0) :] + rest
    return _empty_password_is_right(dictionary, _string(trailer, b"ID\\s*\\["))


def _last(file: IO[bytes], pattern: re.Pattern[bytes]) -> tuple[bytes, bytes] | None:
    """Return the text before and from the last match of *pattern*, some thousand bytes each."""
    found, start = -1, 0
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        for match in pattern.finditer(chunk):
            found = start + match.start()
        if len(chunk) < _CHUNK_BYTES:
            break
        start = file.seek(-_DICTIONARY_BYTES, 1)
    if found < 0:
        return None
    file.seek(max(0, found - _DICTIONARY_BYTES))
    return file.read(min(found, _DICTIONARY_BYTES)), file.read(_DICTIONARY_BYTES)


def _empty_password_is_right(dictionary: bytes, document_id: bytes) -> bool:
    revision, user = _number(dictionary, b"R", 0), _string(dictionary, b"U")
    if revision >= 5:
        salt = user[32:40]
        digest = hashlib.sha256(salt).digest()
        return user[:32] == (digest if revision == 5 else _hardened(digest))
    key = _key(dictionary, revision, document_id)
    if revision == 2:
        return user[:32] == _rc4(key, _PADDING)
    digest = hashlib.md5(_PADDING + document_id, usedforsecurity=False).digest()
    for number in range(20):
        digest = _rc4(bytes(byte ^ number for byte in key), digest)
    return user[:16] == digest


def _key(dictionary: bytes, revision: int, document_id: bytes) -> bytes:
    """Return the key of the empty password (algorithm 2)."""
    bits = 40 if revision == 2 else _number(dictionary, b"Length", 40)
    size = 16 if revision == 4 else min(max(bits // 8, 5), 16)
    permissions = (_number(dictionary, b"P", 0) & 0xFFFFFFFF).to_bytes(4, "little")
    parts = _PADDING + _string(dictionary, b"O")[:32] + permissions + document_id
    if revision == 4 and re.search(rb"/EncryptMetadata\s+false", dictionary):
        parts += b"\xff\xff\xff\xff"
    digest = hashlib.md5(parts, usedforsecurity=False).digest()
    for _ in range(50 if revision >= 3 else 0):
        digest = hashlib.md5(digest[:size], usedforsecurity=False).digest()
    return digest[:size]


def _hardened(digest: bytes) -> bytes:
    """Return the hash of the empty password of revision 6 (algorithm 2.B)."""
    number, last = 0, 255
    while number < 64 or last > number - 32:
        encrypted = encrypt_cbc(digest[:16], digest[16:32], digest * 64)
        name = ("sha256", "sha384", "sha512")[sum(encrypted[:16]) % 3]
        digest = hashlib.new(name, encrypted).digest()
        last = encrypted[-1]
        number += 1
    return digest[:32]


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i, j, output = 0, 0, bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        output.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(output)


def _number(dictionary: bytes, name: bytes, default: int) -> int:
    match = re.search(rb"/" + name + rb"\s*(-?\d+)", dictionary)
    return int(match[1]) if match else default


def _string(dictionary: bytes, name: bytes) -> bytes:
    """Return the string that follows a name (a regular expression); an empty one if there is none."""
    match = re.search(rb"/" + name + rb"\s*(?=[<(])", dictionary)
    if not match:
        return b""
    if text := _HEXADECIMAL.match(dictionary, match.end()):
        return bytes.fromhex(text[1].decode())
    literal = _LITERAL.match(dictionary, match.end())
    return _ESCAPED.sub(_unescaped, literal[0][1:-1]) if literal else b""


def _unescaped(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if escaped[:1].isdigit():
        return bytes([int(escaped, 8) & 0xFF])
    return _ESCAPES.get(escaped, escaped)
