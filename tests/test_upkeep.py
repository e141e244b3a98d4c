"""Notices: who is told what, and how often."""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from shutterpost.config import Config, load
from shutterpost.config.settings import Email, Notify
from shutterpost.devices import Devices
from shutterpost.model import Planned
from shutterpost.spool import Draft, Spool, pauses
from shutterpost.spool.upkeep import TOLD_AT_ONCE
from shutterpost.upkeep import BETWEEN_NOTICES, LONG_PAUSE, Upkeep
from tests.conftest import Smarthost


class House:
    def __init__(self, folder: Path, smarthost: Smarthost) -> None:
        email = Email(host="127.0.0.1", port=smarthost.port, security="none")
        config = dataclasses.replace(
            load(None, {}), email=email, notify=Notify("owner@example.org")
        )
        storage = dataclasses.replace(config.storage, data=folder)
        config = dataclasses.replace(config, storage=storage)
        self.config: Config = config
        self.spool = Spool(folder)
        self.spool.open()
        self.now = 10_000.0
        self.upkeep = Upkeep(config, self.spool, Devices([], lambda: self.now), lambda: self.now)

    def round(self) -> None:
        asyncio.run(self.upkeep.round())

    async def _fail(self, error: str) -> None:
        incoming = self.spool.files.receive()
        incoming.write(error.encode())
        photos = (("A.JPG", "image/jpeg", incoming.keep()),)
        draft = Draft(self.now, "a@b.c", "", ("d@e.f",), "", error, photos)
        await self.spool.commit(draft, [Planned("email", ("d@e.f",), None)])
        delivery = await self.spool.claim(self.now, 10.0, 1.0, [], [])
        assert delivery is not None
        await self.spool.fail(delivery, error, self.now)

    def fail(self, error: str) -> None:
        asyncio.run(self._fail(error))

    def write(self, work: Callable[..., object]) -> None:
        asyncio.run(self.spool.database.write(work))


@pytest.fixture
def house(tmp_path: Path, smarthost: Smarthost) -> Iterator[House]:
    house = House(tmp_path, smarthost)
    yield house
    house.spool.close()


def texts(smarthost: Smarthost) -> list[str]:
    bodies = [mail.message.get_body() for mail in smarthost.inbox.mails]
    return [str(body.get_content()) for body in bodies if body]


def test_failures_are_told_once_at_most_every_hour_with_the_list(
    house: House, smarthost: Smarthost
) -> None:
    house.round()
    assert smarthost.inbox.mails == []
    house.fail("first trouble")
    house.fail("second trouble")
    house.round()
    [text] = texts(smarthost)
    assert "first trouble" in text
    assert "second trouble" in text
    assert "shutterpost queue retry ID" in text
    assert smarthost.inbox.mails[0].recipients == ["owner@example.org"]
    house.fail("third trouble")
    house.now += BETWEEN_NOTICES - 1
    house.round()
    assert len(smarthost.inbox.mails) == 1
    house.now += 1
    house.round()
    house.round()
    assert "third trouble" in texts(smarthost)[1]
    assert "first trouble" not in texts(smarthost)[1]
    assert len(smarthost.inbox.mails) == 2


def test_a_flood_of_failures_is_told_in_bounded_notices(house: House, smarthost: Smarthost) -> None:
    """SQLite takes 32,766 values in a statement (250,000 on Debian): they are marked in parts."""
    house.fail("x" * 1000)
    row = "shipment_id, photo_id, action, recipients, state, attempts, due, created, finished, "
    row += "receipt, last_error, progress, patient_since, told"
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 39999) "
    many = (
        f"INSERT INTO deliveries (key, {row}) {numbers} SELECT 'k' || i, {row} FROM deliveries, n"
    )
    house.write(lambda connection: connection.execute(sql(many)))
    for _ in range(6):
        house.round()
        house.now += BETWEEN_NOTICES
    told = texts(smarthost)
    assert len(told) == 40_000 // TOLD_AT_ONCE
    assert all(len(notice) < 50_000 for notice in told)
    assert "and 9900 more" in told[0]


def test_large_pictures_leave_with_their_photos(house: House) -> None:
    pictures = house.config.storage.data / "pictures"
    pictures.mkdir()
    keep = house.config.storage.keep
    house.now = 10 * keep
    for name, age in (("1-large.jpg", 1), ("1-thumb.jpg", 1), ("2-large.jpg", -1)):
        (pictures / name).touch()
        os.utime(pictures / name, (0, house.now - keep - age))
    house.round()
    assert {path.name for path in pictures.iterdir()} == {"1-thumb.jpg", "2-large.jpg"}


def test_an_action_that_is_paused_for_an_hour_is_told(house: House, smarthost: Smarthost) -> None:
    house.write(lambda connection: pauses.pause(connection, "mastodon", "wrong token", house.now))
    house.now += LONG_PAUSE - 1
    house.round()
    assert smarthost.inbox.mails == []
    house.now += 1
    house.round()
    house.now += BETWEEN_NOTICES
    house.round()
    [text] = texts(smarthost)
    assert "mastodon is paused" in text
    assert "wrong token" in text


def test_a_notice_that_cannot_be_mailed_is_mailed_later(house: House, smarthost: Smarthost) -> None:
    house.fail("trouble")
    smarthost.stop()
    house.round()
    smarthost.start(smarthost.port)
    house.round()
    assert len(smarthost.inbox.mails) == 1


def test_a_notice_that_is_refused_is_tried_again_in_an_hour(
    house: House, smarthost: Smarthost
) -> None:
    house.fail("trouble")
    smarthost.inbox.refuse = {house.config.notify.email: "550 5.1.1 no such user"}
    house.round()
    smarthost.inbox.refuse.clear()
    house.now += BETWEEN_NOTICES - 1
    house.round()
    assert smarthost.inbox.mails == []
    house.now += 1
    house.round()
    [text] = texts(smarthost)
    assert "trouble" in text


def test_a_notice_whose_answer_is_lost_is_not_mailed_again(
    house: House, smarthost: Smarthost
) -> None:
    house.fail("trouble")
    smarthost.inbox.answers = [None]
    for _ in range(3):
        house.round()
        house.now += BETWEEN_NOTICES
    assert len(smarthost.inbox.mails) == 1
