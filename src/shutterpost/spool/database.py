"""The database behind one writer thread.

All changes go through `write`, one after the other, so that no two of them ever wait
for each other's lock. What is queued while a transaction runs shares the next one: many
cameras at once cost few fsyncs. A `write` that returned is on disk (synchronous=FULL).
"""

import asyncio
import errno
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy import update as sql_update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from shutterpost.spool import schema
from shutterpost.threads import in_thread

T = TypeVar("T")
_BUSY_TIMEOUT = 10_000  # milliseconds another process may hold the write lock
_BATCH = 64

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

    def open(self) -> None:
        """Create or migrate the file, readable by its owner alone. Raises NewerDatabase."""
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with self._writer.begin() as connection:
            migrate(connection)
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
        connection = self._writer.connect()
        stop = False
        while not stop:
            batch, stop = self._next_batch()
            if not _run_batch(connection, batch):
                connection.invalidate()  # it may be in any state
                connection.close()
                connection = self._writer.connect()
        connection.close()

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

    Each job's outcome is told after its commit, once. False if any job failed.
    """
    wanted = [(work, done) for work, done in batch if done.set_running_or_notify_cancel()]
    try:
        with connection.begin():
            results = [_run_job(connection, work) for work, _ in wanted]
    except Exception as error:
        if len(wanted) == 1:
            wanted[0][1].set_exception(_named(error))
        else:
            for work, done in wanted:
                _run_alone(connection, work, done)
        return False
    for (_, done), result in zip(wanted, results, strict=True):
        done.set_result(result)
    return True


def _run_alone(
    connection: Connection, work: Callable[[Connection], Any], done: Future[Any]
) -> None:
    try:
        with connection.begin():
            result = _run_job(connection, work)
    except Exception as error:
        done.set_exception(_named(error))
    else:
        done.set_result(result)


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
    """A full disk and a busy file are the same OSErrors from the database as from a file."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
    number = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_BUSY: errno.EAGAIN}.get(code)
    return error if number is None else OSError(number, os.strerror(number))


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
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

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
