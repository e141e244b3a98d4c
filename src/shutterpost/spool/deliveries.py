"""What waits, what is done, what failed: statements on deliveries and their attempts.

Each function works in the transaction it is given.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Select,
    case,
    func,
    insert,
    literal,
    select,
    update,
)

from shutterpost.model import Planned
from shutterpost.spool.schema import attempts, deliveries

WAITING, DONE, FAILED, DROPPED = "waiting", "done", "failed", "dropped"


def plan(
    connection: Connection,
    shipment_id: int,
    photo_ids: Sequence[int],
    planned: Sequence[Planned],
    now: float,
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
            "due": now,
            "created": now,
            "patient_since": now,
            "told": False,
            "receipt": "",
            "last_error": "",
            "progress": {},
        }
        for new in planned
    ]
    if rows:
        connection.execute(insert(deliveries), rows)


def note(connection: Connection, delivery_id: int, progress: dict[str, object]) -> None:
    """Keep what an attempt has achieved so far."""
    _change(connection, delivery_id, progress=progress)


def finish(connection: Connection, delivery_id: int, receipt: str, now: float) -> None:
    """It was delivered."""
    _change(connection, delivery_id, state=DONE, receipt=receipt, finished=now, last_error="")
    _attempted(connection, delivery_id, now, "")


def postpone(
    connection: Connection,
    delivery_id: int,
    error: str,
    now: float,
    not_before: float,
    patient_since: float,
) -> None:
    """The attempt failed; the next is due as claimed, but not before `not_before`."""
    due = func.max(deliveries.c.due, not_before)
    since = func.max(deliveries.c.patient_since, patient_since)
    _change(connection, delivery_id, last_error=error, due=due, patient_since=since)
    _attempted(connection, delivery_id, now, error)


def hold(connection: Connection, delivery_id: int, error: str, now: float) -> None:
    """The attempt failed for its action's sake; the next is due as soon as that is tried."""
    _change(connection, delivery_id, last_error=error, due=now)
    _attempted(connection, delivery_id, now, error)


def fail(connection: Connection, delivery_id: int, error: str, now: float) -> None:
    """It will not be tried again by itself."""
    _change(connection, delivery_id, state=FAILED, last_error=error, finished=now)
    _attempted(connection, delivery_id, now, error)


def _attempted(connection: Connection, delivery_id: int, now: float, error: str) -> None:
    connection.execute(insert(attempts).values(delivery_id=delivery_id, finished=now, error=error))


def retry(connection: Connection, which: ColumnElement[bool], now: float) -> list[int]:
    """Have deliveries tried now, as patiently as new ones; returns their shipments.

    An action that has noted progress finds `again` in it, and takes back what it had given up.
    """
    nothing = literal({}, JSON)
    again = func.json_set(deliveries.c.progress, "$.again", func.json("true"))
    changed = connection.execute(
        update(deliveries)
        .where(which)
        .values(
            state=WAITING,
            due=now,
            patient_since=now,
            finished=None,
            told=False,
            progress=case((deliveries.c.progress == nothing, nothing), else_=again),
        )
        .returning(deliveries.c.shipment_id)
    )
    return list(changed.scalars())


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
