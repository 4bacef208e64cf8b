"""
A server that sends the bytes it is given, whatever was asked.
"""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def sending(pieces: Iterable[bytes]) -> Iterator[str]:
    """Serve *pieces* as the answer to each request on each connection, then close it; give the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, pieces), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        # Closing alone would not end `accept`.
        server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, pieces: Iterable[bytes]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_answer, args=(connection, pieces), daemon=True).start()


def _answer(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    with connection, suppress(OSError):
        connection.recv(65_536)
        for piece in pieces:
            connection.sendall(piece)
        # Closing with an unread part of the request would reset the connection.
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass
