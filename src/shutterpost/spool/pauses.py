"""Actions that cannot work as configured: their deliveries wait without losing patience."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from shutterpost.spool.deliveries import WAITING
from shutterpost.spool.schema import deliveries, pauses


@dataclass(frozen=True, slots=True)
class Pause:
    """One paused action."""

    action: str
    since: float
    why: str


def paused(connection: Connection) -> list[Pause]:
    """All paused actions."""
    rows = connection.execute(select(pauses).order_by(pauses.c.since))
    return [Pause(row.action, row.since, row.why) for row in rows]


def pause(connection: Connection, action: str, why: str, now: float) -> bool:
    """Pause an action; whether it was not paused before."""
    known = connection.execute(
        update(pauses).where(pauses.c.action == action).values(why=why)
    ).rowcount
    if not known:
        connection.execute(insert(pauses).values(action=action, since=now, why=why, told=False))
    return not known


def resume(connection: Connection, actions: Sequence[str], now: float) -> None:
    """Actions work again: what waited for them is due, as patient as when they were paused."""
    for row in connection.execute(select(pauses).where(pauses.c.action.in_(actions))).all():
        connection.execute(
            update(deliveries)
            .where(deliveries.c.action == row.action, deliveries.c.state == WAITING)
            .values(patient_since=deliveries.c.patient_since + (now - row.since))
        )
    connection.execute(delete(pauses).where(pauses.c.action.in_(actions)))
