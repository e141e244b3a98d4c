"""What survives a power cut: files and the names of files, once these functions returned."""

import fcntl
import os
from pathlib import Path


def sync(descriptor: int) -> None:
    """Have the disk hold what was written. macOS does so only when asked in its own way."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, full)


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names in a folder. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder for its owner alone, and those above it. Raises OSError.

    Its own name is on disk in any case: an earlier process may have made the folder and
    been killed before it could say so to the disk.
    """
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent)


def write_private(file: Path, text: str) -> None:
    """Write a file for its owner alone; after a power cut it is whole, or as it was before."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
        new.write(text)
        new.flush()
        sync(new.fileno())
    temporary.rename(file)
    sync_folder(file.parent)
