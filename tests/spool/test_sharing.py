"""Shares over time: what goes on, what is new, what is the same photo again."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from shutterpost.model import AltText, MissingAltText, Planned
from shutterpost.spool import Arrival, Spool, deliveries, repeats, sharing
from shutterpost.spool.files import Kept
from shutterpost.spool.schema import deliveries as table
from shutterpost.spool.schema import photos, shipments
from shutterpost.spool.sharing import Announced, Arrived, SessionExpired

QUIET = 60.0
DAY = 86400.0
ACCOUNT = "me@example.org"
GATHERED = [Planned("mastodon", ("facebook",), None)]
STORED = [Planned("store.album", ("facebook",), 0)]
NEW, AGAIN, RETRIED = Arrival.NEW, Arrival.AGAIN, Arrival.RETRIED


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "data")
    spool.open()
    yield spool
    spool.close()


class Camera:
    """One session; each photo's bytes are its name, unless they are given."""

    def __init__(
        self,
        spool: Spool,
        now: float = 0.0,
        account: str = "me@example.org",
        site: str = "facebook",
    ) -> None:
        self.site = site
        self._database = spool.database
        self.key = self._database.write_now(
            lambda connection: sharing.log_in(connection, account, site, "192.0.2.1", now)
        )

    def announce(self, name: str, text: str, now: float) -> None:
        file = Announced(None, self.site, name, "NX300", text, None)
        self._database.write_now(
            lambda connection: sharing.announce(
                connection, self.key, file, name, AltText.REQUIRED, now, QUIET
            )
        )

    def put(
        self, now: float, data: str = "", took: float = 0.0, stored: bool = False
    ) -> tuple[int, Arrival]:
        """Put the newest announced file, which arrives at `now` after `took` seconds."""
        session, announced = self._database.read_now(
            lambda connection: sharing.announced(connection, self.key, now)
        )
        name = announced[0].name
        digest = hashlib.sha256((data or name).encode()).hexdigest()
        arrived = Arrived(
            kept=Kept(f"{name}-{now}", 1, digest),
            begun=now - took,
            name=name,
            media_type="image/jpeg",
            planned=STORED if stored else [],
            gathered=[] if stored else GATHERED,
            repeatable=["store"],
            alt_text_rule=AltText.OPTIONAL if stored else AltText.REQUIRED,
        )
        return self._database.write_now(
            lambda connection: sharing.arrive(
                connection, session, announced[0], arrived, now, QUIET
            )
        )

    def share(self, name: str, text: str, now: float, data: str = "") -> tuple[int, Arrival]:
        self.announce(name, text, now)
        return self.put(now, data)


def numbers(spool: Spool) -> list[tuple[str, int]]:
    """Every photo, and the number of its alt text."""
    rows = spool.database.read_now(
        lambda connection: connection.execute(
            select(photos.c.name, shipments.c.photos_before + photos.c.position)
            .join(shipments, shipments.c.id == photos.c.shipment_id)
            .order_by(photos.c.id)
        ).all()
    )
    return [(name, number) for name, number in rows]


def become(spool: Spool, state: str) -> None:
    """All deliveries have come to this."""
    change = update(table).values(state=state, attempts=1, finished=5.0, progress={"mails": 1})
    spool.database.write_now(lambda connection: connection.execute(change))


def test_three_shares_with_two_texts_are_three(spool: Spool) -> None:
    camera = Camera(spool)
    assert camera.share("A", "One~a", 0.0) == (1, NEW)
    assert camera.share("B", "Two~b", 1.0) == (2, NEW)
    assert camera.share("C", "One~a", 2.0) == (3, NEW)
    assert numbers(spool) == [("A", 0), ("B", 0), ("C", 0)]


def test_more_photos_than_alt_texts_are_refused_and_later_the_text_is_a_new_share(
    spool: Spool,
) -> None:
    camera = Camera(spool)
    camera.share("A", "One~a", 0.0)
    with pytest.raises(MissingAltText, match="Not enough alt-text"):
        camera.announce("B", "One~a", QUIET - 1)
    assert camera.share("B", "One~a", QUIET) == (2, NEW)
    assert numbers(spool) == [("A", 0), ("B", 0)]


def test_an_incomplete_share_goes_on_with_its_next_alt_text_for_ten_minutes(spool: Spool) -> None:
    camera = Camera(spool)
    text = "Hi~a~b~c"
    assert camera.share("A", text, 0.0) == (1, NEW)
    assert camera.share("B", text, 10.0) == (1, NEW)
    last = 10.0 + QUIET + sharing.GOES_ON - 1
    assert camera.share("C", text, last) == (2, NEW)
    assert numbers(spool) == [("A", 0), ("B", 1), ("C", 2)]
    assert camera.share("D", text, last + QUIET) == (3, NEW)
    assert camera.share("E", text, last + QUIET + QUIET + sharing.GOES_ON) == (4, NEW)
    assert numbers(spool)[3:] == [("D", 0), ("E", 0)]


