"""What each client's successful attempt to get past a hotspot began with, over restarts."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from shutterpost.spool.schema import hotspots


def learned(connection: Connection) -> list[tuple[str, str, str]]:
    """All that was learned: (client, host, answer)."""
    rows = connection.execute(select(hotspots.c.client, hotspots.c.host, hotspots.c.answer))
    return [(row.client, row.host, row.answer) for row in rows]


def learn(connection: Connection, client: str, answers: Sequence[tuple[str, str]]) -> None:
    """Keep for one client the (host, answer) pairs whose attempts were followed by a share."""
    for host, answer in answers:
        forget(connection, client, host)
        connection.execute(insert(hotspots).values(client=client, host=host, answer=answer))


def forget(connection: Connection, client: str, host: str) -> None:
    """What worked for one client does not work any more."""
    connection.execute(delete(hotspots).where(hotspots.c.client == client, hotspots.c.host == host))
