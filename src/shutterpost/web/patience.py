"""The page's connections: not too many, and none that only waits.

uvicorn limits neither; asyncio, out of descriptors, would not accept cameras any more.
"""

import asyncio
import time
from collections import Counter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shutterpost.limits import origin

CONNECTION_LIMIT = 100
"""The most connections of people at once; when full, one of the address that has most goes."""
WRITE_TIMEOUT = 30.0
"""Seconds that a client may leave unread what it asked for."""
PATIENCE = 15.0
"""Seconds after which a connection that still owes its request may be closed."""


class Protocol(H11Protocol):
    """uvicorn's protocol, with a limit and timers."""

    born = 0.0
    origin = ""
    unread: asyncio.TimerHandle | None = None
    evicted = False

    def connection_made(self, transport: Any) -> None:
        """Take a connection in, and close another if there are too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # pause_writing: there is something unread
        self.born = time.monotonic()
        self.origin = origin(self.client[0]) if self.client else ""
        self._make_room()
        asyncio.get_running_loop().call_later(PATIENCE, self._look, self.cycle)

    def _make_room(self) -> None:
        """When full, close another connection, of the address that has most.

        One that waits for its client goes before one that is being answered, the oldest first.
        """
        connections: set[Protocol] = self.connections  # type: ignore[assignment]
        there = [other for other in connections if not other.evicted]
        if len(there) <= CONNECTION_LIMIT:
            return
        held = Counter(other.origin for other in there)
        chosen = min(
            (other for other in there if other is not self),
            key=lambda other: (-held[other.origin], not other.waits_for_client, other.born),
        )
        chosen.evict()

    def evict(self) -> None:
        """Close it at once."""
        self.evicted = True
        self.transport.abort()

    def pause_writing(self) -> None:
        """The client does not read: it has a while to begin again."""
        super().pause_writing()
        self.unread = asyncio.get_running_loop().call_later(WRITE_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._forget_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._forget_unread()
        super().connection_lost(exc)

    def _forget_unread(self) -> None:
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None

    @property
    def waits_for_client(self) -> bool:
        """Whether it is the client that has to go on: to ask, or to read."""
        return self._owes or self.unread is not None

    @property
    def _owes(self) -> bool:
        """Whether the client has not sent all of a request."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _look(self, before: object) -> None:
        """Close the connection if it owes the same request as the last time."""
        if self.transport.is_closing():
            return
        if self._owes and self.cycle is before:
            self.transport.abort()
            return
        asyncio.get_running_loop().call_later(PATIENCE, self._look, self.cycle)
