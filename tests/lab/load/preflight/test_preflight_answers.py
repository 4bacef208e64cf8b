"""
A service with wrong answers is refused before the run, with the request and the field.
"""

import itertools
import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from harness.lab.load.preflight import preflight
from harness.lab.load.preflight.preflight import Unreachable
from harness.lab.workload.identities import CallerRole, ListingAccess
from tests.lab.load.bad_server import sending

TICKET = {"clientId": "canary", "uploadUrl": "http://127.0.0.1:9/a", "headers": {}, "s3Key": "a"}
CREATED = {"batchId": "b", "uploadUrlTtlSeconds": 900, "files": [TICKET]}
PLAN: Any = SimpleNamespace(listings={0: ListingAccess(1, False, {CallerRole.PHOTOGRAPHER: "token"})})


def answer(body: object) -> list[bytes]:
    content = json.dumps(body).encode()
    return [b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(content), content]


def dripping() -> Iterator[bytes]:
    yield b"HTTP/1.1 201 Created\r\n\r\n"
    for byte in itertools.repeat(b"x"):
        time.sleep(0.05)  # a slow service
        yield byte


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (answer({}), "uploads answers 201, but the answer has no batchId$"),
        (answer({**CREATED, "batchId": 5}), "but batchId should be a valid string, not 5$"),
        (
            answer({**CREATED, "files": [{**TICKET, "uploadUrl": "string"}]}),
            r'but files\[0\].uploadUrl should be a URL, not "string"$',
        ),
        (answer({**CREATED, "files": []}), "but files has no clientId 'canary'$"),
        (answer("x" * 9_000_000), "answers with more than 8388608 bytes$"),
        ([b"HTTP/1.1 201 Created\r\n\r\n", b"\x1f\x8b"], "the answer is not JSON"),
        ([b"HTTP/1.1 503 Busy\r\n\r\n", b"later"], "/healthz answers 503: later$"),
        ([b"hello\n"], "/healthz does not answer: "),
        (answer(CREATED), "http://127.0.0.1:9/a does not answer: .*refused"),
    ],
)
def test_the_message_names_what_is_wrong(pieces, reason):
    """
    The colleague who runs the service can find it.
    """
    with sending(pieces) as url, pytest.raises(Unreachable, match=reason):
        preflight.preflight(url, PLAN)


def test_a_service_that_sends_byte_after_byte_is_given_up(monkeypatch):
    """
    No single read takes long.
    """
    monkeypatch.setattr(preflight, "DEADLINE_S", 0.5)

    with (
        sending(dripping()) as url,
        pytest.raises(Unreachable, match=r"did not finish its answers within 0\.5 s"),
    ):
        preflight.preflight(url, PLAN)
