"""One client's connection: reading without waste, and closing so that the reply arrives."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from shutterpost.limits import origin
from shutterpost.threads import in_thread
from shutterpost.wire.body import ChunkedBody, SizedBody
from shutterpost.wire.http import Refused, Request

DRAIN_LIMIT = 64 * 1024 * 1024
"""The most bytes beyond the announced ones that are read and thrown away after a reply."""
DRAIN_TIMEOUT = 30.0
"""Seconds a client has to close after its reply and its last announced byte."""

FAREWELL_LIMIT = 300
"""The most answered connections that wait for their clients to close."""

_MORE = getattr(socket, "MSG_MORE", 0)  # Linux; elsewhere the FIN may follow on its own
_LOOK = 0.05  # seconds between two looks at them
_READ = 16 * 1024  # at once on the event loop: a thousand requests may wait there
_THREAD_READ = 256 * 1024  # and in a thread, of which there are few
_TURN = 8 * 1024 * 1024  # bytes that a thread takes from one body before it serves another
_WAKE_AT = 64 * 1024  # bytes the kernel collects before a body's reader is woken
_HEAD_START = 1024  # bytes of progress that every connection is credited with


class Disconnected(Exception):
    """The client is gone."""


class Body:
    """A request's body, read from its connection while it is iterated over."""

    def __init__(self, connection: "Connection", request: Request, rest: bytes) -> None:
        self.quirks: set[str] = set()
        self._connection = connection
        self._rest = rest
        self._continue = request.expects_continue and not rest
        self._framing = ChunkedBody() if request.length is None else SizedBody(request.length)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        async for data in self._arriving():
            if piece := self._content(data):
                yield piece

    async def pour(self, take: Callable[[bytes], None]) -> AsyncIterator[int]:
        """Have a thread `take` the body's pieces; yields how many bytes it took each time.

        The thread reads on by itself while more is there: the event loop is asked once
        for megabytes, not for every piece. Raises Refused if the body is cut short.
        """
        async for data in self._arriving():
            taken = await in_thread(self._take, data, take)
            del data  # a thousand slow cameras wait here, and need not hold it
            yield taken

    async def drain(self) -> None:
        """Throw away what is still announced, at the client's pace: it may read only then.

        Raises Refused: 408 for a pause over the idle timeout, 400 for a body that ends
        early or goes on in a way that cannot be read.
        """
        self._continue = False  # its answer has been sent
        async for _ in self.pour(_drop):
            pass

    def _take(self, data: bytes, take: Callable[[bytes], None]) -> int:
        taken = 0
        while data:
            if piece := self._content(data):
                take(piece)
                taken += len(piece)
            if self._framing.complete or taken >= _TURN:
                break
            data = self._connection.read_now(_THREAD_READ)
        return taken

    def _content(self, data: bytes) -> bytes:
        """The body's bytes in what arrived, joined: chunks may be of one byte each."""
        pieces = list(self._framing.feed(data))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _arriving(self) -> AsyncIterator[bytes]:
        """What arrives, until the framing says that the body is complete."""
        framing = self._framing
        if self._continue:
            await self._connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        data, self._rest = self._rest, b""
        while True:
            if data:
                yield data
            data = b""
            self.quirks |= framing.quirks
            if framing.complete:
                self._connection.request_complete = True
                return
            data = await self._connection.read_body(framing.missing)
            if not data:
                raise Refused(400, "the upload was cut short")


def _drop(piece: bytes) -> None:
    """Nobody wants it."""


