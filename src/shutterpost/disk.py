"""Free space: cameras are told to try later before a disk is full."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shutterpost.folder_threads import FolderThreads
from shutterpost.threads import in_thread
from shutterpost.wire.http import Refused

log = logging.getLogger(__name__)

STEP = 4 * 1024 * 1024
"""Bytes that all uploads together write before the disk is asked again."""
_LOOK_AGAIN = 60.0  # seconds after which the photos folder may be on another disk
_WAIT = 1.0  # seconds that a camera waits for the photos folder to say on which disk it is


class Disk:
    """Watches the file system of the data folder.

    What arrives is written there, and by `store` a second time into the photos folder if
    that is on the same file system; one of its own is `store`'s to watch.

    Neither what an upload announces nor its mere being there holds room, only what has
    arrived does: else a thousand idle connections could keep all cameras out. So several
    uploads may be too many for the disk together. The first one that asks when there is no
    room left is refused then, and the others go on with what it had.
    """

    def __init__(self, data: Path, photos: Path, min_free: int) -> None:
        self._data = data
        self._photos = photos
        self._min_free = min_free
        self._warned = False
        self._photos_threads = FolderThreads(photos, _WAIT)
        self._copies = 1
        self._look_at = 0.0
        self._lock = threading.Lock()  # uploads are written by several threads
        self._spare = 0  # bytes that may be written before the disk is asked again
        self._pending = 0  # bytes that may not be written yet
        self._arriving = 0  # bytes of all uploads on the wire, which may be copied

    async def require(self, length: int) -> None:
        """Refuse (503) an upload of `length` bytes for which there is no room.

        A photos folder that hangs is on another disk, whatever it was before.
        """
        if time.monotonic() >= self._look_at:
            try:
                shared = await self._photos_threads.run(
                    lambda _: same_file_system(self._data, self._photos)
                )
                self._copies = 2 if shared else 1
            except OSError:  # it hangs, or may not be looked at
                self._copies = 1
            self._look_at = time.monotonic() + _LOOK_AGAIN
        await in_thread(self._require, length)

    @contextmanager
    def room(self) -> "Iterator[Room]":
        """The room that one upload takes while it is on the wire."""
        room = Room(self)
        try:
            yield room
        finally:
            with self._lock:
                self._pending -= room.pending
                self._arriving -= room.taken

    def take(self, size: int, written: int) -> None:
        """Take room for `size` bytes; `written` of those taken earlier are on the disk by now.

        Raises Refused (503) where `min_free` would not be left, and OSError.
        """
        with self._lock:
            self._pending -= written
            if self._spare < size:
                self._spare = min(self._ask(size), max(size, STEP))
            self._spare -= size
            self._pending += size
            self._arriving += size

    def _require(self, length: int) -> None:
        with self._lock:
            self._ask(self._copies * length)

    def _ask(self, needed: int) -> int:
        """How many bytes may be written now. Raises Refused (503) if they are too few."""
        free = free_bytes(self._data)
        promised = self._pending + (self._copies - 1) * self._arriving
        room = free - promised - self._min_free
        if room >= needed:
            self._warned = False
            return room
        if not self._warned:
            self._warned = True
            log.warning(
                "%s has only %.0f MiB left: cameras are told to try later (min_free is %.0f MiB)",
                self._data,
                free / 2**20,
                self._min_free / 2**20,
            )
        raise Refused(503, "the disk is nearly full, try again later")


class Room:
    """What one upload has taken of the disk. One thread at a time uses it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.taken = 0
        """Bytes so far."""
        self.pending = 0
        """Of these, the bytes that may not be written yet."""

    def take(self, size: int) -> None:
        """About to write `size` bytes; what was taken before is written by now.

        Raises Refused (503) where there is no room, and OSError.
        """
        written, self.pending = self.pending, 0
        self._disk.take(size, written)
        self.pending = size
        self.taken += size


def free_bytes(folder: Path) -> int:
    """Bytes that an ordinary user may still write there. Raises OSError."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def same_file_system(one: Path, other: Path) -> bool:
    """Whether two folders share their space; one that is not there yet counts as its parent."""
    return _existing(one).stat().st_dev == _existing(other).stat().st_dev


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
