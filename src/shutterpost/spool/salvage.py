"""What a damaged database still says about a photo, read as far as that goes."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from shutterpost.model import Planned
from shutterpost.spool.deliveries import FAILED, WAITING

_PHOTO = """
    SELECT photos.id, photos.shipment_id, photos.name, photos.media_type, shipments.sender,
        shipments.sender_name, shipments.recipients, shipments.site, shipments.subject,
        shipments.text, shipments.camera, shipments.received,
        shipments.photos_before + photos.position AS number
    FROM photos NOT INDEXED JOIN shipments ON shipments.id = photos.shipment_id
    WHERE photos.file = ?
"""
_DELIVERIES = """
    SELECT action, recipients, state FROM deliveries NOT INDEXED
    WHERE shipment_id = ? AND (photo_id IS NULL OR photo_id = ?)
"""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A photo as it was sent, and where it has not arrived.

    `missing` is None if the database does not say it any more.
    """

    name: str
    media_type: str
    sender: str
    sender_name: str
    recipients: tuple[str, ...]
    site: str
    subject: str
    text: str
    camera: str
    received: float
    number: int
    """Which alt text is the photo's own."""
    missing: tuple[Planned, ...] | None


def salvage(databases: list[Path], file: str) -> Salvaged | None:
    """What databases say about a file of the spool, the first that can be read; or None."""
    for path in databases:
        try:
            with closing(_opened(path)) as connection:
                row = connection.execute(_PHOTO, (file,)).fetchone()
                if row is not None:
                    return _salvaged(connection, row)
        except (sqlite3.Error, ValueError, TypeError):  # its pages hold anything
            continue
    return None


def _salvaged(connection: sqlite3.Connection, row: sqlite3.Row) -> Salvaged:
    return Salvaged(
        name=str(row["name"]),
        media_type=str(row["media_type"]),
        sender=str(row["sender"]),
        sender_name=str(row["sender_name"]),
        recipients=tuple(map(str, json.loads(row["recipients"]))),
        site=str(row["site"]),
        subject=str(row["subject"]),
        text=str(row["text"]),
        camera=str(row["camera"]),
        received=float(row["received"]),
        number=int(row["number"]),
        missing=_missing(connection, row["shipment_id"], row["id"]),
    )


def _missing(
    connection: sqlite3.Connection, shipment: int, photo: int
) -> tuple[Planned, ...] | None:
    try:
        rows = connection.execute(_DELIVERIES, (shipment, photo)).fetchall()
        return tuple(
            Planned(str(action), tuple(map(str, json.loads(recipients))), 0)
            for action, recipients, state in rows
            if state in (WAITING, FAILED)
        )
    except (sqlite3.Error, ValueError, TypeError):
        return None


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection
