"""What one delivery costs the database, with a hundred and with a hundred thousand waiting.

The same, because claiming is one statement that an index answers, whatever waits behind.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Result, in_turns, slower
from bench.rows import fill
from bench.serving import folder
from shutterpost.spool import Spool

_TURNS = 50


def run() -> Iterator[Result]:
    """Claim and finish."""
    with folder() as own:
        few, many = _spool(own / "few", 100), _spool(own / "many", 100_000)
        times = in_turns(lambda: _turns(many), lambda: _turns(few))
        few.close()
        many.close()
    yield slower("claim + finish, 100,000 waiting", "100 waiting", times, 1.3)


def _spool(where: Path, waiting: int) -> Spool:
    spool = Spool(where)
    spool.open()
    asyncio.run(spool.database.write(lambda connection: fill(connection, waiting + 300, "waiting")))
    return spool


def _turns(spool: Spool) -> float:
    """Seconds for one delivery, on average."""

    async def turns() -> float:
        begun = time.perf_counter()
        for _ in range(_TURNS):
            delivery = await spool.claim(time.time(), 60.0, 1.0, [], [])
            assert delivery is not None
            await spool.finish(delivery, "", time.time())
        return (time.perf_counter() - begun) / _TURNS

    return asyncio.run(turns())
