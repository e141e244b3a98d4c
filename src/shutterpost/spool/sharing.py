"""Social sessions, what they announced, and the shipments that their photos join.

A camera announces and puts each file in turn and never says how many will follow. So a
photo joins its session's open shipment while site and text stay the same; a shipment
closes when every alt text has its photo, or after a quiet time. What comes later with
the same text goes on with the next alt text (`_photos_so_far`), or is a new share.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from shutterpost.model import AltText, Planned, caption, require_alt_texts
from shutterpost.spool import deliveries, repeats
from shutterpost.spool.files import Kept
from shutterpost.spool.repeats import Arrival
from shutterpost.spool.rows import add_photo, add_shipment
from shutterpost.spool.schema import announcements, photos, sessions, shipments
from shutterpost.spool.schema import deliveries as delivery_table

SESSION_LIFETIME = 30 * 86400.0
"""Seconds a session lives without being used. The reference's live for ever (proven)."""
GOES_ON = 600.0
"""Seconds after its quiet time in which an incomplete share still goes on."""
SESSION_LIMIT = 2000
"""The most sessions; the one that was not used for longest is forgotten."""
ANNOUNCEMENT_LIMIT = 2000
"""The most announcements; the oldest is forgotten. With their texts 160 MB at worst."""
CLIENT_SESSIONS = 100
"""The most sessions that began at one address, so that it cannot push out all others."""
CLIENT_ANNOUNCEMENTS = 200
"""The most announcements in them."""


class SessionExpired(Exception):
    """No session has that key, or none has it any more."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who logged in to which site, from where."""

    key: str
    account: str
    site: str
    client: str


@dataclass(frozen=True, slots=True)
class Announced:
    """One file that a session announced; `photo_id` is the photo that came for it.

    A file that came without an announcement has no `id`.
    """

    id: int | None
    site: str
    name: str
    camera: str
    text: str
    photo_id: int | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that came for an announcement, and what is to be done with it.

    `begun` is when its first byte came. `planned` are the photo's own deliveries,
    `gathered` are those of its shipment; for `repeatable` see `repeats.retry`.
    """

    kept: Kept
    begun: float
    name: str
    media_type: str
    planned: Sequence[Planned]
    gathered: Sequence[Planned]
    repeatable: Sequence[str]
    alt_text_rule: AltText


def log_in(connection: Connection, account: str, site: str, client: str, now: float) -> str:
    """Begin a session; returns its key, 128 random bits in hexadecimal."""
    latest = select(sessions.c.key).order_by(sessions.c.used.desc())
    for forgotten in (
        select(sessions.c.key).where(sessions.c.used <= now - SESSION_LIFETIME),
        latest.where(sessions.c.client == client).offset(CLIENT_SESSIONS - 1),
        latest.offset(SESSION_LIMIT - 1),
    ):
        connection.execute(delete(announcements).where(announcements.c.session.in_(forgotten)))
        connection.execute(delete(sessions).where(sessions.c.key.in_(forgotten)))
    key = secrets.token_hex(16)
    row = {"key": key, "account": account, "site": site, "client": client}
    connection.execute(insert(sessions).values(**row, created=now, used=now))
    return key


def announce(
    connection: Connection,
    key: str,
    file: Announced,
    stored_name: str,
    alt_text_rule: AltText,
    now: float,
    quiet: float,
) -> None:
    """Expect a file. Raises SessionExpired, and MissingAltText.

    A name that came with the same text a moment ago is a retry, and needs no alt text of
    its own.
    """
    session = _live(connection, key, now)
    connection.execute(update(sessions).where(sessions.c.key == key).values(used=now))
    if alt_text_rule is not AltText.OPTIONAL:
        same_name = photos.c.name == stored_name
        if _recent_photo(connection, session, file, now, now, same_name) is None:
            last = _last_shipment(connection, session, file)
            require_alt_texts(
                file.text, _photos_so_far(connection, last, now, quiet) + 1, alt_text_rule
            )
    row = {"session": key, "site": file.site, "name": file.name}
    row |= {"camera": file.camera, "text": file.text}
    connection.execute(insert(announcements).values(**row, created=now))
    latest = select(announcements.c.id).order_by(announcements.c.id.desc())
    clients = select(sessions.c.key).where(sessions.c.client == session.client)
    for forgotten in (
        latest.where(announcements.c.session.in_(clients)).offset(CLIENT_ANNOUNCEMENTS),
        latest.offset(ANNOUNCEMENT_LIMIT),
    ):
        connection.execute(delete(announcements).where(announcements.c.id.in_(forgotten)))
    prolong(connection, key, now, now + quiet)


def announced(connection: Connection, key: str, now: float) -> tuple[Session, list[Announced]]:
    """A session, and what it announced, the newest first. Raises SessionExpired."""
    session = _live(connection, key, now)
    rows = connection.execute(
        select(announcements)
        .where(announcements.c.session == key)
        .order_by(announcements.c.id.desc())
    )
    return session, [
        Announced(
            id=row.id,
            site=row.site,
            name=row.name,
            camera=row.camera,
            text=row.text,
            photo_id=row.photo_id,
        )
        for row in rows
    ]


def arrive(
    connection: Connection,
    session: Session,
    expected: Announced,
    arrived: Arrived,
    now: float,
    quiet: float,
) -> tuple[int, Arrival]:
    """Take a file into its shipment: the shipment's id, and whether the file is new.

    Raises MissingAltText.
    """
    known = _same_photo(connection, session, expected, arrived, now)
    if known is not None:
        _fulfil(connection, expected, known.id)
        return known.shipment_id, _again(connection, session, known, arrived, now, quiet)
    last = _last_shipment(connection, session, expected)
    before = _photos_so_far(connection, last, arrived.begun, quiet)
    require_alt_texts(expected.text, before + 1, arrived.alt_text_rule)
    if last is not None and _is_open(connection, last, arrived.begun):
        shipment_id = last.id
    else:
        shipment_id = _begin_shipment(connection, session, expected, now, before)
    position = connection.execute(
        select(func.count()).select_from(photos).where(photos.c.shipment_id == shipment_id)
    ).scalar_one()
    photo_id = add_photo(
        connection, shipment_id, position, arrived.name, arrived.media_type, arrived.kept, now
    )
    _fulfil(connection, expected, photo_id)
    deliveries.plan(connection, shipment_id, [photo_id], arrived.planned, now)
    if position == 0:
        deliveries.plan(connection, shipment_id, [], arrived.gathered, now)
    complete = before + 1 == len(caption(expected.text).alt_texts)
    until = now if complete else now + quiet
    _wait(connection, shipments.c.id == shipment_id, until, complete=complete)
    return shipment_id, Arrival.NEW


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


def _recent_photo(
    connection: Connection,
    session: Session,
    file: Announced,
    begun: float,
    now: float,
    *which: ColumnElement[bool],
) -> Row[Any] | None:
    """A photo of the same account, site and text that came within the window, in any session."""
    return connection.execute(
        select(photos)
        .join(shipments, shipments.c.id == photos.c.shipment_id)
        .where(*repeats.recent(photos.c.received, begun, now))
        .where(func.lower(shipments.c.sender) == func.lower(session.account))
        .where(shipments.c.site == file.site, shipments.c.text == file.text)
        .where(*which)
        .order_by(photos.c.id.desc())
        .limit(1)
    ).first()


def _same_photo(
    connection: Connection, session: Session, expected: Announced, arrived: Arrived, now: float
) -> Row[Any] | None:
    """The photo that this file is again, if its own file is still in the spool.

    A file that nobody announced is recognised under any name: its name is a guess.
    """
    which = [photos.c.sha256 == arrived.kept.sha256, ~photos.c.purged]
    if expected.id is not None:
        which.append(photos.c.name == arrived.name)
    return _recent_photo(connection, session, expected, arrived.begun, now, *which)


def _again(
    connection: Connection,
    session: Session,
    known: Row[Any],
    arrived: Arrived,
    now: float,
    quiet: float,
) -> Arrival:
    """A photo was sent again, perhaps in a new session, which goes on with the shipment."""
    shipment = shipments.c.id == known.shipment_id
    connection.execute(update(shipments).where(shipment).values(session=session.key))
    prolong(connection, session.key, arrived.begun, now + quiet)
    of = (delivery_table.c.shipment_id == known.shipment_id) & or_(
        delivery_table.c.photo_id == known.id, delivery_table.c.photo_id.is_(None)
    )
    return repeats.retry(connection, of, arrived.repeatable, now)


def _last_shipment(connection: Connection, session: Session, file: Announced) -> Row[Any] | None:
    """The newest shipment of the session with the file's site and text."""
    return connection.execute(
        select(shipments)
        .where(shipments.c.session == session.key)
        .where(shipments.c.site == file.site, shipments.c.text == file.text)
        .order_by(shipments.c.id.desc())
        .limit(1)
    ).one_or_none()


