"""The page's connections: not too many, and none that only waits.

uvicorn limits neither; asyncio, out of descriptors, would not accept cameras any more.
"""

import asyncio
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTION_LIMIT = 100
"""The most connections of people at once."""
PATIENCE = 15.0
"""Seconds after which a connection that still owes its request may be closed."""


class Protocol(H11Protocol):
    """uvicorn's protocol, with a limit and a timer."""

    born = 0.0

    def connection_made(self, transport: Any) -> None:
        """Take a connection in; when full, the one that owes its request for longest goes."""
        super().connection_made(transport)
        self.born = time.monotonic()
        if len(self.connections) > CONNECTION_LIMIT:
            owing = [other for other in self.connections if other._owes]  # type: ignore[union-attr]
            slowest = min(owing, key=lambda other: other.born, default=self)  # type: ignore[union-attr]
            slowest.transport.abort()
        asyncio.get_running_loop().call_later(PATIENCE, self._look, self.cycle)

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
