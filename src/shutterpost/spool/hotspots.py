"""What each client's successful attempt to get past a hotspot began with, over restarts."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, insert, literal_column, select

from shutterpost.spool.schema import hotspots

LIMIT = 2000
"""The most (client, host) pairs that are kept; the one learned first is forgotten."""


def learned(connection: Connection) -> list[tuple[str, str, str]]:
    """All that was learned: (client, host, answer)."""
    rows = connection.execute(select(hotspots.c.client, hotspots.c.host, hotspots.c.answer))
    return [(row.client, row.host, row.answer) for row in rows]


def learn(connection: Connection, client: str, answers: Sequence[tuple[str, str]]) -> None:
    """Keep for one client the (host, answer) pairs whose attempts were followed by a share."""
    for host, answer in answers:
        forget(connection, client, host)
        connection.execute(insert(hotspots).values(client=client, host=host, answer=answer))
    rowid: ColumnElement[int] = literal_column("rowid")
    oldest = select(rowid).select_from(hotspots).order_by(rowid.desc()).offset(LIMIT)
    connection.execute(delete(hotspots).where(rowid.in_(oldest)))


def forget(connection: Connection, client: str, host: str) -> None:
    """What worked for one client does not work any more."""
    connection.execute(delete(hotspots).where(hotspots.c.client == client, hotspots.c.host == host))
