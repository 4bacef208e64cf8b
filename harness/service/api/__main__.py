"""The API process, ``python -m harness.service.api``: the HTTP server of the service."""

import argparse
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from harness.service.adapters.system import json_logs
from harness.service.api.server import create_app
from harness.service.http_protocol import LimitedHttpProtocol
from harness.service.settings import Settings, SettingsInvalid

GRACE = 30
"""How long requests in progress may take after SIGTERM [s]."""


class AnnouncedServer(uvicorn.Server):
    """A server that prints its URL on stdout when it is ready."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        for listener in sockets or []:
            print(_url(listener), flush=True)


def main() -> int:
    arguments = _arguments()
    json_logs.configure()
    try:
        app = create_app(Settings.from_environment())
    except SettingsInvalid as error:
        print(error, file=sys.stderr)
        return 2
    config = uvicorn.Config(
        app,
        http=LimitedHttpProtocol,
        ws="none",
        host=arguments.host,
        port=arguments.port,
        uds=arguments.unix_socket,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    return run(config)


def run(config: uvicorn.Config) -> int:
    """Serve until SIGTERM or SIGINT, finish the requests in progress, and return the exit code."""
    # uvicorn raises the signal again when it has stopped; then it must not interrupt the process.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    listener = config.bind_socket()
    server = AnnouncedServer(config)
    server.run(sockets=[listener])
    if config.uds:
        Path(config.uds).unlink(missing_ok=True)
    return 0 if server.started else 1


def _url(listener: socket.socket) -> str:
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    return f"http://{host}:{name[1]}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.service.api", description=__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; the default is loopback only"
    )
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 selects a free port")
    parser.add_argument("--unix-socket", metavar="PATH", help="listen on a unix socket instead")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
