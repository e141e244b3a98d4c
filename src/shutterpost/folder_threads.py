"""Work in a folder that may hang: a NAS that sleeps, an NFS server that is gone.

A thread inside such a system call cannot be stopped, only left behind. So this work has
threads of its own, is awaited only as long as it makes progress, and nothing more is begun
in a folder while something there is late.
"""

import asyncio
import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
Alive = Callable[[], None]
"""Called by work that takes long, whenever it has got further."""

LIMIT = 20.0
"""Seconds without progress after which work counts as late: a disk may have to spin up."""
AT_ONCE = 8
"""Pieces of work in one folder at the same time; further ones wait."""


class FolderHangs(OSError):
    """A folder does not answer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), str(folder))


class _Job(Generic[T]):
    """One piece of work; its thread ends with it."""

    def __init__(self, work: Callable[[Alive], T]) -> None:
        self.future: Future[T] = Future()
        self.future.set_running_or_notify_cancel()
        self.last = time.monotonic()
        threading.Thread(target=self._run, args=(work,), name="folder", daemon=True).start()

    def _run(self, work: Callable[[Alive], T]) -> None:
        try:
            result = work(self._alive)
        except BaseException as error:  # whatever it is belongs to the one who waits
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def _alive(self) -> None:
        self.last = time.monotonic()


class FolderThreads:
    """Threads for one folder. Each piece of work gets an `Alive` to call while it goes on."""

    def __init__(self, folder: Path, limit: float = LIMIT) -> None:
        """`limit` is how many seconds work may take without being alive."""
        self._folder = folder
        self._limit = limit
        self._late: set[_Job[Any]] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self, work: Callable[[Alive], T]) -> T:
        """Do it in a thread. Raises FolderHangs (OSError), at once while earlier work is late."""
        try:
            async with asyncio.timeout(self._limit):
                await self._turns.acquire()
        except TimeoutError:
            raise FolderHangs(self._folder) from None
        try:
            job = self._begin(work)
            result = asyncio.wrap_future(job.future)
            result.add_done_callback(_retrieve)
            while not result.done():
                left = job.last + self._limit - time.monotonic()
                if left <= 0:
                    raise self._left_behind(job)
                await asyncio.wait([result], timeout=left)
            return result.result()
        finally:
            self._turns.release()

    def run_now(self, work: Callable[[Alive], T], limit: float) -> T:
        """As `run`, where there is no event loop to hold up; waits `limit` seconds in all."""
        job = self._begin(work)
        try:
            return job.future.result(limit)
        except TimeoutError:
            if job.future.done():
                raise  # the work's own
            raise self._left_behind(job) from None

    def _begin(self, work: Callable[[Alive], T]) -> _Job[T]:
        self._late = {job for job in self._late if not job.future.done()}
        if self._late:
            raise FolderHangs(self._folder)
        return _Job(work)

    def _left_behind(self, job: _Job[Any]) -> FolderHangs:
        if not self._late:
            log.warning("%s does not answer: nothing is done there until it does", self._folder)
        self._late.add(job)
        job.future.add_done_callback(lambda _: log.info("%s answers again", self._folder))
        return FolderHangs(self._folder)


def _retrieve(result: "asyncio.Future[Any]") -> None:
    """Work that nobody waits for any more may fail without a word: it is tried again."""
    if not result.cancelled():
        result.exception()