class Connection:
    """One client's connection. Only its own task uses it, but anyone may `evict` it."""

    def __init__(self, sock: socket.socket, client: str, idle_timeout: float) -> None:
        sock.setblocking(False)
        self.client = client
        self.origin = origin(client)
        self.request_complete = False
        self.replied = False
        self.task: asyncio.Task[None] | None = None
        self.evicted = False
        self.received = 0
        self._sock = sock
        self._idle_timeout = idle_timeout
        self._opened = time.monotonic()
        self._wake_at = 1

    @property
    def evictable(self) -> bool:
        """Whether it still waits for its client (and is not about to be answered)."""
        return not self.evicted and (self.replied or not self.request_complete)

    def progress(self, now: float) -> float:
        """Bytes per second so far; nothing at all once it was answered."""
        if self.replied:
            return 0.0
        return (self.received + _HEAD_START) / max(now - self._opened, 1e-6)

    def evict(self) -> None:
        """Close it for another's sake."""
        self.evicted = True
        if self.task is not None:
            self.task.cancel()

    async def read_head(self) -> bytes:
        """The next bytes, empty at the end. The caller limits the time."""
        return await self._read(_READ)

    async def read_body(self, missing: int | None) -> bytes:
        """The next bytes of a body, empty at its end. Raises Refused (408) when none come.

        While `missing` bytes are known to come, the kernel collects some before it wakes
        us: a thousand slow cameras cost few wake-ups.
        """
        self._wake_when(1 if missing is None else min(missing, _WAKE_AT))
        try:
            async with asyncio.timeout(self._idle_timeout):
                return await self._read(_READ)
        except TimeoutError:
            if data := self.read_now():  # less than the kernel was to wait for
                return data
        raise Refused(408, "the upload paused for too long")

    def read_now(self, size: int = _READ) -> bytes:
        """What is there already; nothing if nothing is, or if the client is gone."""
        try:
            data = self._sock.recv(size)
        except OSError:
            return b""
        self.received += len(data)
        return data

    async def send(self, data: bytes) -> None:
        """Send all of `data`; what fits one segment leaves in one."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
        except OSError as error:
            raise Disconnected(error.strerror) from None

    async def send_last(self, data: bytes) -> None:
        """Send a reply and the end of all sending; what fits one segment leaves in one.

        With the flag the kernel waits for more, and then sends the FIN along: a second
        packet hurts these cameras (proven).
        """
        try:
            sent = self._sock.send(data, _MORE)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise Disconnected(error.strerror) from None
        if sent < len(data):
            await self.send(data[sent:])
        self.end_sending()

    def end_sending(self) -> None:
        """The client has the whole reply to come, and nothing after it."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def has_left(self) -> bool:
        """Whether the client has closed its side too; what it sends meanwhile is dropped."""
        try:
            return not self._sock.recv(_READ)
        except BlockingIOError:
            return False
        except OSError:
            return True

    async def finish(self) -> None:
        """Have the reply arrive though the client is still sending: read on, without a reset."""
        drained = 0
        limit = asyncio.get_running_loop().call_later(DRAIN_TIMEOUT, self.evict)
        self.end_sending()
        try:
            self._wake_when(1)
            while drained < DRAIN_LIMIT and (data := await self._read(_READ)):
                drained += len(data)
                await asyncio.sleep(0)  # a client that never pauses is not alone here
        except (OSError, Disconnected):
            pass  # it is gone, which is what was waited for
        finally:
            limit.cancel()

    def close(self) -> None:
        """Let go of the socket."""
        self._sock.close()

    def send_now(self, data: bytes) -> None:
        """Send if that needs no waiting."""
        with suppress(OSError):
            self._sock.send(data)

    async def _read(self, size: int) -> bytes:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._sock, size)
        except OSError as error:
            raise Disconnected(error.strerror) from None
        self.received += len(data)
        return data

    def _wake_when(self, size: int) -> None:
        size = max(size, 1)
        if size != self._wake_at:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
            self._wake_at = size


class Farewells:
    """Connections whose whole request was answered, until their clients have left.

    Closing at once could reset the connection under a reply that is still on its way, if
    the client sends as much as a line end more. They are looked at now and then, all
    together, which costs less than waiting for each.
    """

    def __init__(self) -> None:
        self._waiting: dict[Connection, float] = {}
        self._looking: asyncio.TimerHandle | None = None

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, connection: Connection) -> None:
        """Let a client leave. When too many are leaving, the first has to be gone."""
        connection.end_sending()
        self._waiting[connection] = time.monotonic() + DRAIN_TIMEOUT
        if len(self._waiting) > FAREWELL_LIMIT:
            self._close(next(iter(self._waiting)))
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def close(self) -> None:
        """Wait for nobody."""
        for connection in list(self._waiting):
            self._close(connection)

    def _look(self) -> None:
        now = time.monotonic()
        for connection, until in list(self._waiting.items()):
            if connection.has_left() or now >= until:
                self._close(connection)
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(_LOOK, self._look) if self._waiting else None

    def _close(self, connection: Connection) -> None:
        del self._waiting[connection]
        connection.close()
