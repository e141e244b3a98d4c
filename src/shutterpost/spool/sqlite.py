"""What is SQLite's own: connections, and its errors as those of files."""

import errno
import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.pool import NullPool

from shutterpost.wire.text import writable

_BUSY_TIMEOUT = 10_000  # milliseconds another process may hold the write lock
_SHARED_MEMORY = 128 * 1024  # bytes of the -shm file, enough for 16,000 pages of WAL
_ERRORS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_BUSY: errno.EAGAIN,
    sqlite3.SQLITE_LOCKED: errno.EAGAIN,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: errno.EIO,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
    sqlite3.SQLITE_CORRUPT: errno.EBADMSG,
    sqlite3.SQLITE_NOTADB: errno.EBADMSG,
}
"""What SQLite's errors are as those of files: the camera is told the same."""


def named(error: Exception) -> Exception:
    """An error of the database as the same OSError that a file would raise."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
    number = _ERRORS.get(code)
    if number is None:
        return error
    said = "the database is damaged" if number == errno.EBADMSG else os.strerror(number)
    return OSError(number, said)


def database_error(error: Exception) -> Exception | None:
    """An error that may have left the connection in any state, or nothing."""
    kinds = (DBAPIError, sqlite3.Error, OSError, InvalidRequestError)
    return named(error) if isinstance(error, kinds) else None


def identity(path: Path) -> tuple[int, int]:
    """Which file this is: its device and inode; zeros if there is none."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def drop(connection: Connection) -> None:
    """Let go of a connection, in whatever state it is."""
    with suppress(Exception):  # it is not used again, so how it ends does not matter
        connection.invalidate()
    with suppress(Exception):
        connection.close()


def reserve_shared_memory(path: Path, held: int | None) -> int | None:
    """Give the -shm file its space on the disk now. Raises OSError.

    SQLite maps it into memory. Where a write finds no space for a page of it, the system
    answers with SIGBUS and the process is gone; asked for here, it is an error like others.

    Returns a descriptor that must stay open while connections are: to close any descriptor
    of a file drops all locks that a process has on it (POSIX), also SQLite's own. `held` is
    the one of an earlier connection, which is closed if SQLite has made another file since.
    """
    status = None if held is None else os.fstat(held)
    if status is not None and held is not None:
        if (status.st_dev, status.st_ino) == identity(path.with_name(f"{path.name}-shm")):
            return held
        os.close(held)
    try:
        descriptor = os.open(path.with_name(f"{path.name}-shm"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, _SHARED_MEMORY)
    return descriptor


def engine(path: Path, begin: str) -> Engine:
    """An engine that begins its transactions itself (sqlite3 would begin some late)."""
    # Never creates the file: one that was removed would come back empty, and look well.
    address = f"file:{quote(str(path.absolute()))}?mode=rw"
    made = create_engine(
        "sqlite://",
        poolclass=NullPool,
        creator=lambda: sqlite3.connect(address, uri=True),
        json_deserializer=_loaded,
    )

    @event.listens_for(made, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.text_factory = _text
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(made, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return made


def _text(stored: bytes) -> str:
    """Text of a row; one that is no UTF-8 would else make every row beside it unreadable."""
    return stored.decode("utf-8", "replace")


def _loaded(stored: str) -> Any:
    """A value of a JSON column; half a surrogate pair can stand in JSON, but nowhere else."""
    value = json.loads(stored)
    if "\\ud" not in stored.lower():
        return value
    return json.loads(writable(json.dumps(value, ensure_ascii=False)))
