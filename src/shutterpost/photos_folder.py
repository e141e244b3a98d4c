"""The photos folder, which may be on a disk that is not mounted today, or does not answer.

It gets a marker, and the data folder remembers on which mounted disk it was last seen. When
the marker is missing and that mount is gone, nothing is written there. A folder without a
marker on a disk that is mounted was emptied, as temporary folders are: it is used again.
"""

import asyncio
import json
import os
import re
import stat
import threading
from collections import defaultdict
from pathlib import Path

from shutterpost.disk import free_bytes, same_file_system
from shutterpost.durable import write_private
from shutterpost.folder_threads import LIMIT, FolderThreads

MARKER = ".shutterpost"
"""The file in the photos folder that tells that its disk is mounted."""

_MOUNTS = Path("/proc/self/mountinfo")  # Linux; says which folders are bind mounts, too
_ESCAPED = re.compile(r"\\([0-7]{3})")
_UNKNOWN = ""  # the first release did not remember the mount


class PhotosFolder:
    """Where `store` puts files. `data` is where it is remembered.

    What blocks runs in `threads`; `locks` has one file at a time take a name in a folder.
    """

    def __init__(self, path: Path, data: Path, min_free: int, limit: float = LIMIT) -> None:
        """`limit` is how many seconds the folder may be silent before it counts as hanging."""
        self.path = path
        self.threads = FolderThreads(path, limit)
        self.locks: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._data = data
        self._min_free = min_free
        self._file = data / "photos-folders"
        self._preparing = threading.Lock()
        self._remembered = False

    @property
    def is_known(self) -> bool:
        """Whether the folder was used before."""
        return str(self.path) in self._seen()

    def prepare(self) -> None:
        """Have the folder and its marker there, unless it is not mounted. Raises OSError."""
        with self._preparing:
            marker = self.path / MARKER
            if self._remembered and marker.exists():
                return
            if self._is_away():
                return
            self.path.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                _make_empty_file(marker)
            self._remember(str(mount_of(self.path)))

    def trouble(self, size: int) -> str:
        """Why a file of `size` bytes cannot be written now, or nothing. Raises OSError."""
        if self._is_away():
            return (
                f"{self.path} is not mounted: its file {MARKER} is missing "
                f"(if all is well there, make it again: touch '{self.path / MARKER}')"
            )
        if same_file_system(self.path, self._data):
            return ""  # room was made sure of when the photo arrived
        free = free_bytes(next(path for path in (self.path, *self.path.parents) if path.exists()))
        if free - size < self._min_free:
            return f"{self.path} has only {free / 2**20:.0f} MiB left, which is less than min_free"
        return ""

    def _is_away(self) -> bool:
        seen_on = self._seen().get(str(self.path))
        if seen_on is None or (self.path / MARKER).exists():
            return False
        return seen_on == _UNKNOWN or not _is_mount(Path(seen_on), _mounts())

    def _seen(self) -> dict[str, str]:
        """Every folder that was ever used, and the mount on which it was last seen."""
        found = {}
        try:
            lines = self._file.read_text("utf-8", "surrogateescape").splitlines()
        except FileNotFoundError:
            return {}
        for line in lines:
            if line.startswith("{"):
                entry = json.loads(line)
                found[entry["path"]] = entry["mount"]
            else:
                found[line] = _UNKNOWN
        return found

    def _remember(self, mount: str) -> None:
        seen = self._seen()
        if seen.get(str(self.path)) != mount:
            seen[str(self.path)] = mount
            entries = ({"path": path, "mount": on} for path, on in seen.items())
            write_private(self._file, "".join(f"{json.dumps(entry)}\n" for entry in entries))
        self._remembered = True


def mount_of(path: Path) -> Path:
    """The mount point on which a folder is, or would be."""
    real = path.resolve()
    mounts = _mounts()
    return next(folder for folder in (real, *real.parents) if _is_mount(folder, mounts))


def _is_mount(folder: Path, mounts: set[str]) -> bool:
    return str(folder) in mounts or os.path.ismount(folder)


def _mounts() -> set[str]:
    """Every mount point's path, without asking any of their file systems."""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return set()
    fields = (line.split(" ") for line in lines)
    return {
        _ESCAPED.sub(lambda code: chr(int(code[1], 8)), line[4]) for line in fields if len(line) > 4
    }


def _make_empty_file(path: Path) -> None:
    """An empty file that was never open: who watches the folder sees no `close_write`."""
    try:
        os.mknod(path, 0o644 | stat.S_IFREG)
    except OSError:  # not on this file system, or not for this user on macOS
        path.touch()
