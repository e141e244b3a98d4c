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
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy import update as sql_update
from sqlalchemy.exc import DBAPIError

from shutterpost.spool import rescue, schema, sqlite
from shutterpost.threads import in_thread

log = logging.getLogger(__name__)

T = TypeVar("T")
_BATCH = 64
_FIRST_BACKOFF = 0.1  # seconds; doubles up to the longest
_LONGEST_BACKOFF = 5.0

_Job = tuple[Callable[[Connection], Any], Future[Any]]


class NewerDatabase(Exception):
    """The database was written by a newer Shutterpost."""


class Database:
    """One SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._jobs: queue.SimpleQueue[_Job | None]
        self._jobs = queue.SimpleQueue()
        self._writer = sqlite.engine(path, "BEGIN IMMEDIATE")
        self._reader = sqlite.engine(path, "BEGIN")
        self._thread = threading.Thread(target=self._run, name="database", daemon=True)
        self._suspect = path.with_name(f"{path.name}.suspect")
        self._file = (0, 0)  # device and inode of the file that was opened
        self._opened: rescue.Files = ((0, 0), (0, 0))  # what the writer has open
        self._shared_memory: int | None = None  # held open, see reserve_shared_memory
        self._backoff = 0.0
        self._next_try = 0.0
        self._trouble: Exception | None = None

    def open(self) -> Path | None:
        """Create or migrate the file, readable by its owner alone. Raises NewerDatabase.

        Returns where a damaged one was moved to; a new one then stands in its place.
        """
        set_aside = None
        rescue.take_place(self.path)
        if not self.path.exists() or self._is_damaged():
            set_aside = self._set_aside()
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with self._writer.begin() as connection:
            migrate(connection)
        self._file = sqlite.identity(self.path)
        self._thread.start()
        return set_aside

    def _is_damaged(self) -> bool:
        """Whether SQLite says so: looked at whole if that was met while the server ran."""
        try:
            with self._reader.begin() as connection:
                for table in inspect(connection).get_table_names():
                    connection.execute(
                        select(text("*")).select_from(Table(table, MetaData())).limit(1)
                    ).all()
                if self._suspect.exists():
                    check = connection.execute(text("PRAGMA integrity_check(1)")).scalar_one()
                    self._suspect.unlink()
                    return bool(check != "ok")
        except (DBAPIError, sqlite3.Error) as error:
            named = sqlite.named(error)
            if isinstance(named, OSError) and named.errno == errno.EBADMSG:
                self._suspect.unlink(missing_ok=True)
                return True
            raise
        return False

    def _set_aside(self) -> Path | None:
        """Move what there is of a database away: nothing of it may mix with a new one."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        moved = None
        for suffix in ("", "-wal", "-shm"):
            path = self.path.with_name(self.path.name + suffix)
            if path.exists():
                new = path.with_name(f"{self.path.name}.damaged-{stamp}{suffix}")
                path.rename(new)
                moved = moved or new
        return moved

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
        if self._shared_memory is not None:
            os.close(self._shared_memory)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the writer thread; on return it is on disk."""
        done: Future[T] = Future()
        self._jobs.put((work, done))
        return await asyncio.wrap_future(done)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read-only transaction of its own."""
        return await in_thread(self.read_now, work)

    async def prove(self) -> None:
        """Return if the database takes what is written. Raises OSError or DBAPIError.

        Something is really written: a full or read-only disk can be read very well.
        """
        await self.write(_write_version_again)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Like `read`, for callers without an event loop."""
        with _as_of_files(), self._reader.begin() as connection:
            return work(connection)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Like `write`, for another process than the server's."""
        with _as_of_files(), self._writer.begin() as connection:
            return work(connection)

    def _run(self) -> None:
        """The writer thread: batches of jobs until it is told to stop."""
        connection: Connection | None = None
        stop = False
        while not stop:
            batch, stop = self._next_batch()
            try:
                connection = self._serve(batch, connection)
            except Exception as error:  # whatever it is: later jobs are not to wait for ever
                log.exception("the database's writer met an unknown error")
                if connection is not None:
                    sqlite.drop(connection)
                connection = None
                _fail(batch, error)
        if connection is not None:
            sqlite.drop(connection)

    def _serve(self, batch: list[_Job], connection: Connection | None) -> Connection | None:
        """Run a batch with a connection; returns the one for the next, if it is still good."""
        if connection is not None and rescue.files_of(self.path) != self._opened:
            connection = self._bring_back(connection)
            if connection is not None:
                assert self._trouble is not None
                _fail(batch, self._trouble)
                return connection
        if connection is None and (connection := self._connect()) is None:
            assert self._trouble is not None
            _fail(batch, self._trouble)
            return None
        if error := _run_batch(connection, batch):
            self._note_damage(error)
            sqlite.drop(connection)
            return None
        return connection

    def _bring_back(self, connection: Connection) -> Connection | None:
        """The file was deleted or replaced. A deleted one is written anew from the open one.

        Returns the connection if that cannot be done now: only it holds what there was.
        """
        if not rescue.is_deleted(self.path, self._opened):
            sqlite.drop(connection)
            return None
        if time.monotonic() < self._next_try:
            return connection
        try:
            rescue.write_anew(connection, self.path)
        except (OSError, sqlite3.Error) as error:
            self._stumble(OSError(errno.ESTALE, f"it was deleted; written anew: {error}"))
            return connection
        log.warning("%s was deleted while it was in use, and is written anew", self.path)
        sqlite.drop(connection)
        self._file = sqlite.identity(self.path)
        self._next_try = 0.0
        return None

    def _stumble(self, why: Exception) -> None:
        """Nothing can be written: try again after a while."""
        if self._trouble is None:
            log.error("the database cannot be used, trying again: %s", why)
        self._trouble = why
        self._backoff = min(_LONGEST_BACKOFF, max(_FIRST_BACKOFF, 2 * self._backoff))
        self._next_try = time.monotonic() + self._backoff

    def _note_damage(self, error: Exception) -> None:
        """Have the next start look at the whole file, if it seems to be damaged."""
        if isinstance(error, OSError) and error.errno == errno.EBADMSG:
            log.error("the database is damaged: restart, and it is set aside")
            with suppress(OSError):
                self._suspect.touch(mode=0o600)

    def _connect(self) -> Connection | None:
        """Connect, unless that has failed just now; `_trouble` says why there is none."""
        now = time.monotonic()
        if now < self._next_try:
            return None
        try:
            if sqlite.identity(self.path) != self._file:
                # SQLite would write on into a file that has no name any more.
                raise OSError(errno.ESTALE, "the database was removed or replaced: restart")
            connection = self._writer.connect()
            with connection.begin():
                connection.execute(select(schema.version))
            self._shared_memory = sqlite.reserve_shared_memory(self.path, self._shared_memory)
            self._opened = rescue.files_of(self.path)
        except Exception as error:
            self._stumble(sqlite.named(error))
            self._note_damage(sqlite.named(error))
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


