"""What waits, what is done, what failed: statements on deliveries.

Each function works in the transaction it is given. A claim writes down the next attempt
before anything else happens, in one statement, so a crash needs no repair.
"""

import math
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from shutterpost.model import Delivery, Photo, Planned, Shipment
from shutterpost.spool.files import Files
from shutterpost.spool.schema import deliveries, photos, shipments

WAITING, DONE, FAILED, DROPPED = "waiting", "done", "failed", "dropped"
LONGEST_RETRY = 3600.0
"""The most seconds between two attempts."""


def plan(
    connection: Connection,
    shipment_id: int,
    photo_ids: Sequence[int],
    planned: Sequence[Planned],
    due: float,
) -> None:
    """Add new deliveries of a shipment."""
    rows: list[dict[str, Any]] = [
        {
            "key": secrets.token_hex(16),
            "shipment_id": shipment_id,
            "photo_id": None if new.photo is None else photo_ids[new.photo],
            "action": new.action,
            "recipients": list(new.recipients),
            "state": WAITING,
            "attempts": 0,
            "due": due,
            "created": due,
            "receipt": "",
            "last_error": "",
            "progress": {},
        }
        for new in planned
    ]
    if rows:
        connection.execute(insert(deliveries), rows)


@dataclass(frozen=True, slots=True)
class Excluded:
    """What is not to be claimed now, because of what goes on in this process."""

    busy: Collection[int] = ()
    """Deliveries that are under way."""
    full: Collection[str] = ()
    """Actions that have no courier left."""
    sending: Collection[str] = ()
    """Sessions with a file on the wire: their shipments are not complete yet."""

    def allows(self) -> tuple[ColumnElement[bool], ...]:
        """The condition on deliveries."""
        return (
            deliveries.c.id.not_in(self.busy),
            deliveries.c.action.not_in(self.full),
            or_(
                deliveries.c.attempts > 0,
                deliveries.c.photo_id.is_not(None),
                deliveries.c.shipment_id.not_in(
                    select(shipments.c.id)
                    .where(shipments.c.session.in_(self.sending))
                    .where(~shipments.c.complete)
                ),
            ),
        )


def claim(
    connection: Connection,
    files: Files,
    now: float,
    first_retry: float,
    jitter: float,
    excluded: Excluded,
) -> Delivery | None:
    """Take the delivery that is due longest, with its next attempt already written down.

    The next attempt doubles from `first_retry` to an hour, times `jitter`.
    """
    doublings = max(0, math.ceil(math.log2(LONGEST_RETRY / first_retry)))
    pause = case(
        (deliveries.c.attempts >= doublings, LONGEST_RETRY),
        else_=first_retry * literal(1).bitwise_lshift(deliveries.c.attempts),
    )
    candidate = (
        select(deliveries.c.id)
        .where(deliveries.c.state == WAITING, deliveries.c.due <= now)
        .where(*excluded.allows())
        .order_by(deliveries.c.due, deliveries.c.id)
        .limit(1)
        .scalar_subquery()
    )
    row = connection.execute(
        update(deliveries)
        .where(deliveries.c.id == candidate)
        .values(attempts=deliveries.c.attempts + 1, due=now + pause * jitter)
        .returning(*deliveries.c)
    ).one_or_none()
    return None if row is None else _delivery(connection, files, row)


def next_due(connection: Connection, excluded: Excluded) -> float | None:
    """When the next waiting delivery is due; None if none waits."""
    due: float | None = connection.execute(
        select(func.min(deliveries.c.due))
        .where(deliveries.c.state == WAITING)
        .where(*excluded.allows())
    ).scalar_one()
    return due


def note(connection: Connection, delivery_id: int, progress: dict[str, object]) -> None:
    """Keep what an attempt has achieved so far."""
    _change(connection, delivery_id, progress=progress)


def finish(connection: Connection, delivery_id: int, receipt: str, now: float) -> None:
    """It was delivered."""
    _change(connection, delivery_id, state=DONE, receipt=receipt, finished=now, last_error="")


def postpone(connection: Connection, delivery_id: int, error: str, due: float | None) -> None:
    """The attempt failed; the next is due as claimed, or at `due`."""
    if due is None:
        _change(connection, delivery_id, last_error=error)
    else:
        _change(connection, delivery_id, last_error=error, due=due)


def fail(connection: Connection, delivery_id: int, error: str, now: float) -> None:
    """It will not be tried again by itself."""
    _change(connection, delivery_id, state=FAILED, last_error=error, finished=now)


def put_off(connection: Connection, of: Select[tuple[int]], due: float) -> None:
    """Have what gathers these shipments wait until `due`, unless it was tried already."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.shipment_id.in_(of), deliveries.c.photo_id.is_(None))
        .where(deliveries.c.state == WAITING, deliveries.c.attempts == 0)
        .values(due=due)
    )


def begun(connection: Connection, shipment_id: int) -> bool:
    """Whether what gathers a shipment was tried already, or needs to be no more."""
    return bool(
        connection.execute(
            select(func.count())
            .select_from(deliveries)
            .where(deliveries.c.shipment_id == shipment_id, deliveries.c.photo_id.is_(None))
            .where((deliveries.c.attempts > 0) | (deliveries.c.state != WAITING))
        ).scalar_one()
    )


def _change(connection: Connection, delivery_id: int, **values: Any) -> None:
    """Change a delivery that still waits: one that was dropped meanwhile stays dropped."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == WAITING)
        .values(**values)
    )


def _delivery(connection: Connection, files: Files, row: Row[Any]) -> Delivery:
    shipment = connection.execute(select(shipments).where(shipments.c.id == row.shipment_id)).one()
    found = connection.execute(
        select(photos).where(photos.c.shipment_id == row.shipment_id).order_by(photos.c.position)
    )
    carried = {
        photo.id: Photo(
            id=photo.id,
            name=photo.name,
            media_type=photo.media_type,
            size=photo.size,
            sha256=photo.sha256,
            path=files.path(photo.file),
        )
        for photo in found
    }
    return Delivery(
        id=row.id,
        key=row.key,
        action=row.action,
        recipients=tuple(row.recipients),
        attempts=row.attempts,
        created=row.created,
        photos=tuple(carried.values()) if row.photo_id is None else (carried[row.photo_id],),
        progress=row.progress,
        shipment=Shipment(
            id=shipment.id,
            sender=shipment.sender,
            sender_name=shipment.sender_name,
            recipients=tuple(shipment.recipients),
            site=shipment.site,
            subject=shipment.subject,
            text=shipment.text,
            camera=shipment.camera,
            received=shipment.received,
            photos_before=shipment.photos_before,
            photos=tuple(carried.values()),
        ),
    )
