"""What the database holds in terms of the clock, moved when the clock is set.

`clock` has one row: when the server was last known to run. A server that was off for long,
or whose clock is wrong at the start, has not used up anyone's patience.
"""

from sqlalchemy import Column, Connection, Table, exists, func, or_, select, update

from shutterpost.clock import SANE, Correction
from shutterpost.spool.deliveries import WAITING
from shutterpost.spool.schema import (
    announcements,
    attempts,
    clock,
    deliveries,
    devices,
    pauses,
    photos,
    sessions,
    shipments,
)

SEEN_EVERY = 3600.0
"""Seconds between two notes that the server runs: a disk may sleep meanwhile."""

_DATES: tuple[Column[float], ...] = (
    shipments.c.received,
    photos.c.received,
    deliveries.c.created,
    deliveries.c.finished,
    attempts.c.finished,
    announcements.c.created,
    sessions.c.created,
    devices.c.first_seen,
    devices.c.last_seen,
    devices.c.last_dns,
    devices.c.last_check,
    devices.c.last_upload,
)
"""When something happened."""
_WAITS = deliveries.c.state == WAITING


def start(connection: Connection, now: float) -> None:
    """The server starts: the time that it was off, or seems to have been, does not count."""
    seen: float | None = connection.execute(select(clock.c.seen)).scalar()
    if seen is None:
        connection.execute(clock.insert().values(seen=now))
        return
    by = now - seen
    patient_since = func.min(deliveries.c.patient_since + by, now)
    connection.execute(update(deliveries).where(_WAITS).values(patient_since=patient_since))
    if by < 0:  # the clock is behind, or was ahead
        connection.execute(update(deliveries).where(_WAITS).values(due=deliveries.c.due + by))
        _move(connection, sessions.c.used, by)
        _move(connection, pauses.c.since, by)
    if seen < SANE <= now:
        _correct(connection, Correction(1.0, SANE, by), now)
    elif by < 0 and now >= SANE:
        _correct(connection, Correction(now, seen + 2 * SEEN_EVERY, by), now)
    connection.execute(update(clock).values(seen=now))


def was_set(connection: Connection, correction: Correction) -> None:
    """The clock was set while the server runs: what waits goes on to wait as long as before."""
    by, now = correction.by, correction.was + correction.by
    connection.execute(
        update(deliveries)
        .where(_WAITS)
        .values(due=deliveries.c.due + by, patient_since=deliveries.c.patient_since + by)
    )
    quiet_until = shipments.c.quiet_until + by
    connection.execute(
        update(shipments).where(~shipments.c.complete).values(quiet_until=quiet_until)
    )
    _move(connection, sessions.c.used, by)
    _move(connection, pauses.c.since, by)
    _correct(connection, correction, now)
    connection.execute(update(clock).values(seen=now))


def check(connection: Connection, now: float, longest: float) -> None:
    """The server runs at `now`, and nothing waits for longer than `longest` seconds.

    Writes nothing while nothing waits.
    """
    is_due = deliveries.c.due > now + longest
    connection.execute(update(deliveries).where(_WAITS, is_due).values(due=now))
    ahead = deliveries.c.patient_since > now
    connection.execute(update(deliveries).where(_WAITS, ahead).values(patient_since=now))
    old = or_(clock.c.seen < now - SEEN_EVERY, clock.c.seen > now)
    connection.execute(update(clock).where(old, exists().where(_WAITS)).values(seen=now))


def _correct(connection: Connection, correction: Correction, now: float) -> None:
    for column in _DATES:
        wrong = column.between(correction.since, correction.was)
        right = func.min(column + correction.by, now)
        connection.execute(update(_table(column)).where(wrong).values({column.name: right}))


def _move(connection: Connection, column: Column[float], by: float) -> None:
    connection.execute(update(_table(column)).values({column.name: column + by}))


def _table(column: Column[float]) -> Table:
    assert isinstance(column.table, Table)
    return column.table
