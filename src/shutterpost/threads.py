"""Blocking work and work that must not stop half way.

A connection can be given up at any moment (its task is cancelled), but a thread that is
writing its photo cannot, and a photo must not be committed and thrown away at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


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
    """Run blocking work in a thread; does not return before the thread is done with it."""
    return await to_the_end(asyncio.to_thread(work, *args, **kwargs))
