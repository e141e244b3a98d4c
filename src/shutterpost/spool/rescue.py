"""A database whose files were deleted while it is open, written anew from the open ones.

Linux keeps what a process has open: all rows are still there, and gone with the process.
"""

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection

from shutterpost.durable import sync, sync_folder
from shutterpost.spool import sqlite

Files = tuple[tuple[int, int], tuple[int, int]]
"""Device and inode of the database and of its journal."""


def files_of(path: Path) -> Files:
    """Which files the names lead to."""
    return sqlite.identity(path), sqlite.identity(_with(path, "-wal"))


def is_deleted(path: Path, opened: Files) -> bool:
    """Whether one of the files is gone, and none is another's."""
    return all(now in ((0, 0), then) for now, then in zip(files_of(path), opened, strict=True))


def write_anew(connection: Connection, path: Path) -> None:
    """Give the name a file with all that the connection's has; do not use it afterwards.

    Raises OSError and sqlite3.Error: the connection is then as good as before.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    begun = _with(path, ".rescuing")
    begun.unlink(missing_ok=True)
    descriptor = os.open(begun, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        driver.execute("VACUUM INTO ?", (str(begun),))
        sync(descriptor)
    finally:
        os.close(descriptor)
    begun.rename(_with(path, ".rescued"))
    sync_folder(path.parent)
    take_place(path)


def take_place(path: Path) -> bool:
    """Give a rescued file its name, if there is one and it is needed; whether it was."""
    rescued = _with(path, ".rescued")
    if not rescued.exists():
        return False
    for suffix in ("-wal", "-shm"):  # of the deleted file: SQLite would mix them with this one
        _with(path, suffix).unlink(missing_ok=True)
    rescued.rename(path)
    sync_folder(path.parent)
    return True


def _with(path: Path, end: str) -> Path:
    return path.with_name(f"{path.name}{end}")
