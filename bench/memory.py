"""How much memory the server has, and what an upload adds.

Little because what the configuration does not use is not imported (the page, the DNS
responder, each action), and because a body is never in memory, only its latest piece.
"""

import statistics
import urllib.request
from collections.abc import Iterator

from bench import client
from bench.measure import RUNS, Result, limit
from bench.serving import SPOOL_ONLY, free_port, shutterpost

_GB = 1_000_000_000


def run() -> Iterator[Result]:
    """Idle with everything and with nothing, and the peak of a large upload."""
    with shutterpost(SPOOL_ONLY) as server:
        idle = server.memory("VmRSS")
        [where] = client.announced(server.port, ["SAM_0001.MP4"])
        before = server.memory("VmHWM")
        client.put(where, _GB).send(server.port)
        added = server.memory("VmHWM") - before
    yield limit("idle memory, page and DNS off", idle, "MiB", 60)
    yield limit("peak memory of a 1 GB upload, above idle", added, "MiB", 15)
    page = free_port()
    dns = f'[dns]\nlisten = "127.0.0.1:{free_port()}"\n'
    with shutterpost(dns, "--web", f"127.0.0.1:{page}") as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/login") as answer:
            answer.read()
        yield limit("idle memory, page and DNS on", server.memory("VmRSS"), "MiB", 90)


def start() -> Iterator[Result]:
    """How long until the first answer."""
    times = []
    for _ in range(RUNS):
        with shutterpost() as server:
            times.append(server.started)
    yield limit("start to first answer", statistics.median(times), "s", 0.8)
