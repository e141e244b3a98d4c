"""The spool: commits, duplicates, claims, and what is left after a crash."""

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, func, select, update
from sqlalchemy.exc import IntegrityError

from shutterpost.model import Planned
from shutterpost.spool import AlreadyRunning, Arrival, Draft, Opened, Spool
from shutterpost.spool.files import Kept
from shutterpost.spool.schema import deliveries, photos, shipments

NEW, AGAIN = Arrival.NEW, Arrival.AGAIN
EMAIL = [Planned("email", ("a@b.c",), None)]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "data")
    spool.open()
    yield spool
    spool.close()


def kept(spool: Spool, data: bytes = b"photo") -> Kept:
    incoming = spool.files.receive()
    for position in range(0, len(data), 3):
        incoming.write(data[position : position + 3])
    found = incoming.keep()
    spool.files.sync_names()
    return found


def draft(spool: Spool, received: float = 1000.0, text: str = "t", data: bytes = b"photo") -> Draft:
    return Draft(
        received=received,
        sender="Camera@samsungcamera.com",
        sender_name="",
        recipients=("a@b.c", "d@e.f"),
        subject="s",
        text=text,
        photos=(("A.JPG", "image/jpeg", kept(spool, data)),),
    )


def count(spool: Spool) -> tuple[int, int, int]:
    def rows(table: Table) -> int:
        counting = select(func.count()).select_from(table)
        found: int = spool.database.read_now(
            lambda connection: connection.execute(counting).scalar_one()
        )
        return found

    return rows(shipments), rows(photos), rows(deliveries)


def test_a_shipment_is_committed_with_its_photos_and_deliveries(spool: Spool) -> None:
    async def run() -> None:
        assert await spool.commit(draft(spool), EMAIL) == (1, NEW)
        delivery = await spool.claim(1000.0, 10.0, 1.0, [], [])
        assert delivery is not None
        assert delivery.action == "email"
        assert delivery.attempts == 1
        assert delivery.shipment.recipients == ("a@b.c", "d@e.f")
        [photo] = delivery.photos
        assert (photo.name, photo.size, photo.path.read_bytes()) == ("A.JPG", 5, b"photo")
        assert len(photo.sha256) == 64

    asyncio.run(run())
    assert count(spool) == (1, 1, 1)


def test_the_same_e_mail_within_ten_minutes_is_the_same_shipment(spool: Spool) -> None:
    async def run() -> list[tuple[int, Arrival]]:
        return [
            await spool.commit(draft(spool), EMAIL),
            await spool.commit(draft(spool, received=1599.0), EMAIL),
            await spool.commit(draft(spool, received=1001.0, text="other"), EMAIL),
            await spool.commit(draft(spool, received=1001.0, data=b"other"), EMAIL),
            await spool.commit(draft(spool, received=1601.0), EMAIL),
        ]

    assert asyncio.run(run()) == [(1, NEW), (1, AGAIN), (2, NEW), (3, NEW), (4, NEW)]
    assert count(spool) == (4, 4, 4)


def test_an_e_mail_that_takes_long_is_the_same_if_it_began_within_ten_minutes(spool: Spool) -> None:
    async def run() -> list[tuple[int, Arrival]]:
        first = dataclasses.replace(draft(spool), begun=400.0)
        again = dataclasses.replace(draft(spool, received=2200.0), begun=1599.0)
        later = dataclasses.replace(draft(spool, received=2200.0), begun=1601.0)
        return [await spool.commit(each, EMAIL) for each in (first, again, later)]

    assert asyncio.run(run()) == [(1, NEW), (1, AGAIN), (2, NEW)]


def test_two_equal_e_mails_at_the_same_moment_are_one(spool: Spool) -> None:
    async def run() -> list[tuple[int, Arrival]]:
        return await asyncio.gather(*[spool.commit(draft(spool), EMAIL) for _ in range(20)])

    assert [arrival for _, arrival in asyncio.run(run())] == [NEW] + [AGAIN] * 19


