"""Many at the page who want nothing good: the owner still sees it."""

import socket
from contextlib import ExitStack, suppress

import pytest

from tests.conftest import Server
from tests.support import eventually

ASK = b"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\n"
KEEP, CLOSE = ASK + b"\r\n", ASK + b"Connection: close\r\n\r\n"


def visits(server: Server, source: str) -> bool:
    """Whether the login page is shown to someone at an address."""
    with socket.create_connection(("127.0.0.1", server.page), 20, (source, 0)) as visitor:
        visitor.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with suppress(ConnectionError):
            return b" 200 " in visitor.recv(1000)
    return False


@pytest.mark.parametrize("addresses", [1, 120])
@pytest.mark.parametrize("many", [1, 15, 400])
@pytest.mark.parametrize("last", [KEEP, CLOSE])
def test_clients_that_ask_and_never_read(
    server: Server, addresses: int, many: int, last: bytes
) -> None:
    """One answer each is enough: what waits to be closed was neither asking nor, so far, unread."""
    with ExitStack() as stack:
        for number in range(120):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            sock.bind((f"127.0.1.{number % addresses + 1}", 0))
            sock.connect(("127.0.0.1", server.page))
            sock.setblocking(False)
            with suppress(OSError):
                sock.send(KEEP * (many - 1) + last)
        for _ in range(3):
            eventually(lambda: visits(server, "127.0.0.1"))
            eventually(lambda: visits(server, "127.0.1.1"))
