"""TCP ports of this machine to listen on."""

import socket
from random import SystemRandom

CANDIDATES = range(20_000, 32_000)
"""Below the ports Linux gives to outgoing connections: one of those could take a port that was just free."""
TRIES = 100

_given: set[int] = set()
"""Ports that this process has given away: their new owners may not listen on them yet."""


def free_port() -> int:
    """Return a port that can be listened on now, another one at each call; it is not reserved."""
    for port in SystemRandom().sample(CANDIDATES, TRIES):
        if port not in _given and bind_error(port) is None:
            _given.add(port)
            return port
    raise OSError(
        f"{TRIES} ports from {CANDIDATES[0]} to {CANDIDATES[-1]} were tried; none can be listened on."
    )


def bind_error(port: int) -> str | None:
    """Return why a port cannot be listened on; None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror or str(error)
    return None