def _fail(batch: list[_Job], why: Exception) -> None:
    for _, done in batch:
        with suppress(InvalidStateError):  # it has its result, or nobody waits for it any more
            done.set_exception(why)


def _run_batch(connection: Connection, batch: list[_Job]) -> Exception | None:
    """Run jobs in one transaction, or each in its own if one of them fails.

    Each job's outcome is told after its commit, once. Returns an error of the database,
    after which the connection has to be made anew; a job that refused something is none.
    """
    wanted = [(work, done) for work, done in batch if done.set_running_or_notify_cancel()]
    try:
        with connection.begin():
            results = [_run_job(connection, work) for work, _ in wanted]
    except Exception as error:
        if len(wanted) == 1:
            wanted[0][1].set_exception(sqlite.named(error))
            return sqlite.database_error(error)
        alone = [_run_alone(connection, work, done) for work, done in wanted]
        return next((found for found in (sqlite.database_error(error), *alone) if found), None)
    for (_, done), result in zip(wanted, results, strict=True):
        done.set_result(result)
    return None


def _run_alone(
    connection: Connection, work: Callable[[Connection], Any], done: Future[Any]
) -> Exception | None:
    try:
        with connection.begin():
            result = _run_job(connection, work)
    except Exception as error:
        done.set_exception(sqlite.named(error))
        return sqlite.database_error(error)
    done.set_result(result)
    return None


def _run_job(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Run one job, and make sure that its transaction is still the one it began in.

    When the disk is full SQLite takes the whole transaction back by itself.
    """
    result = work(connection)
    driver = connection.connection.driver_connection
    if driver is None or not driver.in_transaction:
        raise OSError(errno.EIO, "the database took the transaction back")
    return result


def _write_version_again(connection: Connection) -> None:
    connection.execute(sql_update(schema.version).values(version=schema.version.c.version))


@contextmanager
def _as_of_files() -> Iterator[None]:
    """Raise SQLite's errors as the OSErrors that files raise."""
    try:
        yield
    except DBAPIError as error:
        named = sqlite.named(error)
        if named is error:
            raise
        raise named from error


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
    if found == len(schema.MIGRATIONS):
        return  # nothing is written: a server starts on a full disk, too
    for statements in schema.MIGRATIONS[found:]:
        for statement in statements:
            connection.execute(text(statement))
    connection.execute(sql_update(schema.version).values(version=len(schema.MIGRATIONS)))