def test_one_failing_job_takes_back_its_own_changes_alone(spool: Spool) -> None:
    def broken(connection: Connection) -> None:
        connection.execute(deliveries.insert().values(key="x"))

    async def run() -> list[object]:
        results = await asyncio.gather(
            spool.commit(draft(spool, text="1"), EMAIL),
            spool.database.write(broken),
            spool.commit(draft(spool, text="2"), EMAIL),
            return_exceptions=True,
        )
        return list(results)

    first, failed, second = asyncio.run(run())
    assert isinstance(failed, IntegrityError)
    assert (first, second) == ((1, NEW), (2, NEW))
    assert count(spool) == (2, 2, 2)


def test_a_claim_writes_the_next_attempt_down_doubling_up_to_an_hour(spool: Spool) -> None:
    async def run() -> list[float]:
        await spool.commit(draft(spool), EMAIL)
        now, pauses = 1000.0, []
        for _ in range(12):
            assert await spool.claim(now, 10.0, 1.0, [], []) is not None
            assert await spool.claim(now, 10.0, 1.0, [], []) is None
            due = await spool.next_due([], [])
            assert due is not None
            pauses.append(due - now)
            now = due
        return pauses

    assert asyncio.run(run()) == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]


def test_what_is_under_way_and_what_has_no_courier_is_not_claimed(spool: Spool) -> None:
    async def run() -> None:
        await spool.commit(draft(spool), [*EMAIL, Planned("store", ("a@b.c",), 0)])
        first = await spool.claim(1000.0, 10.0, 1.0, [], ["email"])
        assert first is not None
        assert first.action == "store"
        assert await spool.claim(9999.0, 10.0, 1.0, [first.id], ["email"]) is None
        assert await spool.next_due([first.id], ["email"]) is None

    asyncio.run(run())


def test_a_delivery_may_bring_others(spool: Spool) -> None:
    async def run() -> None:
        await spool.commit(draft(spool), EMAIL)
        delivery = await spool.claim(1000.0, 10.0, 1.0, [], [])
        assert delivery is not None
        await spool.note(delivery, {"mails": [1]}, [Planned("store", ("a@b.c",), 0)], 1001.0)
        await spool.finish(delivery, "receipt", 1001.0)
        following = await spool.claim(1001.0, 10.0, 1.0, [], [])
        assert following is not None
        assert (following.action, following.photos[0].name) == ("store", "A.JPG")
        await spool.fail(following, "no", 1002.0)
        assert await spool.next_due([], []) is None

    asyncio.run(run())


def test_leftovers_of_a_crash_are_cleared_up_at_start(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.open()
    asyncio.run(spool.commit(draft(spool), EMAIL))
    unfinished = spool.files.receive()
    unfinished.write(b"half")
    uncommitted = kept(spool)
    spool.close()
    again = Spool(tmp_path)
    assert again.open() == Opened(removed=1, found=1, set_aside=None)
    assert [path.name for path in again.files.incoming.iterdir()] == []
    assert uncommitted.file not in [path.name for path in again.files.photos.iterdir()]
    assert len(list(again.files.photos.iterdir())) == 1
    [found] = again.files.without_shipment()  # it is whole, and who knows whose it was
    assert found.name == uncommitted.file
    again.close()


def test_what_was_kept_long_enough_is_removed_after_a_crash_too(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.open()
    asyncio.run(spool.commit(draft(spool), EMAIL))
    spool.database.write_now(lambda c: c.execute(update(photos).values(purged=True)))
    spool.close()
    again = Spool(tmp_path)
    assert again.open() == Opened(removed=1, found=0, set_aside=None)
    again.close()


def test_a_discarded_file_is_gone_before_and_after_it_is_kept(spool: Spool) -> None:
    for keep in (False, True):
        incoming = spool.files.receive()
        incoming.write(b"x")
        if keep:
            incoming.keep()
        incoming.discard()
    assert list(spool.files.incoming.iterdir()) == list(spool.files.photos.iterdir()) == []


def test_only_one_server_uses_a_folder(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(AlreadyRunning, match="another Shutterpost"):
        Spool(tmp_path / "data").open()


def test_everything_is_its_owners_alone(spool: Spool, tmp_path: Path) -> None:
    kept(spool)
    for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
