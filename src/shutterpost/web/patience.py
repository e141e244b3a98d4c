"""The page's connections: not too many, and none that only waits.

uvicorn limits neither; asyncio, out of descriptors, would not accept cameras any more.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTION_LIMIT = 100
"""The most connections of people at once."""
ADDRESS_LIMIT = 50
"""The most connections from one address: nobody alone shuts the others out."""
WRITE_TIMEOUT = 30.0
"""Seconds that a client may leave unread what it asked for."""
PATIENCE = 15.0
"""Seconds after which a connection that still owes its request may be closed."""


class Protocol(H11Protocol):
    """uvicorn's protocol, with a limit and a timer."""

    born = 0.0
    unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection in; when there are too many, the least useful one goes."""
        super().connection_made(transport)
        self.born = time.monotonic()
        neighbours = [other for other in self.connections if other._address == self._address]  # type: ignore[union-attr]
        if len(neighbours) > ADDRESS_LIMIT:
            _close_one(neighbours, self)
        elif len(self.connections) > CONNECTION_LIMIT:
            _close_one(self.connections, self)
        asyncio.get_running_loop().call_later(PATIENCE, self._look, self.cycle)

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
    def _address(self) -> str:
        return self.client[0] if self.client else ""

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


def _close_one(connections: Iterable[Any], newest: Protocol) -> None:
    """Close what does not read, else what owes its request for longest, else the newest."""
    waiting = sorted(connections, key=lambda other: float(other.born))
    unread = [other for other in waiting if other.unread is not None]
    owing = [other for other in waiting if other._owes]
    chosen = next(iter([*unread, *owing]), newest)
    chosen.transport.abort()
