"""A database with many photos and deliveries, without the photos themselves."""

import time

from sqlalchemy import Connection, insert

from shutterpost.spool.schema import deliveries, photos, shipments


def fill(connection: Connection, number: int, state: str) -> None:
    """So many shipments of one photo and one delivery each."""
    now = time.time() - number
    shipment = {
        "sender": "Camera@samsungcamera.com",
        "sender_name": "",
        "recipients": ["a@example.org"],
        "site": "",
        "subject": "",
        "text": "A text~an alt text",
        "camera": "NX300",
        "device": "",
        "client": "192.168.1.5",
        "fingerprint": "",
        "session": "",
        "photos_before": 0,
        "quiet_until": 0.0,
        "complete": True,
    }
    photo = {
        "position": 0,
        "name": "SAM_0001.JPG",
        "media_type": "image/jpeg",
        "size": 5_000_000,
        "sha256": "0" * 64,
        "purged": True,
    }
    delivery = {
        "action": "email",
        "recipients": ["a@example.org"],
        "state": state,
        "attempts": 0,
        "finished": None,
        "receipt": "",
        "last_error": "",
        "progress": {},
        "told": False,
    }
    numbers = range(1, number + 1)
    connection.execute(
        insert(shipments), [{**shipment, "id": n, "received": now + n} for n in numbers]
    )
    connection.execute(
        insert(photos), [{**photo, "id": n, "shipment_id": n, "file": f"{n:032x}"} for n in numbers]
    )
    rows = [
        {
            **delivery,
            "key": f"{n:032x}",
            "shipment_id": n,
            "photo_id": None,
            "due": now + n,
            "created": now + n,
            "patient_since": now + n,
        }
        for n in numbers
    ]
    connection.execute(insert(deliveries), rows)