def test_the_same_photo_is_the_same_for_ten_minutes_in_any_session(spool: Spool) -> None:
    assert Camera(spool).share("A", "Hi~a~b", 0.0) == (1, NEW)
    assert Camera(spool).share("A", "Hi~a~b", 100.0) == (1, AGAIN)
    assert Camera(spool, account="ME@Example.org").share("A", "Hi~a~b", 599.0) == (1, AGAIN)
    assert Camera(spool).share("A", "Hi~a~b", 601.0) == (2, NEW)
    assert len(numbers(spool)) == 2


@pytest.mark.parametrize("other", ["account", "site", "name", "text", "bytes"])
def test_what_differs_in_one_thing_is_another_photo(spool: Spool, other: str) -> None:
    Camera(spool).share("A", "Hi~a~b", 0.0)
    camera = Camera(
        spool,
        account="you@example.org" if other == "account" else ACCOUNT,
        site="picasa" if other == "site" else "facebook",
    )
    name = "B" if other == "name" else "A"
    text = "Ho~a~b" if other == "text" else "Hi~a~b"
    data = "other" if other == "bytes" else "A"
    assert camera.share(name, text, 1.0, data) == (2, NEW)


def test_a_new_session_goes_on_with_the_share_whose_photo_it_sends_again(spool: Spool) -> None:
    Camera(spool).share("A", "Hi~a~b", 0.0)
    again = Camera(spool)
    assert again.share("A", "Hi~a~b", 200.0) == (1, AGAIN)
    assert again.share("B", "Hi~a~b", 201.0) == (2, NEW)  # the first was quiet by then
    assert numbers(spool) == [("A", 0), ("B", 1)]


def test_the_window_counts_from_the_first_byte_of_the_retry(spool: Spool) -> None:
    camera = Camera(spool)
    camera.announce("A.MP4", "Hi~a~b", 0.0)
    assert camera.put(3000.0, took=3000.0) == (1, NEW)
    assert camera.put(6100.0, took=3000.0) == (1, AGAIN)
    assert camera.put(9700.0, took=6000.0 - repeats.WINDOW) == (2, NEW)


def test_a_clock_that_was_set_back_makes_no_photo_the_same_for_ever(spool: Spool) -> None:
    assert Camera(spool, now=365 * DAY).share("A", "Hi~a", 365 * DAY) == (1, NEW)
    assert Camera(spool, now=0.0).share("A", "Hi~a", 0.0) == (2, NEW)


@pytest.mark.parametrize(
    ("state", "arrival", "after"),
    [
        (deliveries.FAILED, RETRIED, deliveries.WAITING),
        (deliveries.DROPPED, RETRIED, deliveries.WAITING),
        (deliveries.DONE, AGAIN, deliveries.DONE),
        (deliveries.WAITING, AGAIN, deliveries.WAITING),
    ],
)
def test_only_what_came_to_nothing_is_retried(
    spool: Spool, state: str, arrival: Arrival, after: str
) -> None:
    Camera(spool).share("A", "Hi~a", 0.0)
    become(spool, state)
    assert Camera(spool).share("A", "Hi~a", 100.0) == (1, arrival)
    [row] = spool.database.read_now(lambda connection: connection.execute(select(table)).all())
    assert row.state == after
    assert row.progress == ({"mails": 1, "again": True} if arrival is RETRIED else {"mails": 1})
    assert row.due == (100.0 if arrival is RETRIED else 0.0)


def test_what_is_repeatable_is_done_again(spool: Spool) -> None:
    camera = Camera(spool)
    camera.announce("A", "Hi~a~b~c", 0.0)
    camera.put(0.0, stored=True)
    camera.announce("B", "Hi~a~b~c", 1.0)
    camera.put(1.0, stored=True)
    become(spool, deliveries.DONE)
    camera.announce("A", "Hi~a~b~c", 2.0)
    assert camera.put(2.0, stored=True) == (1, AGAIN)
    rows = spool.database.read_now(lambda connection: connection.execute(select(table)).all())
    assert [row.state for row in rows] == [deliveries.WAITING, deliveries.DONE]


def test_a_photo_whose_file_was_purged_is_taken_again(spool: Spool) -> None:
    camera = Camera(spool)
    camera.share("A", "Hi~a", 0.0)
    spool.database.write_now(
        lambda connection: connection.execute(update(photos).values(purged=True))
    )
    assert camera.share("A", "Hi~a", 100.0) == (2, NEW)


def test_a_session_lives_for_thirty_days_after_its_last_use(spool: Spool) -> None:
    camera = Camera(spool)
    camera.announce("A", "Hi~a", 29 * DAY)
    Camera(spool, now=58 * DAY)  # a login removes what has expired
    camera.announce("A", "Hi~a", 58 * DAY)
    with pytest.raises(SessionExpired):
        camera.announce("A", "Hi~a", 88 * DAY)
