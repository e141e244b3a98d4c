"""How many hotspot checks are answered, each on a connection of its own, against nginx.

nginx answers with a static file and is C; what we can do is little per request: one task,
one read, one write in one segment, no write to the disk.
"""

import multiprocessing
import socket
import time
from collections.abc import Iterator

from bench.measure import Result, faster, in_turns
from bench.serving import nginx, shutterpost

_SECONDS = 2.0
_CLIENTS = 4
_CHECK = b"GET / HTTP/1.1\r\nHost: gld.samsungosp.com\r\nUser-Agent: sdeClient\r\n\r\n"


def run() -> Iterator[Result]:
    """The rates."""
    with shutterpost() as server, nginx() as other:
        rates = in_turns(lambda: _rate(server.port), lambda: _rate(other.port))
    yield faster("hotspot checks, one connection each", "nginx, static file", rates, "/s", 0.4)


def _rate(port: int) -> float:
    """Answers in a second, to some clients at once."""
    begun = time.perf_counter()
    with multiprocessing.Pool(_CLIENTS) as pool:
        asked = sum(pool.map(_ask, [port] * _CLIENTS))
    return asked / (time.perf_counter() - begun)


def _ask(port: int) -> int:
    end = time.perf_counter() + _SECONDS
    asked = 0
    while time.perf_counter() < end:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(_CHECK)
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the server answered {answer!r}")
        asked += 1
    return asked
