"""What a stranger on a public address may do, which a test's own address cannot show."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from shutterpost.config import Config, load
from shutterpost.devices import Devices
from shutterpost.gateway import Gateway
from shutterpost.live import Live
from shutterpost.metrics import Metrics
from shutterpost.spool import Spool
from shutterpost.wire.http import HeadReader, Refused
from tests.support import email_body, email_request

STRANGER, FRIEND = "203.0.113.5", "192.168.1.7"


class Arriving:
    """A body that is all there."""

    def __init__(self, data: bytes) -> None:
        self.quirks: set[str] = set()
        self._data = data

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def pour(self, take: Callable[[bytes], None]) -> AsyncIterator[int]:
        take(self._data)
        yield len(self._data)

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self._data


class House:
    def __init__(self, folder: Path, text: str) -> None:
        path = folder / "config.toml"
        path.write_text(text)
        self.config: Config = dataclasses.replace(load(path, {}))
        self.spool = Spool(folder / "data")
        self.spool.open()
        self.now = 1000.0
        self.gateway = Gateway(
            self.config,
            self.spool,
            Metrics(),
            Live(),
            Devices([], lambda: self.now),
            lambda: self.now,
            lambda: None,
            steady=lambda: self.now,
        )
        self.count = 0

    def ask(self, client: str, raw: bytes) -> int:
        found = HeadReader().feed(raw)
        assert found is not None
        request, body = found
        try:
            return asyncio.run(self.gateway.answer(request, Arriving(body), client)).status
        except Refused as refused:
            return refused.status

    def email(self, client: str, *receivers: str) -> int:
        self.count += 1
        body = email_body(("A.JPG", b"%d" % self.count), receivers=receivers or ("a@b.c",))
        return self.ask(client, email_request(body))


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[list[House]]:
    found: list[House] = []
    yield found
    for house in found:
        house.spool.close()


def opened(houses: list[House], folder: Path, text: str) -> House:
    houses.append(House(folder, text))
    return houses[-1]


def test_uploads_from_a_public_address_are_limited(houses: list[House], tmp_path: Path) -> None:
    house = opened(houses, tmp_path, "[server]\npublic_uploads = 3\n")
    assert [house.email(STRANGER) for _ in range(4)] == [200, 200, 200, 429]
    assert [house.email(FRIEND) for _ in range(5)] == [200] * 5
    house.now += 3600
    assert house.email(STRANGER) == 200


def test_mailed_recipients_of_a_public_address_are_limited(
    houses: list[House], tmp_path: Path
) -> None:
    house = opened(
        houses, tmp_path, '[server]\npublic_recipients = 3\n[email]\nhost = "smtp.example.org"\n'
    )
    assert house.email(STRANGER, "a@b.c", "d@e.f") == 200
    assert house.email(STRANGER, "a@b.c", "d@e.f") == 429
    assert house.email(STRANGER, "a@b.c") == 200
    assert house.email(STRANGER, "a@b.c") == 429
    assert house.email(FRIEND, "a@b.c", "d@e.f", "g@h.i", "j@k.l") == 200


def test_only_named_recipients_are_mailed(houses: list[House], tmp_path: Path) -> None:
    house = opened(
        houses,
        tmp_path,
        '[server]\nrecipients = ["Mum@example.org", "*@family.example"]\n'
        '[email]\nhost = "smtp.example.org"\n[actions]\n"album@x.y" = "store"\n',
    )
    assert house.email(FRIEND, "mum@example.org", "a@Family.example", "album@x.y") == 200
    assert house.email(FRIEND, "mum@example.org", "other@example.org") == 403


def warnings(folder: Path, text: str) -> int:
    path = folder / "config.toml"
    path.write_text(text)
    return len(load(path, {}).warnings)


def test_a_relay_that_strangers_can_use_is_warned_about(tmp_path: Path) -> None:
    mail = '[email]\nhost = "smtp.example.org"\n'
    assert warnings(tmp_path, '[server]\nallow = ["any"]\n' + mail) == 1
    assert warnings(tmp_path, '[server]\nallow = ["private", "198.51.100.0/24"]\n' + mail) == 0
    assert warnings(tmp_path, '[server]\nallow = ["8.8.8.0/24"]\n' + mail) == 1
    assert warnings(tmp_path, '[server]\nallow = ["private"]\n' + mail) == 0
    assert warnings(tmp_path, '[server]\nallow = ["any"]\n') == 0
    named = '[server]\nallow = ["any"]\nrecipients = ["a@b.c"]\n'
    assert warnings(tmp_path, named + mail) == 0
    own = 'senders = ["hard-to-guess-7431@example.org"]\n[server]\nallow = ["any"]\n'
    assert warnings(tmp_path, own + mail) == 0


def test_the_photo_of_a_refused_mail_is_not_kept(houses: list[House], tmp_path: Path) -> None:
    house = opened(houses, tmp_path, '[server]\nrecipients = []\n[email]\nhost = "x"\n')
    assert house.email(FRIEND) == 403
    assert list(house.spool.files.photos.iterdir()) == []
    assert list(house.spool.files.incoming.iterdir()) == []
