"""The queue as people see it and mend it; safe beside a running server."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, select, update

from shutterpost.spool import deliveries as statements
from shutterpost.spool.deliveries import DROPPED, FAILED, WAITING
from shutterpost.spool.schema import attempts, deliveries, photos, shipments

Change = Callable[[Connection, float], list[int]]
"""A change of the queue at a time; returns the shipments that it is about."""


class NotPossible(Exception):
    """What was asked cannot be done with this delivery; the message says why."""


def entries(connection: Connection) -> list[dict[str, Any]]:
    """All deliveries, the newest last."""
    rows = connection.execute(
        select(deliveries, shipments.c.sender, shipments.c.site, shipments.c.text)
        .join(shipments, shipments.c.id == deliveries.c.shipment_id)
        .order_by(deliveries.c.id)
    )
    return [_entry(row) for row in rows]


def entry(connection: Connection, delivery_id: int) -> dict[str, Any]:
    """One delivery with its photos and attempts. Raises NotPossible."""
    row = connection.execute(
        select(deliveries, shipments.c.sender, shipments.c.site, shipments.c.text)
        .join(shipments, shipments.c.id == deliveries.c.shipment_id)
        .where(deliveries.c.id == delivery_id)
    ).one_or_none()
    if row is None:
        raise NotPossible(f"there is no delivery {delivery_id}")
    carried = select(photos.c.name, photos.c.size, photos.c.sha256).order_by(photos.c.position)
    if row.photo_id is None:
        carried = carried.where(photos.c.shipment_id == row.shipment_id)
    else:
        carried = carried.where(photos.c.id == row.photo_id)
    tried = select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.id)
    return {
        **_entry(row),
        "photos": [dict(photo._mapping) for photo in connection.execute(carried)],
        "history": [
            {"finished": attempt.finished, "error": attempt.error}
            for attempt in connection.execute(tried)
        ],
    }


def retry(connection: Connection, delivery_id: int, now: float) -> list[int]:
    """Have a delivery tried now, as patiently as a new one; returns its shipment.

    Raises NotPossible.
    """
    state = _state(connection, delivery_id)
    if state not in (WAITING, FAILED):
        raise NotPossible(f"delivery {delivery_id} is {state}: there is nothing to retry")
    return statements.retry(connection, deliveries.c.id == delivery_id, now)


def retry_failed(connection: Connection, now: float) -> list[int]:
    """Have all that failed tried now; returns their shipments."""
    return statements.retry(connection, deliveries.c.state == FAILED, now)


def drop(connection: Connection, delivery_id: int, now: float) -> list[int]:
    """Give a delivery up; returns its shipment. Raises NotPossible."""
    state = _state(connection, delivery_id)
    if state not in (WAITING, FAILED):
        raise NotPossible(f"delivery {delivery_id} is {state}: there is nothing to drop")
    return _change(connection, delivery_id, state=DROPPED, finished=now)


def _change(connection: Connection, delivery_id: int, **values: Any) -> list[int]:
    changed = connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(**values)
        .returning(deliveries.c.shipment_id)
    )
    return list(changed.scalars())


def _state(connection: Connection, delivery_id: int) -> str:
    state: str | None = connection.execute(
        select(deliveries.c.state).where(deliveries.c.id == delivery_id)
    ).scalar_one_or_none()
    if state is None:
        raise NotPossible(f"there is no delivery {delivery_id}")
    return state


def _entry(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "action": row.action,
        "state": row.state,
        "attempts": row.attempts,
        "due": row.due if row.state == WAITING else None,
        "last_error": row.last_error,
        "shipment": row.shipment_id,
        "sender": row.sender,
        "to": row.recipients,
        "site": row.site,
        "text": row.text,
        "receipt": row.receipt,
        "created": row.created,
        "finished": row.finished,
    }
