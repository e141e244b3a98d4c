"""Moves a server's data to another folder, once, so that nothing of it is left behind.

Every step may be the last before a power cut: what was moved is skipped the next time, and
the database, by which a data folder is recognised, goes last.
"""

import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from shutterpost.config.settings import DATABASE
from shutterpost.durable import sync, sync_folder
from shutterpost.spool.spool import AlreadyRunning

_MOVED = ("spool/photos", "secret", "password", "logged-out", "photos-folders", "mastodon*.secret")
"""What is moved besides the database. Pictures are made again, and the old folder may be the
photos folder, where what else is there can be the owner's."""


def relocate(old: Path, new: Path) -> bool:
    """Move a server's data from `old` to `new`; whether there was anything to move.

    A folder that already is a server's stays as it is. Raises AlreadyRunning if a server uses
    the old folder, and OSError; called again, it goes on where it was interrupted.
    """
    if (new / DATABASE).exists() or not (old / DATABASE).exists():
        return False
    new.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(old / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"another Shutterpost is using {old}") from None
        _close_journal(old / DATABASE)
        for source in _found(old):
            _move(source, new / source.relative_to(old))
        for suffix in ("-wal", "-shm", ""):  # the first two are there only if it is damaged
            source = old / f"{DATABASE}{suffix}"
            if source.exists():
                _move(source, new / source.name)
        (old / "lock").unlink()
    finally:
        os.close(lock)
    for left in (old / "spool" / "incoming", old / "spool", old):
        with suppress(OSError):  # not empty: the owner's, or cut short by a crash
            left.rmdir()
    return True


def _found(old: Path) -> Iterator[Path]:
    for pattern in _MOVED:
        yield from sorted(old.glob(pattern))


def _close_journal(database: Path) -> None:
    """Have one file hold the whole database."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _move(source: Path, target: Path) -> None:
    """Move a file or a folder's content; on return it is on disk."""
    if source.is_dir() and not source.is_symlink():
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(source.iterdir()):
            _move_file(path, target / path.name)
        sync_folder(target)
        source.rmdir()
    else:
        _move_file(source, target)
    sync_folder(target.parent)


def _move_file(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = target.with_name(f"{target.name}.moving")
        shutil.copy2(source, copy)
        with copy.open("rb") as file:
            sync(file.fileno())
        copy.replace(target)
        sync_folder(target.parent)
        source.unlink()
