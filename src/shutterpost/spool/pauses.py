"""Actions that cannot work as configured: their deliveries wait without losing patience."""

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


def resume(connection: Connection, action: str, now: float) -> float:
    """An action works again; returns how many seconds it was paused.

    What waited for it is as patient as when it was paused.
    """
    since: float | None = connection.execute(
        select(pauses.c.since).where(pauses.c.action == action)
    ).scalar_one_or_none()
    if since is None:
        return 0.0
    paused = max(0.0, now - since)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.action == action, deliveries.c.state == WAITING)
        .values(patient_since=deliveries.c.patient_since + paused)
    )
    connection.execute(delete(pauses).where(pauses.c.action == action))
    return paused
