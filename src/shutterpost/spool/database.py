"""The database behind one writer thread.

All changes go through `write`, one after the other, so that no two of them ever wait
for each other's lock. What is queued while a transaction runs shares the next one: many
cameras at once cost few fsyncs. A `write` that returned is on disk (synchronous=FULL).

The writer never ends: while the file cannot be used (a full or read-only disk, no
descriptor left), what is asked of it fails at once, and it connects again with backoff.
"""

import asyncio
import errno
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy import update as sql_update
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.pool import NullPool

from shutterpost.spool import schema
from shutterpost.threads import in_thread

log = logging.getLogger(__name__)

T = TypeVar("T")
_BUSY_TIMEOUT = 10_000  # milliseconds another process may hold the write lock
_BATCH = 64
_FIRST_BACKOFF = 0.1  # seconds; doubles up to the longest
_LONGEST_BACKOFF = 5.0
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

_Job = tuple[Callable[[Connection], Any], Future[Any]]


class NewerDatabase(Exception):
    """The database was written by a newer Shutterpost."""


class Database:
    """One SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._jobs: queue.SimpleQueue[_Job | None]
        self._jobs = queue.SimpleQueue()
        self._writer = _engine(path, "BEGIN IMMEDIATE")
        self._reader = _engine(path, "BEGIN")
        self._thread = threading.Thread(target=self._run, name="database", daemon=True)
        self._file = (0, 0)  # device and inode of the file that was opened
        self._backoff = 0.0
        self._next_try = 0.0
        self._trouble: Exception | None = None

    def open(self) -> None:
        """Create or migrate the file, readable by its owner alone. Raises NewerDatabase."""
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with self._writer.begin() as connection:
            migrate(connection)
        self._file = _identity(self.path)
        self._thread.start()

    def require_version(self) -> None:
        """Make sure that another process's database is of our version. Raises NewerDatabase."""
        found = self.read_now(
            lambda connection: connection.execute(select(schema.version.c.version)).scalar_one()
        )
        if found != len(schema.MIGRATIONS):
            raise NewerDatabase(
                f"the database has version {found}, this Shutterpost {len(schema.MIGRATIONS)}: "
                "start this version's server once, or use the server's own version"
            )

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._jobs.put(None)
        self._thread.join()
        self._writer.dispose()
        self._reader.dispose()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the writer thread; on return it is on disk."""
        done: Future[T] = Future()
        self._jobs.put((work, done))
        return await asyncio.wrap_future(done)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read-only transaction of its own."""
        return await in_thread(self.read_now, work)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Like `read`, for callers without an event loop."""
        with self._reader.begin() as connection:
            return work(connection)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Like `write`, for another process than the server's."""
        with self._writer.begin() as connection:
            return work(connection)

    def _run(self) -> None:
        """The writer thread: batches of jobs until it is told to stop."""
        connection: Connection | None = None
        stop = False
        while not stop:
            batch, stop = self._next_batch()
            if connection is not None and _identity(self.path) != self._file:
                _drop(connection)
                connection = None
            if connection is None and (connection := self._connect()) is None:
                assert self._trouble is not None
                for _, done in batch:
                    if done.set_running_or_notify_cancel():
                        done.set_exception(self._trouble)
                continue
            if not _run_batch(connection, batch):
                _drop(connection)
                connection = None
        if connection is not None:
            _drop(connection)

    def _connect(self) -> Connection | None:
        """Connect, unless that has failed just now; `_trouble` says why there is none."""
        now = time.monotonic()
        if now < self._next_try:
            return None
        try:
            if _identity(self.path) != self._file:
                # SQLite would write on into a file that has no name any more.
                raise OSError(errno.ESTALE, "the database was removed or replaced: restart")
            connection = self._writer.connect()
            with connection.begin():
                connection.execute(select(schema.version))
            _reserve_shared_memory(self.path)
        except Exception as error:
            if self._trouble is None:
                log.error("the database cannot be used, trying again: %s", _named(error))
            self._trouble = _named(error)
            self._backoff = min(_LONGEST_BACKOFF, max(_FIRST_BACKOFF, 2 * self._backoff))
            self._next_try = now + self._backoff
            return None
        if self._trouble is not None:
            log.warning("the database can be used again")
        self._trouble, self._backoff = None, 0.0
        return connection

    def _next_batch(self) -> tuple[list[_Job], bool]:
        """What is queued, waiting for the first job, and whether to stop after it."""
        batch: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) == _BATCH:
                return batch, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True


