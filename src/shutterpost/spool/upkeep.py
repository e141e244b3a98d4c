"""What is done now and then: retention, and what people must be told."""

from sqlalchemy import Connection, exists, func, select, update

from shutterpost.spool.deliveries import FAILED, WAITING
from shutterpost.spool.pauses import Pause
from shutterpost.spool.schema import deliveries, pauses, photos, shipments

TOLD_AT_ONCE = 10_000
"""The most failures of one notice; the next one tells the others."""
_BATCH = 500
_ERROR_LIMIT = 300  # characters of an error in a notice


def purge(connection: Connection, before: float) -> list[str]:
    """Give up the files of shipments that were delivered before a time; returns their names.

    What waits or failed keeps its files, however old it is. The caller removes the files;
    if it does not come to that, the next start does.
    """
    unfinished = exists().where(
        deliveries.c.shipment_id == photos.c.shipment_id,
        deliveries.c.state.in_((WAITING, FAILED)),
    )
    last = (
        select(func.max(deliveries.c.finished))
        .where(deliveries.c.shipment_id == photos.c.shipment_id)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(photos.c.id, photos.c.file)
        .join(shipments, shipments.c.id == photos.c.shipment_id)
        .where(~photos.c.purged, ~unfinished, last < before, shipments.c.received < before)
        .limit(_BATCH)
    ).all()
    ids = [row.id for row in rows]
    connection.execute(update(photos).where(photos.c.id.in_(ids)).values(purged=True))
    return [row.file for row in rows]


def kept_files(connection: Connection) -> set[str]:
    """The spool's files that the database knows."""
    return set(connection.execute(select(photos.c.file).where(~photos.c.purged)).scalars())


def purged_files(connection: Connection) -> set[str]:
    """The files that were kept long enough; a crash may have left some of them."""
    return set(connection.execute(select(photos.c.file).where(photos.c.purged)).scalars())


def untold(
    connection: Connection, paused_before: float
) -> tuple[list[tuple[int, str, str]], list[Pause]]:
    """What nobody was told yet: failures (id, action, error), and actions paused since long."""
    failed = connection.execute(
        select(
            deliveries.c.id,
            deliveries.c.action,
            func.substr(deliveries.c.last_error, 1, _ERROR_LIMIT).label("error"),
        )
        .where(deliveries.c.state == FAILED, ~deliveries.c.told)
        .order_by(deliveries.c.id)
        .limit(TOLD_AT_ONCE)
    )
    long_paused = connection.execute(
        select(pauses).where(~pauses.c.told, pauses.c.since <= paused_before)
    )
    return (
        [(row.id, row.action, row.error) for row in failed],
        [Pause(row.action, row.since, row.why) for row in long_paused],
    )


def told(connection: Connection, failed: list[int], paused: list[str]) -> None:
    """They were told."""
    for start in range(0, len(failed), _BATCH):  # a statement holds so many values at most
        batch = deliveries.c.id.in_(failed[start : start + _BATCH])
        connection.execute(update(deliveries).where(batch).values(told=True))
    connection.execute(update(pauses).where(pauses.c.action.in_(paused)).values(told=True))
