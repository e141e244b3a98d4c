"""Blocking work and work that must not stop half way.

A connection can be given up at any moment (its task is cancelled), but a thread that is
writing its photo cannot, and a photo must not be committed and thrown away at once.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

DISK_THREADS = 16
"""Enough that many fsyncs wait together: the disk then does them as one."""

_disk = ThreadPoolExecutor(DISK_THREADS, "disk")


async def to_the_end(awaitable: Awaitable[T]) -> T:
    """Await something even if cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(awaitable)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    result = task.result()
    if cancelled:
        raise asyncio.CancelledError
    return result


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread of the disk's; does not return before it is done.

    These threads are for what cameras wait for. A mail server that hangs, or a person's
    pictures, have the event loop's own threads and cannot hold up a photo.
    """
    job = functools.partial(work, *args, **kwargs)
    return await to_the_end(asyncio.get_running_loop().run_in_executor(_disk, job))
