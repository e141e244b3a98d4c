"""Social sessions, what they announced, and the shipments that their photos join.

A camera announces and puts each file in turn and never says how many will follow. So a
photo joins its session's open shipment while site and text stay the same; a shipment
closes when every alt text has its photo, or after a quiet time.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from shutterpost.model import Planned, caption
from shutterpost.spool import deliveries
from shutterpost.spool.files import Kept
from shutterpost.spool.rows import add_photo, add_shipment
from shutterpost.spool.schema import announcements, photos, sessions, shipments

SESSION_LIFETIME = 86400.0
"""Seconds a session lives without being used."""


class SessionExpired(Exception):
    """No session has that key, or none has it any more."""


@dataclass(frozen=True, slots=True)
class Announced:
    """One announced file of a session."""

    id: int
    session: str
    account: str
    client: str
    site: str
    name: str
    camera: str
    text: str
    photo_id: int | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that came for an announcement, and what is to be done with it.

    `begun` is when its first byte came. `planned` are the photo's own deliveries,
    `gathered` are those of its shipment.
    `may_join` is given how many photos the text has had, and may raise.
    """

    kept: Kept
    begun: float
    name: str
    media_type: str
    planned: Sequence[Planned]
    gathered: Sequence[Planned]
    may_join: Callable[[int], None]


def log_in(connection: Connection, account: str, site: str, client: str, now: float) -> str:
    """Begin a session; returns its key, 128 random bits in hexadecimal."""
    expired = select(sessions.c.key).where(sessions.c.used <= now - SESSION_LIFETIME)
    connection.execute(delete(announcements).where(announcements.c.session.in_(expired)))
    connection.execute(delete(sessions).where(sessions.c.used <= now - SESSION_LIFETIME))
    key = secrets.token_hex(16)
    row = {"key": key, "account": account, "site": site, "client": client}
    connection.execute(insert(sessions).values(**row, created=now, used=now))
    return key


def log_out(connection: Connection, key: str) -> None:
    """End a session, if there is one."""
    connection.execute(delete(announcements).where(announcements.c.session == key))
    connection.execute(delete(sessions).where(sessions.c.key == key))


def announce(
    connection: Connection,
    key: str,
    site: str,
    name: str,
    camera: str,
    text: str,
    now: float,
    quiet: float,
    allow: Callable[[Sequence[str]], None],
) -> None:
    """Expect a file. `allow` is given the names that this text already has, and may raise.

    Raises SessionExpired.
    """
    _use(connection, key, now)
    held = connection.execute(
        select(photos.c.name)
        .join(shipments, shipments.c.id == photos.c.shipment_id)
        .where(*_same_share(key, site, text))
    )
    allow(held.scalars().all())
    row = {"session": key, "site": site, "name": name, "camera": camera, "text": text}
    connection.execute(insert(announcements).values(**row, created=now))
    prolong(connection, key, now, now + quiet)


def announced(connection: Connection, key: str, now: float) -> list[Announced]:
    """What a session announced, the newest first. Raises SessionExpired."""
    session = _live(connection, key, now)
    rows = connection.execute(
        select(announcements)
        .where(announcements.c.session == key)
        .order_by(announcements.c.photo_id.is_not(None), announcements.c.id.desc())
    )
    return [
        Announced(
            id=row.id,
            session=key,
            account=session.account,
            client=session.client,
            site=row.site,
            name=row.name,
            camera=row.camera,
            text=row.text,
            photo_id=row.photo_id,
        )
        for row in rows
    ]


def arrive(
    connection: Connection, expected: Announced, arrived: Arrived, now: float, quiet: float
) -> tuple[int, bool]:
    """Take a file into its shipment: the shipment's id, and whether the file is new.

    The same bytes under the same name and text are the same photo, sent again.
    """
    same_share = _same_share(expected.session, expected.site, expected.text)
    known = connection.execute(
        select(photos.c.id, photos.c.shipment_id)
        .join(shipments, shipments.c.id == photos.c.shipment_id)
        .where(*same_share)
        .where(photos.c.name == arrived.name, photos.c.sha256 == arrived.kept.sha256)
    ).first()
    if known is not None:
        _fulfil(connection, expected, known.id)
        return known.shipment_id, False
    before = connection.execute(
        select(func.count())
        .select_from(photos)
        .join(shipments, shipments.c.id == photos.c.shipment_id)
        .where(*same_share)
    ).scalar_one()
    arrived.may_join(before)
    shipment_id = _open_shipment(connection, expected, arrived.begun, now, before)
    position = connection.execute(
        select(func.count()).select_from(photos).where(photos.c.shipment_id == shipment_id)
    ).scalar_one()
    photo_id = add_photo(
        connection, shipment_id, position, arrived.name, arrived.media_type, arrived.kept
    )
    _fulfil(connection, expected, photo_id)
    deliveries.plan(connection, shipment_id, [photo_id], arrived.planned, now)
    if position == 0:
        deliveries.plan(connection, shipment_id, [], arrived.gathered, now)
    complete = before + 1 == len(caption(expected.text).alt_texts)
    until = now if complete else now + quiet
    _wait(connection, shipments.c.id == shipment_id, until, complete=complete)
    return shipment_id, True


def prolong(connection: Connection, key: str, since: float, until: float) -> None:
    """A session is not quiet: what was not complete at `since` waits until `until`."""
    _wait(
        connection,
        (shipments.c.session == key) & (shipments.c.quiet_until > since) & ~shipments.c.complete,
        until,
    )


def _wait(
    connection: Connection, which: ColumnElement[bool], until: float, complete: bool = False
) -> None:
    """Have shipments and what gathers them wait until a time."""
    deliveries.put_off(connection, select(shipments.c.id).where(which), until)
    connection.execute(update(shipments).where(which).values(quiet_until=until, complete=complete))


def _open_shipment(
    connection: Connection, expected: Announced, begun: float, now: float, before: int
) -> int:
    """The shipment that was open when the file began to arrive, or a new one."""
    last = connection.execute(
        select(shipments.c.id)
        .where(*_same_share(expected.session, expected.site, expected.text))
        .where(~shipments.c.complete, shipments.c.quiet_until > begun)
        .order_by(shipments.c.id.desc())
    ).first()
    if last is not None and not deliveries.begun(connection, last.id):
        return int(last.id)
    return add_shipment(
        connection,
        received=now,
        sender=expected.account,
        site=expected.site,
        text=expected.text,
        camera=expected.camera,
        client=expected.client,
        session=expected.session,
        photos_before=before,
        complete=False,
    )


def _same_share(key: str, site: str, text: str) -> tuple[Any, ...]:
    return (shipments.c.session == key, shipments.c.site == site, shipments.c.text == text)


def _fulfil(connection: Connection, expected: Announced, photo_id: int) -> None:
    connection.execute(
        update(announcements).where(announcements.c.id == expected.id).values(photo_id=photo_id)
    )


def _live(connection: Connection, key: str, now: float) -> Row[Any]:
    row = connection.execute(
        select(sessions).where(sessions.c.key == key, sessions.c.used > now - SESSION_LIFETIME)
    ).one_or_none()
    if row is None:
        raise SessionExpired
    return row


def _use(connection: Connection, key: str, now: float) -> None:
    _live(connection, key, now)
    connection.execute(update(sessions).where(sessions.c.key == key).values(used=now))
