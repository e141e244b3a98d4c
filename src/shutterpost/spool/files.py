"""Files that arrive: written, hashed, and on disk before anyone is told so.

A file grows in `incoming` and moves to `photos` when it is complete and fsynced. What
is found in `incoming` at start was never finished; what is found in `photos` without a
row in the database was never acknowledged. Both are removed then.
"""

import hashlib
import os
import secrets
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from shutterpost import faults
from shutterpost.durable import make_folder, sync, sync_folder


@dataclass(frozen=True, slots=True)
class Kept:
    """A complete file on disk: its name in the spool, size in bytes, and hash."""

    file: str
    size: int
    sha256: str


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

    def keep(self) -> Kept:
        """Fsync the file and move it into place (`Files.sync_names` makes the move last)."""
        assert self._fd is not None
        faults.point("written")
        sync(self._fd)
        faults.point("fsynced")
        os.close(self._fd)
        self._fd = None
        os.rename(self._files.incoming / self.file, self._files.path(self.file))
        faults.point("renamed")
        return Kept(self.file, self.size, self._hash.hexdigest())

    def release(self) -> None:
        """The file belongs to a shipment now: `discard` leaves it alone."""
        self._released = True

    def discard(self) -> None:
        """Remove the file, wherever it is by now."""
        if self._released:
            return
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        (self._files.incoming / self.file).unlink(missing_ok=True)
        self._files.remove(self.file)


class Files:
    """The spool's folders."""

    def __init__(self, folder: Path) -> None:
        self.incoming = folder / "incoming"
        self.photos = folder / "photos"

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

    def sync_names(self) -> None:
        """Fsync the folder of kept files, so that their names survive a power cut."""
        sync_folder(self.photos)
        faults.point("folder fsynced")

    def remove(self, file: str) -> None:
        """Remove a kept file if it is there."""
        self.path(file).unlink(missing_ok=True)

    def clean(self, known: Container[str]) -> int:
        """Remove what a crash left behind: files that are incomplete or not `known`."""
        leftovers = [*self.incoming.iterdir()]
        leftovers += [path for path in self.photos.iterdir() if path.name not in known]
        for path in leftovers:
            path.unlink()
        return len(leftovers)
