"""`make soak`: kill -9 two hundred times under load, then 20 minutes of it.

python -m soak kills 200
python -m soak load 1200
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import power_cut
from tests.conftest import Inbox, Server, Smarthost, running_smarthost
from tests.far_ends import FakeMastodon, fake_mastodon

MEMORY = 10
"""MiB that the server may have grown by in the end."""


@contextmanager
def house() -> Iterator[tuple[Server, Smarthost, FakeMastodon]]:
    """A server with its far ends."""
    ends = fake_mastodon()
    mastodon = next(ends)
    smarthosts = running_smarthost(Inbox())
    smarthost = next(smarthosts)
    with tempfile.TemporaryDirectory(prefix="shutterpost-soak-") as folder:
        server = Server(Path(folder), power_cut.config(smarthost, mastodon), ())
        try:
            yield server, smarthost, mastodon
        finally:
            server.kill()
            next(smarthosts, None)
            next(ends, None)


def kills(count: int) -> None:
    """Kill at random moments under load, and hold the server to its promise."""
    with house() as (server, smarthost, mastodon):
        load = power_cut.Load(server, seed=count)
        threads = load.run(4)
        chance = random.Random(count)  # noqa: S311 (the same kills every time)
        for number in range(count):
            time.sleep(chance.uniform(0.05, 1.5))
            server.kill()
            server.start(port=server.port)
            if number % 20 == 19:
                print(f"{number + 1} kills, {len(load.acknowledged)} acknowledged", flush=True)
        load.stopping = True
        for thread in threads:
            thread.join()
        power_cut.settle(server, 1800)
        print(power_cut.check(load, server, smarthost, mastodon))


def load(seconds: int) -> None:
    """Send and deliver for a while, and see that memory comes back."""
    with house() as (server, smarthost, mastodon):
        sending = power_cut.Load(server)
        warm_up = min(60, seconds // 4)
        threads = sending.run(4)
        time.sleep(warm_up)
        before = server.memory("VmRSS")
        end = time.monotonic() + seconds - warm_up
        while time.monotonic() < end:
            time.sleep(min(60, max(0.0, end - time.monotonic())))
            print(f"{server.memory('VmRSS')} MiB, {len(sending.acknowledged)} sent", flush=True)
            smarthost.inbox.mails.clear()
            mastodon.media.clear()
        sending.stopping = True
        for thread in threads:
            thread.join()
        after = server.memory("VmRSS")
    print(f"memory: {before} MiB after {warm_up} s, {after} MiB at the end")
    if after > before + MEMORY:
        raise SystemExit("the server has grown")


if __name__ == "__main__":
    what, number = sys.argv[1], int(sys.argv[2])
    {"kills": kills, "load": load}[what](number)
