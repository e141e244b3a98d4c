"""What leaves the spool, and when: not a moment early, and nothing that may be wanted."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from shutterpost.devices import LIMIT, Device, Devices
from shutterpost.model import Delivery, Planned
from shutterpost.spool import Spool, queue
from shutterpost.spool.schema import photos, shipments
from shutterpost.spool.seen import seen, write_seen
from tests.spool.test_spool import draft

TWO = [Planned("store", ("a@b.c",), 0), Planned("email", ("d@e.f",), None)]
RECEIVED, STORED, MAILED = 1000.0, 1010.0, 1020.0


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "data")
    spool.open()
    yield spool
    spool.close()


def files(spool: Spool) -> int:
    return len(list(spool.files.photos.iterdir()))


async def two_claimed(spool: Spool) -> tuple[Delivery, Delivery]:
    """An e-mail that is stored and mailed; both deliveries are under way."""
    await spool.commit(draft(spool, received=RECEIVED), TWO)
    first = await spool.claim(RECEIVED, 10.0, 1.0, [], [])
    assert first is not None
    second = await spool.claim(RECEIVED, 10.0, 1.0, [first.id], [])
    assert second is not None
    return first, second


def test_a_file_is_kept_until_its_last_delivery_is_old_enough(spool: Spool) -> None:
    async def run() -> None:
        first, second = await two_claimed(spool)
        assert await spool.purge(2000.0) == 0  # both wait
        await spool.finish(first, "", STORED)
        assert await spool.purge(2000.0) == 0  # one waits
        await spool.finish(second, "", MAILED)
        for before in (STORED, STORED + 1, MAILED):
            assert await spool.purge(before) == 0
        assert files(spool) == 1
        assert await spool.purge(MAILED + 0.5) == 1
        assert files(spool) == 0
        assert await spool.purge(2000.0) == 0  # once

    asyncio.run(run())


def test_what_failed_is_kept_until_somebody_gives_it_up(spool: Spool) -> None:
    async def run() -> None:
        first, second = await two_claimed(spool)
        await spool.finish(first, "", STORED)
        await spool.fail(second, "no", MAILED)
        assert await spool.purge(1e12) == 0
        await spool.database.write(lambda c: queue.drop(c, second.id, 1030.0))
        assert await spool.purge(1030.0) == 0
        assert await spool.purge(1030.5) == 1

    asyncio.run(run())


def test_a_shipment_that_arrived_after_its_deliveries_finished_is_kept(spool: Spool) -> None:
    """As it seems when the clock was set in between."""

    async def run() -> None:
        for delivery in await two_claimed(spool):
            await spool.finish(delivery, "", STORED)
        await spool.database.write(
            lambda c: c.execute(update(shipments).values(received=5000.0)).rowcount
        )
        assert await spool.purge(4999.0) == 0
        assert await spool.purge(5001.0) == 1

    asyncio.run(run())


def test_only_the_old_ones_go_and_the_database_says_which(spool: Spool) -> None:
    async def run() -> None:
        for number in range(4):
            at = RECEIVED + 100 * number
            await spool.commit(draft(spool, received=at, data=b"%d" % number), TWO[:1])
            delivery = await spool.claim(at, 10.0, 1.0, [], [])
            assert delivery is not None
            await spool.finish(delivery, "", at)
        assert await spool.purge(RECEIVED + 150) == 2

    asyncio.run(run())
    kept = spool.database.read_now(
        lambda c: c.execute(select(photos.c.id, photos.c.file).where(~photos.c.purged)).all()
    )
    assert [row.id for row in kept] == [3, 4]
    assert {row.file for row in kept} == {path.name for path in spool.files.photos.iterdir()}
    assert {path.read_bytes() for path in spool.files.photos.iterdir()} == {b"2", b"3"}


def test_the_device_that_was_not_seen_for_longest_is_forgotten(spool: Spool) -> None:
    """In memory and in the database; one that is seen again is not the oldest any more."""
    now = [0.0]
    devices = Devices([], lambda: now[0])
    for number in range(LIMIT):
        now[0] = float(number)
        devices.uploaded(f"client {number}")
    devices.uploaded("client 0")
    devices.uploaded("one more")
    held = {device.client for device in devices.all()}
    assert "client 0" in held
    assert "client 1" not in held
    assert len(held) == LIMIT

    def written(number: int) -> Device:
        return Device(f"client {number}", 0.0, float(number))

    async def run() -> None:
        order = [written(number) for number in range(LIMIT)]
        await spool.database.write(lambda c: write_seen(c, order))
        await spool.database.write(lambda c: write_seen(c, [written(LIMIT)]))
        await spool.database.write(lambda c: write_seen(c, [Device("client 1", 0.0, 1e9)]))
        await spool.database.write(lambda c: write_seen(c, [written(LIMIT + 1)]))

    asyncio.run(run())
    found = [device.client for device in spool.database.read_now(seen)]
    assert len(found) == LIMIT
    assert found[-3:] == [f"client {LIMIT}", f"client {LIMIT + 1}", "client 1"]
    assert found[0] == "client 3"
