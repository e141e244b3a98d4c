"""Devices as they were last written down."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select

from shutterpost.devices import LIMIT, Device
from shutterpost.spool.schema import devices


def seen(connection: Connection) -> list[Device]:
    """All devices, the latest last."""
    rows = connection.execute(select(devices).order_by(devices.c.last_seen.desc()).limit(LIMIT))
    found = [Device(**{**row._mapping, "quirks": tuple(row.quirks)}) for row in rows]
    return found[::-1]


def write_seen(connection: Connection, changed: Sequence[Device]) -> None:
    """Write devices down."""
    for device in changed:
        connection.execute(delete(devices).where(devices.c.client == device.client))
        row = {**asdict(device), "quirks": list(device.quirks)}
        connection.execute(insert(devices).values(row))
    latest = select(devices.c.client).order_by(devices.c.last_seen.desc()).limit(LIMIT)
    connection.execute(delete(devices).where(devices.c.client.not_in(latest.scalar_subquery())))
