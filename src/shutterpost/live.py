"""What happens right now, for whoever watches: new photos, deliveries, uploads on the wire.

The rest of the house tells it and does not know who listens; nobody waits for a listener.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LISTENER_LIMIT = 50
"""The most listeners at once."""
_WAITING_LIMIT = 200  # events that a slow listener may be behind
_PROGRESS_PAUSE = 0.25  # seconds between two events about one upload


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `shipment`, `device`, `sending` or `sent`, and to what."""

    kind: str
    data: dict[str, str | int]


class Live:
    """Passes events on. Used on one event loop only."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Event]] = set()
        self._numbers = itertools.count(1)
        self._uploads: dict[int, Upload] = {}

    def tell(self, kind: str, **data: str | int) -> None:
        """Something happened. A listener that is too far behind misses it."""
        for listener in self._listeners:
            if not listener.full():
                listener.put_nowait(Event(kind, data))

    def shipment(self, number: int) -> None:
        """A shipment is new, or something about it changed."""
        self.tell("shipment", id=number)

    @contextmanager
    def upload(self, camera: str, total: int | None) -> "Iterator[Upload]":
        """An upload of `total` bytes (None if nobody knows) is on the wire."""
        upload = Upload(self, next(self._numbers), camera, total or 0)
        self._uploads[upload.number] = upload
        try:
            yield upload
        finally:
            del self._uploads[upload.number]
            self.tell("sent", upload=upload.number)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[Event]]:
        """A queue of what happens from now on, beginning with what is on the wire.

        Raises OverflowError for one listener too many.
        """
        if len(self._listeners) >= LISTENER_LIMIT:
            raise OverflowError("too many listeners")
        listener: asyncio.Queue[Event] = asyncio.Queue(_WAITING_LIMIT)
        for upload in list(self._uploads.values())[:_WAITING_LIMIT]:
            listener.put_nowait(Event("sending", upload.progress))
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


class Upload:
    """One upload on the wire."""

    def __init__(self, live: Live, number: int, camera: str, total: int) -> None:
        self.number = number
        self._live = live
        self._camera = camera
        self._total = total
        self._name = ""
        self._bytes = 0
        self._told = 0.0

    @property
    def progress(self) -> dict[str, str | int]:
        """How far it is."""
        return {
            "upload": self.number,
            "camera": self._camera,
            "name": self._name,
            "bytes": self._bytes,
            "total": self._total,
        }

    def arrived(self, size: int, name: str) -> None:
        """More bytes came, of a file of that name."""
        self._bytes += size
        self._name = name
        now = time.monotonic()
        if now - self._told >= _PROGRESS_PAUSE:
            self._told = now
            self._live.tell("sending", **self.progress)
