"""How fast photos reach the disk, against a bare copy with SHA-256 and the same fsyncs.

Fast because a body's bytes are hashed and written by threads while the event loop reads
the next ones; because they are copied once, into the file; and because of one commit.
"""

import itertools
import os
import secrets
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench import client
from bench.measure import RUNS, Result, faster, in_turns, slower
from bench.serving import SPOOL_ONLY, Process, bare, folder, nginx, shutterpost

MB = 1_000_000
_CAMERAS = 200


def run() -> Iterator[Result]:
    """Single uploads, e-mails, many cameras at once, and how soon a photo is acknowledged."""
    yield _put(50 * MB, "SNS PUT of 50 MB")
    yield _put(1000 * MB, "SNS PUT of 1 GB")
    yield _email()
    yield _many("nginx PUT, then fsync", synced=True)
    yield _many("nginx PUT, on no disk yet", synced=False)
    yield _latency()


def _put(size: int, work: str) -> Result:
    def rate(server: Process, target: str) -> float:
        took = client.put(target, size).send(server.port)
        for path in server.folder.rglob("*"):  # or five runs would fill a small disk
            if path.is_file() and path.stat().st_size == size:
                path.unlink()
        return size / MB / took

    with shutterpost(SPOOL_ONLY) as server, bare() as other:
        where = iter(client.announced(server.port, [f"SAM_{n:04}.JPG" for n in range(RUNS)]))
        rates = in_turns(lambda: rate(server, next(where)), lambda: rate(other, "/"))
    return faster(work, "bare copy, SHA-256, fsync", rates, "MB/s", 0.8)


def _email() -> Result:
    marks = itertools.count()

    def rate(port: int) -> float:
        request = client.email(5, 10 * MB, str(next(marks)))
        return len(request.after) / MB / request.send(port)

    with shutterpost(SPOOL_ONLY) as server, bare() as other:
        rates = in_turns(lambda: rate(server.port), lambda: rate(other.port))
    return faster("e-mail of 5 x 10 MB", "bare copy, SHA-256, fsync", rates, "MB/s", 0.7)


def _many(against: str, synced: bool) -> Result:
    names = [f"SAM_{number:04}.JPG" for number in range(_CAMERAS)]
    total = _CAMERAS * 5

    def ours() -> float:
        with shutterpost(SPOOL_ONLY) as server:
            where = [client.announced(server.port, [name])[0] for name in names]
            requests = [client.put(target, 5 * MB) for target in where]
            return total / client.all_at_once(server.port, requests)

    def theirs() -> float:
        with nginx() as server:
            requests = [client.put(f"/{name}", 5 * MB) for name in names]
            begun = time.perf_counter()
            client.all_at_once(server.port, requests)
            if synced:
                _sync(server.folder / "files")
            return total / (time.perf_counter() - begun)

    rates = in_turns(ours, theirs)
    return faster("200 cameras at once, 5 MB each", against, rates, "MB/s", 0.7)


def _latency() -> Result:
    size = 5 * MB
    with folder() as own, shutterpost(SPOOL_ONLY) as server:
        where = iter(client.announced(server.port, [f"SAM_{n:04}.JPG" for n in range(RUNS * 4)]))
        times = in_turns(
            lambda: statistics.median(
                client.put(next(where), size).send(server.port) for _ in range(4)
            ),
            lambda: statistics.median(_fsync_cost(own, size) for _ in range(4)),
        )
    return slower('5 MB until "success"', "writing and fsyncing the same file", times, 3.0)


def _fsync_cost(where: Path, size: int) -> float:
    """Seconds to write a file and have the disk hold it and its name."""
    data = bytes(size)
    begun = time.perf_counter()
    file = os.open(where / secrets.token_hex(8), os.O_WRONLY | os.O_CREAT)
    os.write(file, data)
    os.fsync(file)
    os.close(file)
    _sync_folder(where)
    return time.perf_counter() - begun


def _sync(where: Path) -> None:
    """What nginx leaves out: have the disk hold every file, and their names."""
    for path in where.iterdir():
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.close(file)
    _sync_folder(where)


def _sync_folder(where: Path) -> None:
    inside = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(inside)
    os.close(inside)
