"""A thousand cameras on a bad WiFi, at 50 KB/s each.

Cheap because the kernel collects 64 KiB of a body before it wakes the server.
"""

import multiprocessing
import socket
import time
from collections.abc import Iterator

from bench import client
from bench.measure import Result, limit
from bench.serving import SPOOL_ONLY, shutterpost

_CAMERAS = 1000
_SECONDS = 20
_RATE = 50_000  # bytes a second
_SLICES = 20  # in which the cameras send, one after the other, every second


def run() -> Iterator[Result]:
    """How many were refused, and what it cost."""
    with shutterpost(SPOOL_ONLY) as server, multiprocessing.Pool(1) as pool:
        where = [client.announced(server.port, ["SAM_0001.JPG"])[0] for _ in range(_CAMERAS)]
        before, begun = server.cpu(), time.perf_counter()
        refused = pool.apply(_send_all, (server.port, where))
        took = time.perf_counter() - begun
        cpu = 100 * (server.cpu() - before) / took
        memory = server.memory("VmHWM")
    yield limit("1,000 cameras at 50 KB/s: refused", refused, "cameras", 0)
    yield limit("1,000 cameras at 50 KB/s: processor", cpu, "% of a core", 50)
    yield limit("1,000 cameras at 50 KB/s: memory", memory, "MiB", 200)


def _send_all(port: int, where: list[str]) -> int:
    """Send as a thousand slow cameras; returns how many did not hear "success"."""
    size = _RATE * _SECONDS
    cameras = []
    for target in where:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(client.put(target, size).data)
        cameras.append(sock)
    piece, begun = bytes(_RATE), time.perf_counter()
    for turn in range(_SECONDS * _SLICES):
        for sock in cameras[turn % _SLICES :: _SLICES]:
            sock.sendall(piece)
        time.sleep(max(0.0, begun + (turn + 1) / _SLICES - time.perf_counter()))
    return sum(not _is_success(sock) for sock in cameras)


def _is_success(sock: socket.socket) -> bool:
    with sock:
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    return b'Status="succ"' in answer
