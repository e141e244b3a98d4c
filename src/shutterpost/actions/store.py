"""`store`: photos as plain files in the photos folder.

Promises one `close_write` event per file, on its final name, when it is complete, and
that no one sees a part of a file under its final name: the file is written under a
temporary name, fsynced, renamed while it is still open, and only then closed (inotify
reports the name that a file has when it is closed).
"""

import asyncio
import errno
import hashlib
import os
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from shutterpost.actions import Note, Outcome, PermanentError, TemporaryError
from shutterpost.camera.files import safe_name
from shutterpost.config.values import Secret
from shutterpost.model import Delivery, Photo
from shutterpost.photos_folder import PhotosFolder
from shutterpost.secret import folder_of

TEMPORARY = ".shutterpost-"
"""How temporary names begin."""

_PIECE = 1 << 20
_LAST_NUMBER = 10_000
_folders: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
"""One file at a time looks for a free name in a folder and takes it."""


def clean(photos: Path) -> int:
    """Remove temporary files that a crash left behind; returns how many there were."""
    leftovers = [*photos.glob(f"*/{TEMPORARY}*")]
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)


class Store:
    """Copies photos into `photos`/`instance`, or into a folder of the sender's own."""

    def __init__(self, photos: PhotosFolder, secret: Secret, instance: str = "") -> None:
        self._folder = photos
        self._photos = photos.path
        self._secret = secret
        self._instance = instance

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Copy the photos; the receipt is their paths."""
        paths = [
            await asyncio.to_thread(self.store, photo, delivery.shipment.sender)
            for photo in delivery.photos
        ]
        return Outcome("\n".join(map(str, paths)))

    def store(self, photo: Photo, sender: str) -> Path:
        """Copy one photo; returns its path, or that of a file with the same bytes and name."""
        folder = self._photos / (self._instance or folder_of(sender, self._secret))
        try:
            if trouble := self._folder.trouble(photo.size):
                raise TemporaryError(trouble)
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                _sync_folder(folder.parent)
            if not folder.resolve().is_relative_to(self._photos.resolve()):
                raise TemporaryError(f"{folder} is a link that leads out of {self._photos}")
            with _folders[folder]:
                return _copy(photo, folder)
        except FileNotFoundError as error:
            if error.filename == str(photo.path):
                raise PermanentError(f"{photo.name} is no longer in the spool") from None
            raise TemporaryError(f"{error.filename}: {error.strerror}") from None
        except OSError as error:
            raise TemporaryError(f"{folder} cannot be written: {error.strerror}") from None


def _copy(photo: Photo, folder: Path) -> Path:
    final = _free_name(photo, folder)
    if final.exists():
        return final
    temporary = folder / f"{TEMPORARY}{photo.id}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    temporary.unlink(missing_ok=True)
    with open(photo.path, "rb", buffering=0) as source:
        target = os.open(temporary, flags, 0o666)
        try:
            size = 0
            while piece := source.read(_PIECE):
                size += len(piece)
                view = memoryview(piece)
                while view:
                    view = view[os.write(target, view) :]
            if size != photo.size:
                raise PermanentError(f"{photo.name} is damaged: {size} of {photo.size} bytes")
            os.fsync(target)
            os.rename(temporary, final)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        finally:
            os.close(target)
    _sync_folder(folder)
    return final


def _free_name(photo: Photo, folder: Path) -> Path:
    """The photo's name, numbered if other bytes have it: `SAM_0001-2.JPG`.

    The name of a file with the photo's own bytes counts as free: it is this photo.
    """
    name = safe_name(photo.name)
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    for number in range(1, _LAST_NUMBER):
        path = folder / (name if number == 1 else f"{stem}-{number}{dot}{suffix}")
        try:
            status = path.lstat()
        except FileNotFoundError:
            return path
        if status.st_size == photo.size and path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == photo.sha256:
                    return path
    raise OSError(errno.EEXIST, f"over {_LAST_NUMBER} files are called {name}")


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