def _run_batch(connection: Connection, batch: list[_Job]) -> bool:
    """Run jobs in one transaction, or each in its own if one of them fails.

    Each job's outcome is told after its commit, once. False if the connection has to be
    made anew: after an error of the database, not after a job that refused something.
    """
    wanted = [(work, done) for work, done in batch if done.set_running_or_notify_cancel()]
    try:
        with connection.begin():
            results = [_run_job(connection, work) for work, _ in wanted]
    except Exception as error:
        if len(wanted) == 1:
            wanted[0][1].set_exception(_named(error))
            return not _is_the_databases(error)
        alone = [_run_alone(connection, work, done) for work, done in wanted]
        return not _is_the_databases(error) and all(alone)
    for (_, done), result in zip(wanted, results, strict=True):
        done.set_result(result)
    return True


def _run_alone(
    connection: Connection, work: Callable[[Connection], Any], done: Future[Any]
) -> bool:
    try:
        with connection.begin():
            result = _run_job(connection, work)
    except Exception as error:
        done.set_exception(_named(error))
        return not _is_the_databases(error)
    done.set_result(result)
    return True


def _is_the_databases(error: Exception) -> bool:
    """Whether an error may have left the connection in any state."""
    return isinstance(error, DBAPIError | sqlite3.Error | OSError | InvalidRequestError)


def _drop(connection: Connection) -> None:
    """Let go of a connection, in whatever state it is."""
    with suppress(Exception):  # it is not used again, so how it ends does not matter
        connection.invalidate()
    with suppress(Exception):
        connection.close()


def _identity(path: Path) -> tuple[int, int]:
    """Which file this is; zeros if there is none."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _reserve_shared_memory(path: Path) -> None:
    """Give the -shm file its space on the disk now.

    SQLite maps it into memory. Where a write finds no space for a page of it, the system
    answers with SIGBUS and the process is gone; asked for here, it is an error like others.
    """
    with suppress(FileNotFoundError), path.with_name(f"{path.name}-shm").open("rb+") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, _SHARED_MEMORY)


def _run_job(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Run one job, and make sure that its transaction is still the one it began in.

    When the disk is full SQLite takes the whole transaction back by itself.
    """
    result = work(connection)
    driver = connection.connection.driver_connection
    if driver is None or not driver.in_transaction:
        raise OSError(errno.EIO, "the database took the transaction back")
    return result


def _named(error: Exception) -> Exception:
    """An error of the database as the same OSError that a file would raise."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
    number = _ERRORS.get(code)
    if number is None:
        return error
    said = "the database is damaged" if number == errno.EBADMSG else os.strerror(number)
    return OSError(number, said)


def migrate(connection: Connection) -> None:
    """Bring the tables to the newest version. Raises NewerDatabase."""
    if not inspect(connection).has_table(schema.version.name):
        schema.version.create(connection)
        connection.execute(insert(schema.version).values(version=0))
    found = connection.execute(select(schema.version.c.version)).scalar_one()
    if found > len(schema.MIGRATIONS):
        raise NewerDatabase(
            f"the database has version {found}, this Shutterpost knows {len(schema.MIGRATIONS)}: "
            "start the newer Shutterpost that wrote it"
        )
    for statements in schema.MIGRATIONS[found:]:
        for statement in statements:
            connection.execute(text(statement))
    connection.execute(sql_update(schema.version).values(version=len(schema.MIGRATIONS)))


def _engine(path: Path, begin: str) -> Engine:
    """An engine that begins its transactions itself (sqlite3 would begin some late)."""
    # Never creates the file: one that was removed would come back empty, and look well.
    address = f"file:{quote(str(path.absolute()))}?mode=rw"
    engine = create_engine(
        "sqlite://", poolclass=NullPool, creator=lambda: sqlite3.connect(address, uri=True)
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
