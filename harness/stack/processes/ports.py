"""
Ports of this machine to listen on.
"""

import socket
from random import SystemRandom

LISTENING = range(20_000, 32_000)
"""Below the ports Linux gives to outgoing connections: one of those could take a port that was just free."""
TRIES = 100


def free_port() -> int:
    """
    Return a port nobody listens on; it is not reserved.

    Raises:
        OSError: None was found.
    """
    for port in SystemRandom().sample(LISTENING, TRIES):
        if trouble_with(port) is None:
            return port
    raise OSError(f"none of {TRIES} ports from {LISTENING[0]} to {LISTENING[-1]} can be listened on")


def trouble_with(port: int) -> str | None:
    """Return why a port cannot be listened on; None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror or str(error)
    return None
