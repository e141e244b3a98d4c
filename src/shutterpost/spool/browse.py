"""Photos and deliveries as people look at them; paged by key, so that no page is slow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from shutterpost.model import caption
from shutterpost.spool.deliveries import FAILED, WAITING
from shutterpost.spool.files import Files
from shutterpost.spool.schema import attempts, deliveries, photos, shipments

LISTED_TEXT = 2000
"""Characters of a text that a list of photos shows at most; each may have 250,000."""
_WHOLE_TEXT = 1 << 30


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery of a photo or its shipment."""

    id: int
    shipment: int
    photo: int | None
    action: str
    recipients: tuple[str, ...]
    state: str
    attempts: int
    due: float
    finished: float | None
    receipt: str
    last_error: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A delivery that waits or failed, and the first photo that it is about."""

    sent: Sent
    sender: str
    photo: int
    name: str


@dataclass(frozen=True, slots=True)
class Card:
    """One photo with its shipment and where it went.

    `path` is None once it was purged; `cut` says that it is a JPEG without its end.
    """

    id: int
    shipment: int
    name: str
    media_type: str
    size: int
    sha256: str
    path: Path | None
    received: float
    sender: str
    to: tuple[str, ...]
    site: str
    subject: str
    typed: str
    alt_text: str
    camera: str
    deliveries: tuple[Sent, ...]
    cut: bool

    @property
    def text(self) -> str:
        """What was typed, without alt texts."""
        return caption(self.typed).text

    @property
    def is_video(self) -> bool:
        """Whether it is a video."""
        return self.media_type.startswith("video/")


def newest(connection: Connection, files: Files, before: int | None, limit: int) -> list[Card]:
    """A page of photos, the newest first, older than the photo `before`.

    Of what was typed with each, the first `LISTED_TEXT` characters are read.
    """
    older = photos.c.id < before if before is not None else photos.c.id.is_not(None)
    return _cards(connection, files, older, limit, LISTED_TEXT)


def photo(connection: Connection, files: Files, photo_id: int) -> Card | None:
    """One photo."""
    return next(iter(_cards(connection, files, photos.c.id == photo_id, 1)), None)


def neighbours(connection: Connection, photo_id: int) -> tuple[int | None, int | None]:
    """The photos after and before one."""
    newer = select(func.min(photos.c.id)).where(photos.c.id > photo_id)
    older = select(func.max(photos.c.id)).where(photos.c.id < photo_id)
    return connection.execute(newer).scalar_one(), connection.execute(older).scalar_one()


def history(
    connection: Connection, delivery_ids: Sequence[int]
) -> dict[int, list[tuple[float, str]]]:
    """The attempts of deliveries: when each ended, and what went wrong."""
    found: dict[int, list[tuple[float, str]]] = {}
    rows = connection.execute(
        select(attempts).where(attempts.c.delivery_id.in_(delivery_ids)).order_by(attempts.c.id)
    )
    for row in rows:
        found.setdefault(row.delivery_id, []).append((row.finished, row.error))
    return found


def unfinished(connection: Connection, state: str, limit: int) -> list[Unfinished]:
    """Some deliveries in a state, in the order in which they are due."""
    first = (
        select(deliveries.c.id)
        .where(deliveries.c.state == state)
        .order_by(deliveries.c.due)
        .limit(limit)
    )
    rows = connection.execute(
        select(
            deliveries,
            shipments.c.sender,
            func.min(photos.c.id).label("photo"),
            photos.c.name,  # of that very photo, as SQLite promises for a bare column with min()
        )
        .join(shipments, shipments.c.id == deliveries.c.shipment_id)
        .join(
            photos,
            (photos.c.shipment_id == deliveries.c.shipment_id)
            & or_(deliveries.c.photo_id.is_(None), deliveries.c.photo_id == photos.c.id),
        )
        .where(deliveries.c.id.in_(first.scalar_subquery()))
        .group_by(deliveries.c.id)
        .order_by(deliveries.c.due)
    )
    return [Unfinished(_sent(row), row.sender, row.photo, row.name) for row in rows]


def senders(connection: Connection) -> set[str]:
    """Everyone who ever sent something."""
    return set(connection.execute(select(shipments.c.sender).distinct()).scalars())


def counts(connection: Connection) -> dict[str, int]:
    """How many deliveries wait, and how many failed."""
    rows = connection.execute(
        select(deliveries.c.state, func.count())
        .where(deliveries.c.state.in_((WAITING, FAILED)))
        .group_by(deliveries.c.state)
    )
    return {WAITING: 0, FAILED: 0, **{row[0]: row[1] for row in rows}}


def _cards(
    connection: Connection,
    files: Files,
    which: ColumnElement[bool],
    limit: int,
    text: int = _WHOLE_TEXT,
) -> list[Card]:
    of_shipment = [
        (func.substr(column, 1, text) if column is shipments.c.text else column).label(
            f"of_{column.name}"
        )
        for column in shipments.c
    ]
    rows = connection.execute(
        select(photos, *of_shipment)
        .join(shipments, shipments.c.id == photos.c.shipment_id)
        .where(which)
        .order_by(photos.c.id.desc())
        .limit(limit)
    ).all()
    together = {row.shipment_id for row in rows}
    by_shipment: dict[int, list[Sent]] = {}
    for row in connection.execute(
        select(deliveries).where(deliveries.c.shipment_id.in_(together)).order_by(deliveries.c.id)
    ):
        by_shipment.setdefault(row.shipment_id, []).append(_sent(row))
    return [_card(row, files, by_shipment.get(row.shipment_id, [])) for row in rows]


def _card(row: Row[Any], files: Files, sent: list[Sent]) -> Card:
    alt_texts = caption(row.of_text).alt_texts
    number = row.of_photos_before + row.position
    return Card(
        id=row.id,
        shipment=row.shipment_id,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        path=None if row.purged else files.path(row.file),
        received=row.of_received,
        sender=row.of_sender,
        to=tuple(row.of_recipients),
        site=row.of_site,
        subject=row.of_subject,
        typed=row.of_text,
        alt_text=alt_texts[number] if number < len(alt_texts) else "",
        camera=row.of_camera,
        deliveries=tuple(found for found in sent if found.photo in (None, row.id)),
        cut=row.cut,
    )


def _sent(row: Row[Any]) -> Sent:
    return Sent(
        id=row.id,
        shipment=row.shipment_id,
        photo=row.photo_id,
        action=row.action,
        recipients=tuple(row.recipients),
        state=row.state,
        attempts=row.attempts,
        due=row.due,
        finished=row.finished,
        receipt=row.receipt,
        last_error=row.last_error,
    )
