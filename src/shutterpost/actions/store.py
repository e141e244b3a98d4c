"""`store`: photos as plain files in the photos folder.

Promises one `close_write` event per file, on its final name, when it is complete, and
that no one sees a part of a file under its final name: the file is written under a
temporary name, fsynced, renamed while it is still open, and only then closed (inotify
reports the name that a file has when it is closed).
"""

import errno
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from shutterpost.actions import Note, Outcome, PermanentError, TemporaryError
from shutterpost.camera.files import safe_name
from shutterpost.config.values import Secret
from shutterpost.folder_threads import Alive, FolderHangs
from shutterpost.model import Delivery, Photo
from shutterpost.photos_folder import PhotosFolder
from shutterpost.secret import folder_of

TEMPORARY = ".shutterpost-"
"""How temporary names begin."""

_PIECE = 1 << 20
_LAST_NUMBER = 10_000
_SYNC_AFTER = 64 << 20  # bytes, so that no single fsync takes long


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
        sender = delivery.shipment.sender
        paths = [await self.store(photo, sender) for photo in delivery.photos]
        return Outcome("\n".join(map(str, paths)))

    async def store(self, photo: Photo, sender: str) -> Path:
        """Copy one photo; returns its path, or that of a file with the same bytes and name.

        Raises TemporaryError, also for a folder that hangs, and PermanentError.
        """
        folder = self._photos / (self._instance or folder_of(sender, self._secret))
        try:
            async with self._folder.locks[folder]:
                return await self._folder.threads.run(
                    lambda alive: self._store(photo, folder, alive)
                )
        except FolderHangs:
            raise TemporaryError(f"{self._photos} does not answer: is its disk there?") from None
        except FileNotFoundError as error:
            if error.filename == str(photo.path):
                raise PermanentError(f"{photo.name} is no longer in the spool") from None
            raise TemporaryError(f"{error.filename}: {error.strerror}") from None
        except OSError as error:
            raise TemporaryError(f"{folder} cannot be written: {error.strerror}") from None

    def _store(self, photo: Photo, folder: Path, alive: Alive) -> Path:
        if trouble := self._folder.trouble(photo.size):
            raise TemporaryError(trouble)
        self._folder.prepare()
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(folder.parent)
        if not folder.resolve().is_relative_to(self._photos.resolve()):
            raise TemporaryError(f"{folder} is a link that leads out of {self._photos}")
        return _copy(photo, folder, alive)


def _copy(photo: Photo, folder: Path, alive: Alive) -> Path:
    final = _free_name(photo, folder, alive)
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
                if size % _SYNC_AFTER == 0:
                    os.fsync(target)
                alive()
            if size != photo.size:
                raise PermanentError(f"{photo.name} is damaged: {size} of {photo.size} bytes")
            os.fsync(target)
            alive()
            os.rename(temporary, final)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        finally:
            os.close(target)
    _sync_folder(folder)
    return final


def _free_name(photo: Photo, folder: Path, alive: Alive) -> Path:
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
        is_alike = status.st_size == photo.size and stat.S_ISREG(status.st_mode)
        if is_alike and _sha256(path, alive) == photo.sha256:
            return path
    raise OSError(errno.EEXIST, f"over {_LAST_NUMBER} files are called {name}")


def _sha256(path: Path, alive: Alive) -> str:
    found = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            found.update(piece)
            alive()
    return found.hexdigest()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
