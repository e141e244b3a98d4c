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
"""Bytes that an upload reserves at once: free space is asked for this often."""
_LOOK_AGAIN = 60.0  # seconds after which the photos folder may be on another disk
_WAIT = 1.0  # seconds that a camera waits for the photos folder to say on which disk it is


class Disk:
    """Watches the file system of the data folder.

    What arrives is written there, and by `store` a second time into the photos folder if
    that is on the same file system; one of its own is `store`'s to watch.
    """

    def __init__(self, data: Path, photos: Path, min_free: int) -> None:
        self._data = data
        self._photos = photos
        self._min_free = min_free
        self._warned = False
        self._lock = threading.Lock()  # uploads are written by several threads
        self._reserved = 0
        self._photos_threads = FolderThreads(photos, _WAIT)
        self._copies = 1
        self._look_at = 0.0

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
        await in_thread(self._reserve, length, 0)

    @contextmanager
    def room(self) -> "Iterator[Room]":
        """Space for one upload, reserved a little ahead of its bytes and given back in the end."""
        room = Room(self)
        try:
            yield room
        finally:
            self.release(room.left)

    def reserve(self, size: int) -> None:
        """Have `size` bytes to write, whatever other uploads have (blocking).

        Raises Refused (503) where `min_free` would not be left.
        """
        self._reserve(size, size)

    def release(self, size: int) -> None:
        """Need `size` reserved bytes no more: they are written by now, or never will be."""
        with self._lock:
            self._reserved -= size

    def _reserve(self, needed: int, kept: int) -> None:
        with self._lock:
            free = free_bytes(self._data) - self._copies * (self._reserved + needed)
            if free >= self._min_free:
                self._reserved += kept
                self._warned = False
                return
        if not self._warned:
            self._warned = True
            log.warning(
                "%s has only %.0f MiB left: cameras are told to try later (min_free is %.0f MiB)",
                self._data,
                max(0, free) / 2**20,
                self._min_free / 2**20,
            )
        raise Refused(503, "the disk is nearly full, try again later")


class Room:
    """Space on the disk for one upload. One thread at a time uses it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.left = 0
        """Bytes that are reserved and not written yet."""

    def take(self, size: int) -> None:
        """About to write `size` bytes. Raises Refused (503) where there is no room."""
        if size > self.left:
            step = max(STEP, size)
            self._disk.reserve(step)
            self.left += step
        self.left -= size
        self._disk.release(size)


def free_bytes(folder: Path) -> int:
    """Bytes that an ordinary user may still write there. Raises OSError."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def same_file_system(one: Path, other: Path) -> bool:
    """Whether two folders share their space; one that is not there yet counts as its parent."""
    return _existing(one).stat().st_dev == _existing(other).stat().st_dev


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
