"""
Whatever a server sends, the client ends with a response or a reason, and its memory is bounded.
"""

import itertools

import pytest

from harness.lab.load.generator.connection_pool import ConnectionPool, NoResponse
from tests.lab.load.bad_server import sending

OK = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = bytes(1_000_000)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([], "closed without a response"),
        ([b"hello\n"], "Expected HTTP"),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"], "Expected HTTP"),
        ([OK, b"Content-Length: 10\r\n\r\nhalf"], "in the middle of the response"),
        ([OK, b"Content-Length: -1\r\n\r\n"], "Content-Length"),
        ([OK, b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n"], "more than one response"),
        ([OK, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], "chunk size"),
        ([OK, b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe"], "in the middle of the response"),
        ([OK, b"Content-Type: text/plain\r\n"], "in the middle of the response"),
        ([OK, b"X: ", MEGABYTE.replace(b"\0", b"x"), b"\r\n\r\n"], "headers are longer than 65536 bytes"),
        (itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "headers are longer than 65536 bytes"),
        (itertools.chain([OK, b"\r\n"], itertools.repeat(MEGABYTE)), "body is longer than 2000000 bytes"),
        (
            [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
            "another protocol",
        ),
    ],
)
def test_an_answer_that_is_no_response_has_a_reason(pieces, reason):
    """
    It is recorded with the request.
    """
    with sending(pieces) as url, pytest.raises(NoResponse, match=reason):
        ConnectionPool(url, timeout=10.0).exchange("GET", "/", {}, None, limit=2_000_000)


def test_a_body_that_is_not_needed_is_counted_and_dropped():
    """
    A download that nobody checks may be as long as it is.
    """
    with sending([OK, b"Content-Length: 20000000\r\n\r\n", *[MEGABYTE] * 20]) as url:
        response = ConnectionPool(url, timeout=10.0).exchange("GET", "/", {}, None, limit=None)

    assert (response.status, response.content, response.size) == (200, b"", 20_000_000)
