"""The photos folder, which may be on a disk that is not mounted today.

At its first use it gets a marker, and the data folder remembers that. A folder that had
the marker and has it no more is an empty mount point: nothing is written there.
"""

import os
import stat
from pathlib import Path

from shutterpost.disk import free_bytes, same_file_system

MARKER = ".shutterpost"
"""The file in the photos folder that tells that its disk is mounted."""


class PhotosFolder:
    """Where `store` puts files. `data` is where it is remembered."""

    def __init__(self, path: Path, data: Path, min_free: int) -> None:
        self.path = path
        self._data = data
        self._min_free = min_free
        self._known = data / "photos-folders"

    def prepare(self) -> None:
        """Make the folder and its marker, if it was never used before. Raises OSError."""
        if self.is_known:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        marker = self.path / MARKER
        if not marker.exists():
            _make_empty_file(marker)
        with open(self._known, "a", encoding="utf-8") as known:
            known.write(f"{self.path}\n")
            known.flush()
            os.fsync(known.fileno())

    @property
    def is_known(self) -> bool:
        """Whether the folder was used before."""
        return str(self.path) in self._remembered()

    def trouble(self, size: int) -> str:
        """Why a file of `size` bytes cannot be written now, or nothing."""
        if not (self.path / MARKER).exists():
            return (
                f"{self.path} is not mounted: its file {MARKER} is missing "
                f"(if all is well there, make it again: touch '{self.path / MARKER}')"
            )
        if same_file_system(self.path, self._data):
            return ""  # room was made sure of when the photo arrived
        free = free_bytes(self.path)
        if free - size < self._min_free:
            return f"{self.path} has only {free / 2**20:.0f} MiB left, which is less than min_free"
        return ""

    def _remembered(self) -> list[str]:
        try:
            return self._known.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []


def _make_empty_file(path: Path) -> None:
    """An empty file that was never open: who watches the folder sees no `close_write`."""
    try:
        os.mknod(path, 0o644 | stat.S_IFREG)
    except OSError:  # not on this file system, or not for this user on macOS
        path.touch()
