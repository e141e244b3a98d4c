"""Files that arrive: written, hashed, and on disk before anyone is told so.

A file grows in `incoming` and moves to `photos` when it is complete and fsynced. What
is found in `incoming` at start was never finished, and is removed then. What is found in
`photos` without a row in the database is most often an upload that a crash cut off just
before "sent"; but the database may as well have been lost or replaced, so such a file is
moved to `found`, and never removed.
"""

import errno
import hashlib
import logging
import os
import secrets
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from shutterpost import faults
from shutterpost.disk import free_bytes
from shutterpost.durable import make_folder, sync, sync_folder
from shutterpost.images.ending import lacks_end

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A complete file on disk: its name in the spool, size in bytes, and hash.

    `cut` says that it is a JPEG without its end.
    """

    file: str
    size: int
    sha256: str
    cut: bool = False


class Incoming:
    """One file on its way in. Not safe for use by two threads at once."""

    def __init__(self, files: "Files") -> None:
        self._files = files
        self.file = secrets.token_hex(16)
        self.size = 0
        self._released = False
        self._hash = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd: int | None = os.open(files.incoming / self.file, flags, 0o600)

    def write(self, data: bytes) -> None:
        """Append bytes. Raises OSError, for example when the disk is full."""
        assert self._fd is not None
        faults.point("half written" if self.size else "first byte")
        self._hash.update(data)
        self.size += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def end(self) -> None:
        """The file is whole: fsync it, and hold no descriptor while others of its e-mail come."""
        assert self._fd is not None
        faults.point("written")
        sync(self._fd)
        faults.point("fsynced")
        os.close(self._fd)
        self._fd = None

    def keep(self) -> Kept:
        """Move the file into place, on disk (`Files.sync_names` makes the move last)."""
        if self._fd is not None:
            self.end()
        cut = is_cut(self._files.incoming / self.file)
        os.rename(self._files.incoming / self.file, self._files.path(self.file))
        faults.point("renamed")
        return Kept(self.file, self.size, self._hash.hexdigest(), cut)

    def release(self) -> None:
        """The file belongs to a shipment now: `discard` leaves it alone."""
        self._released = True

    def discard(self) -> None:
        """Remove the file, wherever it is by now, or let the next start do it.

        Raises nothing: a photo's second copy is removed between its commit and its reply.
        """
        if self._released:
            return
        try:
            if self._fd is not None:
                fd, self._fd = self._fd, None
                os.close(fd)
            (self._files.incoming / self.file).unlink(missing_ok=True)
            self._files.remove(self.file)
        except OSError as error:
            log.warning("%s cannot be removed now: %s", self.file, error.strerror)


class Files:
    """The spool's folders."""

    def __init__(self, folder: Path) -> None:
        self.incoming = folder / "incoming"
        self.photos = folder / "photos"
        self.found = folder / "found"

    def open(self) -> None:
        """Make the folders, readable by their owner alone."""
        for folder in (self.incoming, self.photos):
            make_folder(folder)

    def path(self, file: str) -> Path:
        """Where a kept file is."""
        return self.photos / file

    def receive(self) -> Incoming:
        """Begin a file."""
        return Incoming(self)

    def prove(self) -> None:
        """Return if a file can be begun, and there is any room for it. Raises OSError."""
        self.receive().discard()
        if free_bytes(self.incoming) == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync_names(self) -> None:
        """Fsync the folder of kept files, so that their names survive a power cut."""
        sync_folder(self.photos)
        faults.point("folder fsynced")

    def remove(self, file: str) -> None:
        """Remove a kept file if it is there."""
        self.path(file).unlink(missing_ok=True)

    def clean(self, known: Container[str], purged: Container[str]) -> tuple[int, int]:
        """Clear up after a crash: remove what is incomplete or `purged`, move the unknown.

        What is `known` again moves back from `found`: the owner restored a database. Returns
        how many files were removed, and how many are in `found` now.
        """
        removed = 0
        for path in self.without_shipment():
            if path.name in known and not self.path(path.name).exists():
                path.rename(self.path(path.name))
                sync_folder(self.photos)
        for path in list(self.incoming.iterdir()):
            path.unlink()
            removed += 1
        for path in list(self.photos.iterdir()):
            if path.name in purged:
                path.unlink()
                removed += 1
            elif path.name not in known:
                make_folder(self.found)
                path.rename(self.found / path.name)
        return removed, len(self.without_shipment())

    def without_shipment(self) -> list[Path]:
        """The complete files in `found`, the oldest first."""
        if not self.found.exists():
            return []
        return sorted(self.found.iterdir(), key=lambda path: (path.stat().st_mtime, path.name))

    def take_back(self, path: Path) -> Kept:
        """Give a file of `found` a place among the kept ones as well; on disk on return."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            sync(file.fileno())
        if not self.path(path.name).exists():
            os.link(path, self.path(path.name))
        sync_folder(self.photos)
        return Kept(path.name, path.stat().st_size, digest, is_cut(path))


def is_cut(path: Path) -> bool:
    """Whether a file is a JPEG without its end. Raises OSError."""
    with path.open("rb") as file:
        return lacks_end(file)
