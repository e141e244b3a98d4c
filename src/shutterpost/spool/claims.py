"""Which delivery is next: taken in one statement that writes down the attempt after it.

So a crash at any moment needs no repair, and two couriers never take the same delivery.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, literal, or_, select, update

from shutterpost.model import Delivery, Photo, Shipment
from shutterpost.spool.deliveries import WAITING
from shutterpost.spool.files import Files
from shutterpost.spool.schema import deliveries, photos, shipments

LONGEST_RETRY = 3600.0
"""The most seconds between two attempts."""


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
        patient_since=row.patient_since,
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
