"""
A server to measure load generators with: it responds at once, except while it stalls.

Run as ``python -m benchmarks.http_server [--stall S --period S]``: it prints its port and ends when its
standard input closes. It has one event loop; a stall blocks the loop, so no request is answered meanwhile. It
never sleeps: on a virtual machine, to wake a processor costs the sender more time than to send.
"""

import argparse
import asyncio
import sys
import threading
import time
from typing import cast

import uvloop

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
END = b"\r\n\r\n"
BACKLOG = 4096


class ResponderProtocol(asyncio.Protocol):
    """One connection; pipelined requests are answered with one write."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._unread = (self._unread + data).split(END)
        self._transport.write(RESPONSE * len(requests))


async def serve(stall: float, period: float) -> None:
    """Respond until cancelled; after every *period* [s] block for *stall* [s]."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(ResponderProtocol, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=_stop_with_stdin, args=(loop,), daemon=True).start()
    due = time.perf_counter() + period
    while True:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if stall:
            time.sleep(stall)
        due += period


def _stay_awake(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(_stay_awake, loop)


def _stop_with_stdin(loop: asyncio.AbstractEventLoop) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(loop.stop)


def main() -> None:
    arguments = argparse.ArgumentParser(description="responds at once, except while it stalls")
    arguments.add_argument("--stall", type=float, default=0.0, help="[s]")
    arguments.add_argument("--period", type=float, default=10.0, help="[s]")
    options = arguments.parse_args()
    loop = uvloop.new_event_loop()
    loop.create_task(serve(options.stall, options.period))
    _stay_awake(loop)
    loop.run_forever()


if __name__ == "__main__":
    main()