def _photos_so_far(connection: Connection, last: Row[Any] | None, when: float, quiet: float) -> int:
    """How many photos the share has had that goes on after its last shipment.

    0 for a new share. One whose alt texts all have their photos goes on for the quiet time,
    unless the session shared something else since: its camera has more photos than alt texts.
    """
    if last is None:
        return 0
    if last.complete:
        later = exists().where(shipments.c.session == last.session, shipments.c.id > last.id)
        if when >= last.quiet_until + quiet or connection.execute(select(later)).scalar_one():
            return 0
    elif when >= last.quiet_until + GOES_ON:
        return 0
    held: int = connection.execute(
        select(func.count()).select_from(photos).where(photos.c.shipment_id == last.id)
    ).scalar_one()
    return int(last.photos_before) + held


def _is_open(connection: Connection, last: Row[Any], begun: float) -> bool:
    """Whether a shipment was open when a file began to arrive, and still is."""
    return (
        not last.complete and last.quiet_until > begun and not deliveries.begun(connection, last.id)
    )


def _begin_shipment(
    connection: Connection, session: Session, expected: Announced, now: float, before: int
) -> int:
    return add_shipment(
        connection,
        received=now,
        sender=session.account,
        site=expected.site,
        text=expected.text,
        camera=expected.camera,
        client=session.client,
        session=session.key,
        photos_before=before,
        complete=False,
    )


def _fulfil(connection: Connection, expected: Announced, photo_id: int) -> None:
    connection.execute(
        update(announcements).where(announcements.c.id == expected.id).values(photo_id=photo_id)
    )


def _live(connection: Connection, key: str, now: float) -> Session:
    row = connection.execute(
        select(sessions).where(sessions.c.key == key, sessions.c.used > now - SESSION_LIFETIME)
    ).one_or_none()
    if row is None:
        raise SessionExpired
    return Session(key=row.key, account=row.account, site=row.site, client=row.client)
