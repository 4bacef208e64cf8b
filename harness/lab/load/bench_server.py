"""
A server to measure load generators with: it answers at once, except while it stalls.

Run as ``python -m harness.lab.load.bench_server [--stall S --period S]``: it prints its port and ends when
its standard input closes. One event loop, which stands still as a whole: nobody is answered meanwhile. It
keeps its processor awake: to wake one, in a virtual machine, costs the sender more than to send.
"""

import argparse
import asyncio
import sys
import threading
import time
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
END = b"\r\n\r\n"
BACKLOG = 4096


class Answering(asyncio.Protocol):
    """One connection; pipelined requests are answered in one go."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._unread = (self._unread + data).split(END)
        self._transport.write(ANSWER * len(requests))


async def serve(stall: float, period: float) -> None:
    """Answer for ever; after every *period* [s] stand still for *stall* [s]."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=_end_with_stdin, args=(loop,), daemon=True).start()
    due = time.perf_counter() + period
    while True:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if stall:
            time.sleep(stall)
        due += period


def _stay_awake(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(_stay_awake, loop)


def _end_with_stdin(loop: asyncio.AbstractEventLoop) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(loop.stop)


def main() -> None:
    arguments = argparse.ArgumentParser(description="answers at once, except while it stalls")
    arguments.add_argument("--stall", type=float, default=0.0, help="[s]")
    arguments.add_argument("--period", type=float, default=10.0, help="[s]")
    given = arguments.parse_args()
    loop = uvloop.new_event_loop()
    loop.create_task(serve(given.stall, given.period))
    _stay_awake(loop)
    loop.run_forever()


if __name__ == "__main__":
    main()
