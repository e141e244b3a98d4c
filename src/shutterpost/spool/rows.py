"""New rows of shipments and photos."""

from typing import Any

from sqlalchemy import Connection, Table, insert

from shutterpost.spool.files import Kept
from shutterpost.spool.schema import photos, shipments

_EMPTY: dict[str, Any] = {
    "sender_name": "",
    "recipients": [],
    "site": "",
    "subject": "",
    "camera": "",
    "device": "",
    "fingerprint": "",
    "session": "",
    "photos_before": 0,
    "quiet_until": 0.0,
    "complete": True,
}


def add_shipment(connection: Connection, **values: object) -> int:
    """Add a shipment; what is not given is empty. Returns its id."""
    return _insert(connection, shipments, {**_EMPTY, **values})


def add_photo(
    connection: Connection,
    shipment_id: int,
    position: int,
    name: str,
    media_type: str,
    kept: Kept,
    received: float,
) -> int:
    """Add a photo to a shipment. Returns its id."""
    row = {
        "shipment_id": shipment_id,
        "position": position,
        "name": name,
        "media_type": media_type,
        "size": kept.size,
        "sha256": kept.sha256,
        "file": kept.file,
        "purged": False,
        "received": received,
        "cut": kept.cut,
    }
    return _insert(connection, photos, row)


def _insert(connection: Connection, table: Table, row: dict[str, Any]) -> int:
    key = connection.execute(insert(table).values(row)).inserted_primary_key
    assert key is not None
    return int(key[0])
