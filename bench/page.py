"""How long the photos' page takes, with a hundred and with a hundred thousand photos.

The same, because it is paged by key: the newest photos are the end of an index, and
nothing is counted or skipped.
"""

import asyncio
import http.client
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench.measure import Result, in_turns, limit, slower
from bench.rows import fill
from bench.serving import folder, free_port, shutterpost
from shutterpost.spool import Spool

_CONFIG = '[web]\npassword = "bench"\n'
_LOADS = 10


def run() -> Iterator[Result]:
    """The times of a page, alone and compared."""
    with folder() as own:
        few, many = free_port(), free_port()
        _prepare(own / "few", 100)
        _prepare(own / "many", 100_000)
        with (
            shutterpost(_CONFIG, "--web", f"127.0.0.1:{few}", where=own / "few"),
            shutterpost(_CONFIG, "--web", f"127.0.0.1:{many}", where=own / "many"),
        ):
            cookies = {port: _login(port) for port in (few, many)}
            times = in_turns(lambda: _load(many, cookies[many]), lambda: _load(few, cookies[few]))
    yield slower("the photos' page, 100,000 photos", "100 photos", times, 1.5)
    yield limit("the photos' page, 100,000 photos", 1000 * times[0], "ms", 100)


def _prepare(where: Path, number: int) -> None:
    spool = Spool(where / "data")
    spool.open()
    asyncio.run(spool.database.write(lambda connection: fill(connection, number, "done")))
    spool.close()


def _login(port: int) -> str:
    page = http.client.HTTPConnection("127.0.0.1", port)
    page.request("GET", "/login")
    answer = page.getresponse()
    visit = answer.headers["Set-Cookie"].partition(";")[0]
    field = re.search(r'name="visit" value="(\w+)"', answer.read().decode())
    assert field
    body = urlencode({"password": "bench", "visit": field[1]})
    kind = "application/x-www-form-urlencoded"
    page.request("POST", "/login", body, {"Cookie": visit, "Content-Type": kind})
    return str(page.getresponse().headers["Set-Cookie"].partition(";")[0])


def _load(port: int, cookie: str) -> float:
    """Seconds for the page, the median of some."""
    times = []
    for _ in range(_LOADS):
        begun = time.perf_counter()
        page = http.client.HTTPConnection("127.0.0.1", port)
        page.request("GET", "/", headers={"Cookie": cookie})
        text = page.getresponse().read()
        times.append(time.perf_counter() - begun)
        assert text.count(b"<article") == 48
    return statistics.median(times)
