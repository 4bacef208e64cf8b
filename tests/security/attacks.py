"""
Hostile requests: tokens, signatures, fields, bodies and headers, and what the service must answer.

An attack is a request and the statuses that are right. None may be answered 5xx or change anything.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness.service.core.model.callback_signature import sign
from tests.service.api.conftest import CALLBACK_SECRET, JWT_KEY, LISTING, OPERATOR, photo, token, uploads

MEDIA = "/api/v2/listings/media"
CALLBACK = "/internal/media-processing/callback"
PATHS = (
    "/uploads",
    "/uploads/complete",
    "/uploads/status",
    "/downloads/query",
    "/uploads/retry",
    "/uploads/delete",
)
NO_BATCH = "00000000-0000-4000-8000-000000000000"
REFUSED = frozenset(range(400, 500))


@dataclass(frozen=True, slots=True)
class Attack:
    """
    A hostile request.

    Attributes:
        kind: Its table row.
        answers: The statuses that are right.
    """

    kind: str
    name: str
    path: str
    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    content: bytes = b""
    method: str = "POST"
    answers: frozenset[int] = REFUSED


def all_attacks() -> list[Attack]:
    """Return every attack; names are unique within a kind."""
    makers: list[Callable[[], Iterator[Attack]]] = [tokens, signatures, injections, bodies, headers, paths]
    return [attack for make in makers for attack in make()]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


# Tokens


def _encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(header: Mapping[str, object], claims: Mapping[str, object], key: bytes) -> str:
    text = f"{_encoded(dict(header))}.{_encoded(dict(claims))}"
    return f"{text}.{_encoded(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def bad_tokens() -> Iterator[tuple[str, str]]:
    """Return names and values of ``Authorization``: forged, expired, of others, and malformed."""
    now = int(time.time())
    claims = {"sub": str(OPERATOR), "iss": "toq", "aud": "toq-media", "exp": now + 600}
    key, good = JWT_KEY.encode(), {"alg": "HS256", "typ": "JWT"}
    for name in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {name!r} without signature", f"{_encoded({'alg': name})}.{_encoded(claims)}."
        yield f"alg {name!r} with signature", _signed({"alg": name}, claims, key)
    for algorithm in ("HS384", "HS512"):
        yield f"alg {algorithm}", jwt.encode(claims, JWT_KEY.ljust(64, "x"), algorithm)
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield "alg RS256 with a key of the attacker", jwt.encode(claims, pem, "RS256")
    yield "HS256 with a public key as the secret", _signed(good, claims, public)
    for wrong in (b"", b"\0", b"secret", key[:-1], key + b"\n", key.upper(), b"null", b"undefined"):
        yield f"signed with {wrong!r}", _signed(good, claims, wrong)
    for kid in ("../../dev/null", "/dev/null", "' UNION SELECT '' -- ", "| sleep 9", "\0", "x" * 9000):
        yield f"kid {kid[:20]!r} and the empty key", _signed(good | {"kid": kid}, claims, b"")
    for name, value in (
        ("jwk", {"kty": "oct", "k": _encoded(b"x")}),
        ("jku", "http://127.0.0.1:1/keys"),
        ("x5u", "http://127.0.0.1:1/cert"),
        ("x5c", ["AA=="]),
    ):
        yield f"{name} in the header", _signed(good | {name: value}, claims, b"x")
    yield "crit in the header", _signed(good | {"crit": ["exp"], "b64": False}, claims, b"x")
    yield from _bad_claims(claims, good, key)
    valid = _signed(good, claims, key)
    head, payload, signature = valid.split(".")
    for name, text in {
        "no signature": f"{head}.{payload}.",
        "no dots": head,
        "four parts": f"{valid}.x",
        "another payload": f"{head}.{_encoded(claims | {'sub': '1'})}.{signature}",
        "signature of zeros": f"{head}.{payload}.{'A' * 43}",
        "half the signature": f"{head}.{payload}.{signature[:20]}",
        "payload is a list": f"{head}.{_encoded([1])}.{signature}",
        "header is a list": f"{_encoded([1])}.{payload}.{signature}",
        "not base64": f"{head}.*****.{signature}",
        "nested token": f"{head}.{_encoded(valid.encode())}.{signature}",
        "100 kB": "a" * 100_000,
        "unicode": "é.é.é",
        "two tokens": f"{valid}, {valid}x",
    }.items():
        yield name, text


def _bad_claims(claims: dict[str, Any], header: dict[str, str], key: bytes) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    for name, values in {
        "exp": (now - 1, 0, -1, None, "soon", "", [], {}, 1e400, True),
        "nbf": (now + 600, "later", []),
        "iat": ("never", []),
        "iss": ("other", "", None, ["toq"], "TOQ", "toq "),
        "aud": ("other", "", None, [], ["other"], {"toq-media": 1}),
        "sub": (None, "", "0", "-3", "3.0", "3 ", "٣", "9" * 30, 3, [3], {"id": 3}, "3' OR '1'='1", "admin"),
    }.items():
        for value in values:
            changed = {each: claim for each, claim in (claims | {name: value}).items() if claim is not None}
            # 1e400 is written as Infinity, which is no JSON: a token may contain it all the same.
            yield f"{name} {str(value)[:20]!r} ({type(value).__name__})", _signed(header, changed, key)
    for name in ("exp", "iss", "aud", "sub"):
        yield f"without {name}", _signed(header, {one: claims[one] for one in claims if one != name}, key)


def tokens() -> Iterator[Attack]:
    body = _json({"listingId": LISTING, "batchId": NO_BATCH, "reason": "r"})
    for number, (name, value) in enumerate(bad_tokens()):
        header = {"Authorization": f"Bearer {value}".encode(), "Content-Type": "application/json"}
        path = MEDIA + PATHS[number % len(PATHS)]
        yield Attack("JWT", name, path, header, body, answers=frozenset({401}))
    for scheme in ("Basic", "Digest", "Token", "Bearer:", "Bearer Bearer", "bearertoken", ""):
        header = {"Authorization": f"{scheme} {token(OPERATOR)}", "Content-Type": "application/json"}
        yield Attack("JWT", f"scheme {scheme!r}", f"{MEDIA}/uploads", header, body, answers=frozenset({401}))


# Signatures of callbacks


def signatures() -> Iterator[Attack]:
    body = _json({"jobId": 1, "status": "PROCESSING_FAILED"})
    right = sign(CALLBACK_SECRET, body)
    sha1 = hmac.new(CALLBACK_SECRET.encode(), body, hashlib.sha1).hexdigest()
    sha512 = hmac.new(CALLBACK_SECRET.encode(), body, hashlib.sha512).hexdigest()
    values: dict[str, str | bytes | None] = {
        "none": None,
        "empty": "",
        "spaces": "   ",
        "of another body": sign(CALLBACK_SECRET, body + b" "),
        "of the empty body": sign(CALLBACK_SECRET, b""),
        "another secret": sign("other", body),
        "secret in upper case": sign(CALLBACK_SECRET.upper(), body),
        "plain SHA-256 of the body": hashlib.sha256(body).hexdigest(),
        "SHA-256 of secret and body": hashlib.sha256(CALLBACK_SECRET.encode() + body).hexdigest(),
        "HMAC-SHA-1": sha1,
        "HMAC-SHA-512": sha512,
        "upper case": right.upper(),
        "prefix": f"sha256={right}",
        "base64": base64.b64encode(bytes.fromhex(right)).decode(),
        "half": right[:32],
        "doubled": right + right,
        "zeros": "0" * 64,
        "not hexadecimal": "g" * 64,
        "other letters": b"\xe9" * 64,
        "list": f"{right}x, {right}",
        "64 kB": "a" * 64_000,
        "the secret itself": CALLBACK_SECRET,
        "a user's token": f"Bearer {token(OPERATOR)}",
    }
    for name, value in values.items():
        headers: dict[str, str | bytes] = {"Content-Type": "application/json"}
        headers |= {} if value is None else {"X-Toq-Signature": value}
        yield Attack("HMAC", name, CALLBACK, headers, body, answers=frozenset({403}))
    header = {"Content-Type": "application/json", "X-Toq-Signature": right}
    for name, other in {
        "changed": body.replace(b"1", b"2"),
        "reordered": body[::-1],
        "longer": body + b"\n",
    }.items():
        yield Attack("HMAC", f"body {name}", CALLBACK, header, other, answers=frozenset({403}))


# Values of fields

PAYLOADS = {
    "SQL quote": "' OR '1'='1' -- ",
    "SQL stacked": "'; DROP TABLE users; -- ",
    "SQL union": "x' UNION SELECT jwt_key FROM secrets -- ",
    "SQL sleep": "' AND SLEEP(9) AND '1'='1",
    "SQL backslash": "\\",
    "SQL wildcard": "%_%",
    "path up": "../../../../etc/passwd",
    "path encoded": "..%2f..%2fetc%2fpasswd",
    "path backslash": "..\\..\\windows\\win.ini",
    "path absolute": "/etc/passwd",
    "path dot": ".",
    "path dots": "..",
    "URL": "file:///etc/passwd",
    "metadata service": "http://169.254.169.254/latest/meta-data/",
    "CRLF header": "a\r\nX-Amz-Acl: public-read",
    "LF": "a\nb",
    "NUL": "a\0b",
    "tab": "a\tb",
    "escape": "\x1b[2J\x1b]0;x\x07",
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)',
    "template": "{{7*7}}${7*7}#{7*7}<%= 7*7 %>",
    "format": "%s%n{0.__class__}{}",
    "JNDI": "${jndi:ldap://127.0.0.1/a}",
    "formula": '=HYPERLINK("http://127.0.0.1",A1)',
    "shell": "$(reboot)`reboot`;reboot|reboot&",
    "States": "$.listingId",
    "intrinsic": "States.Format('{}', $)",
    "JSON in text": '{"$gt": ""}',
    "right to left": "\u202egpj.exe",
    "zero width": "a\u200bb",
    "combining": "a" + "\u0301" * 200,
    "emoji": "👩‍👩‍👧‍👦" * 20,
    "long": "a" * 5000,
    "surrogate": "\ud800",
    "BOM": "\ufeffa",
    "empty": "",
    "blank": " ",
    "number as text": "1e309",
}
"""Values for fields of text; whether one is accepted depends on the field."""
FIELDS = ("clientId", "filename", "title", "contentType", "checksum", "mediaType", "orientation", "metadata")
NO_5XX = frozenset({200, 201, 202, 204}) | REFUSED


def injections() -> Iterator[Attack]:
    header = {"Authorization": f"Bearer {token(OPERATOR)}", "Content-Type": "application/json"}
    for what, payload in PAYLOADS.items():
        for name in FIELDS:
            value = {payload: payload} if name == "metadata" else payload
            body = uploads(photo() | {name: value}, batchReference=f"{what} {name}")
            content = _json(body)
            yield Attack("fields", f"{name}: {what}", f"{MEDIA}/uploads", header, content, answers=NO_5XX)
        body = uploads(batchReference=payload)
        yield Attack(
            "fields", f"batchReference: {what}", f"{MEDIA}/uploads", header, _json(body), answers=NO_5XX
        )
        for path in ("/uploads/status", "/downloads/query", "/uploads/retry", "/uploads/delete"):
            named = {"listingId": LISTING, "batchId": payload, "reason": payload}
            yield Attack("fields", f"{path[1:]}: {what}", MEDIA + path, header, _json(named))
        callback = _json({"jobId": 1, "status": payload, "externalId": payload, "error": {"Cause": payload}})
        signed = {"Content-Type": "application/json", "X-Toq-Signature": sign(CALLBACK_SECRET, callback)}
        yield Attack("fields", f"callback: {what}", CALLBACK, signed, callback)


# Bodies


def bodies() -> Iterator[Attack]:
    good = _json(uploads())
    named = b'{"listingId": 42, "batchId": "' + NO_BATCH.encode() + b'", "reason": "r"}'
    documents = {
        "empty": b"",
        "half": good[: len(good) // 2],
        "null": b"null",
        "list": b"[]",
        "text": b'"x"',
        "number": b"1",
        "NaN": b'{"listingId": NaN}',
        "infinity": b'{"listingId": -Infinity}',
        "huge integer": b'{"listingId": ' + b"9" * 5000 + b"}",
        "huge exponent": b'{"listingId": 1e999999}',
        "10,000 levels of lists": b"[" * 10_000 + b"]" * 10_000,
        "10,000 levels of objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "100,000 keys": b"{" + b",".join(b'"k%d":0' % n for n in range(100_000)) + b"}",
        "one key 50,000 times": b"{" + b",".join(b'"listingId":"x"' for _ in range(50_000)) + b"}",
        "comments": b'{"listingId": 42 /* x */}',
        "single quotes": b"{'listingId': 42}",
        "trailing comma": b'{"listingId": 42,}',
        "two documents": good + good,
        "prototype": b'{"__proto__": {"admin": true}, "constructor": 1}',
        "UTF-16": good.decode().encode("utf-16"),
        "UTF-8 with BOM": b"\xef\xbb\xbf" + good[:20],
        "invalid UTF-8": b'{"listingId": "\xc3\x28"}',
        "overlong UTF-8": b'{"listingId": "\xc0\xaf"}',
        "lone surrogate": b'{"listingId": "\\ud800"}',
        "gzip without a header": b"\x1f\x8b\x08" + b"\0" * 50,
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "entity bomb": b'<!DOCTYPE a [<!ENTITY a "'
        + b"x" * 99
        + b'"><!ENTITY b "'
        + b"&a;" * 99
        + b'">]><a>&b;</a>',
        "YAML": b"!!python/object/apply:os.system ['true']",
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
        "4 MiB of spaces": b" " * 2**22,
    }
    header = {"Authorization": f"Bearer {token(OPERATOR)}", "Content-Type": "application/json"}
    for name, content in documents.items():
        for path in PATHS:
            yield Attack("bodies", f"{path[1:]}: {name}", MEDIA + path, header, content)
        signed = {"Content-Type": "application/json", "X-Toq-Signature": sign(CALLBACK_SECRET, content)}
        yield Attack("bodies", f"callback: {name}", CALLBACK, signed, content)
    for kind in (
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
    ):
        other = header | {"Content-Type": kind}
        yield Attack("bodies", f"content type {kind}", f"{MEDIA}/uploads/status", other, named)
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        other = header | {"Content-Encoding": coding}
        yield Attack(
            "bodies", f"content coding {coding}", f"{MEDIA}/uploads", other, b"\x1f\x8b\x08" + b"\0" * 99
        )


# Headers and paths


def headers() -> Iterator[Attack]:
    base = {"Authorization": f"Bearer {token(OPERATOR)}", "Content-Type": "application/json"}
    content = _json({"listingId": LISTING, "batchId": NO_BATCH})
    path = f"{MEDIA}/uploads/status"
    for name, values in {
        "traceparent": ("", "00-0-0-0", "ff-" + "a" * 32 + "-" + "b" * 16 + "-01", "x" * 9000, "é"),
        "tracestate": ("x" * 9000, "=,=,=", "é"),
        "Host": ("evil.example", "", "127.0.0.1:99999", "a b", "[::1"),
        "X-Forwarded-For": ("127.0.0.1", "' OR 1=1 --", "a" * 5000),
        "X-Forwarded-Host": ("evil.example",),
        "X-HTTP-Method-Override": ("DELETE", "PUT"),
        "X-Original-URL": ("/metrics",),
        "Idempotency-Key": ("a\tb", "x" * 9000, "' --"),
        "Accept": ("application/xml", "*/*;q=2", "../../x"),
        "Accept-Encoding": ("gzip;q=-1", "x" * 5000),
        "Range": ("bytes=0-0," * 1000, "bytes=-1"),
        "If-None-Match": ("*", "x" * 5000),
        "Cookie": ("a=" + "b" * 9000, "a" * 100 + "=;" * 500),
        "Content-Length": ("0", "1"),
        "Origin": ("null", "https://evil.example"),
    }.items():
        for value in values:
            changed = base | {name: value.encode()}
            yield Attack("headers", f"{name}: {value[:30]}", path, changed, content)
    yield Attack("headers", "1,000 headers", path, base | {f"X-{n}": "v" for n in range(1000)}, content)


def paths() -> Iterator[Attack]:
    base = {"Authorization": f"Bearer {token(OPERATOR)}", "Content-Type": "application/json"}
    for path in (
        "/..%2f..%2f..%2fetc/passwd",
        "/docs/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/assets/%2e%2e/%2e%2e/server.py",
        "/docs/assets/..%5c..%5cserver.py",
        "/docs/assets/%00",
        "/docs/assets//etc/passwd",
        f"{MEDIA}//uploads",
        f"{MEDIA}/uploads/../../../../metrics",
        f"{MEDIA}/uploads%00",
        f"{MEDIA}/uploads;a=b",
        f"{MEDIA}/uploads%0d%0aX: y",
        f"{MEDIA}/UPLOADS",
        f"{MEDIA}/uploads/" + "a" * 5000,
        "/internal/media-processing/callback/",
        "/internal%2fmedia-processing%2fcallback",
        "//evil.example/%2f..",
        "/%ff%fe",
        "/.git/config",
        "/.env",
        "/openapi.yaml",
        "/admin",
        "/metrics/../internal",
    ):
        for method in ("GET", "POST"):
            yield Attack("paths", f"{method} {path[:50]}", path, base, b"", method)
    for method in (
        "TRACE",
        "CONNECT",
        "PATCH",
        "PUT",
        "DELETE",
        "OPTIONS",
        "HEAD",
        "PROPFIND",
        "BREW",
        "post",
    ):
        yield Attack("paths", f"method {method}", f"{MEDIA}/uploads/status", base, b"", method)
