"""The camera door: sockets around the gateway.

Reads requests, streams their bodies, writes each reply in one piece and closes so that
it arrives. Promises bounded memory and time for every connection: a head has 30 seconds,
a body may pause for the idle timeout, and when all places are taken the connection with
the least progress for its age makes room. It does not know what requests mean.
"""

import asyncio
import errno
import functools
import ipaddress
import logging
import re
import resource
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from shutterpost import faults
from shutterpost.camera import replies
from shutterpost.config.values import Address, Network, plain_address
from shutterpost.connection import Body, Connection, Disconnected, Farewells
from shutterpost.wire.http import HeadReader, Refused, Request
from shutterpost.wire.reply import Reply
from shutterpost.wire.text import one_line

log = logging.getLogger(__name__)

HEAD_TIMEOUT = 30.0
"""Seconds a client has for a whole request head."""
CONNECTION_LIMIT = 1000
"""The most connections at once."""

_BACKLOG = 512
_PAUSE = 0.1  # seconds without accepting when no descriptor is left
_KNOWN_ADDRESSES = 1024
_SHOWN_LIMIT = 200  # bytes of what a client says that go into a line of the log
_OTHER_FILES = 500  # descriptors for farewells, the database, deliveries and the page

_SESSION_KEY = re.compile("[0-9a-f]{32}")

Answer = Callable[[Request, Body, str], Awaitable[Reply]]
OnUnreadable = Callable[[bytes, str], Awaitable[None]]


async def _ignore(head: bytes, client: str) -> None:
    """Nobody wants to know."""


class CameraDoor:
    """Listens for cameras and has `answer` answer them."""

    def __init__(
        self,
        answer: Answer,
        noted: Callable[[str, Iterable[str]], None],
        allow: Sequence[Network],
        idle_timeout: float,
        head_timeout: float = HEAD_TIMEOUT,
        limit: int = CONNECTION_LIMIT,
        on_unreadable: OnUnreadable = _ignore,
    ) -> None:
        """`noted` is told which quirks a client's request had.

        `on_unreadable` gets the head of a request that could not be read, after its reply.
        """
        self._on_unreadable = on_unreadable
        self._answer = answer
        self._noted = noted
        self._is_allowed = functools.lru_cache(_KNOWN_ADDRESSES)(
            lambda address: any(ipaddress.ip_address(address) in network for network in allow)
        )
        self._idle_timeout = idle_timeout
        self._head_timeout = head_timeout
        self._limit = limit
        self._connections: set[Connection] = set()
        self._farewells = Farewells()
        self._listener: socket.socket | None = None
        self._paused: asyncio.TimerHandle | None = None

    def open(self, address: Address, inherited: socket.socket | None = None) -> Address:
        """Listen there, or on a socket that was opened for us; returns the address.

        Raises OSError.
        """
        self._limit = min(self._limit, _raise_file_limit(self._limit))
        listener = inherited or socket.create_server(
            (address.host, address.port),
            family=socket.AF_INET6 if ":" in address.host else socket.AF_INET,
            backlog=_BACKLOG,
            dualstack_ipv6=address.host == "::",
        )
        listener.setblocking(False)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        host, port = listener.getsockname()[:2]
        return Address(host, port)

    async def close(self, grace: float) -> None:
        """Accept no more, and give what is on the wire `grace` seconds to finish."""
        if self._paused is not None:
            self._paused.cancel()
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        waiting = {c.task for c in self._connections if c.task and not c.replied and c.received}
        if waiting:
            await asyncio.wait(waiting, timeout=grace)
        tasks = [c.task for c in self._connections if c.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._farewells.close()

    def _accept(self, listener: socket.socket) -> None:
        """Take in everybody who waits before the door."""
        for _ in range(_BACKLOG):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:  # gone before it was accepted
                continue
            except OSError as error:  # no descriptor or memory left
                log.warning("no connection can be accepted: %s", error.strerror)
                self._make_room()
                self._pause(listener)
                return
            self._admit(Connection(sock, plain_address(peer[0]), self._idle_timeout))

    def _pause(self, listener: socket.socket) -> None:
        """Accept nobody for a moment."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._paused = loop.call_later(_PAUSE, loop.add_reader, listener, self._accept, listener)

    def _admit(self, connection: Connection) -> None:
        if len(self._connections) >= self._limit and not self._make_room():
            refused = replies.error(Refused(503, "too many connections"))
            connection.send_now(refused.encode(time.time()))
            self._farewells.add(connection)  # closed at once, its request would cost the reply
            return
        self._connections.add(connection)
        connection.task = asyncio.create_task(self._serve(connection))
        connection.task.add_done_callback(lambda _: self._done(connection))

    def _done(self, connection: Connection) -> None:
        """A connection was served, or evicted, perhaps before its task had begun."""
        self._connections.discard(connection)
        if connection not in self._farewells:
            connection.close()

    def _make_room(self) -> bool:
        """Evict the connection with the least progress for its age; False if there is none.

        It is one of the address that has the most: nobody takes the place of another's camera.
        """
        now = time.monotonic()
        held = Counter(connection.origin for connection in self._connections)
        evictable = [c for c in self._connections if c.evictable]
        if not evictable:
            return False
        most = max(held[connection.origin] for connection in evictable)
        candidates = [c for c in evictable if held[c.origin] == most]
        slowest = min(candidates, key=lambda connection: connection.progress(now))
        self._connections.discard(slowest)
        slowest.evict()
        return True

    async def _serve(self, connection: Connection) -> None:
        """One connection from its first byte to its last."""
        try:
            answered = await self._exchange(connection)
            if answered is not None:
                await connection.send_last(answered.encode())
                faults.point("replied")
                connection.replied = True
                self._note(connection.client, answered)
                await self._tell_unreadable(connection.client, answered)
                await self._finish(connection, answered.body)
        except Disconnected as error:
            when = "after" if connection.replied else "before"
            log.info("%s: gone %s its reply: %s", connection.client, when, error)
        except asyncio.CancelledError:
            if connection.evicted and not connection.replied:
                refused = replies.error(Refused(503, "too many connections"))
                connection.send_now(refused.encode(time.time()))
                log.warning("%s: closed to make room for another", connection.client)

    async def _exchange(self, connection: Connection) -> "_Answered | None":
        """Read a request and have it answered; None if the client said nothing."""
        request: Request | None = None
        body: Body | None = None
        reader = HeadReader()
        try:
            head = await self._read_head(connection, reader)
            if head is None:
                return None
            request, rest = head
            connection.request_complete = request.length == 0
            body = Body(connection, request, rest)
            self._check_network(connection)
            reply = await self._answer(request, body, connection.client)
        except Refused as refused:
            reply = replies.error(refused)
            why = one_line(refused.why, _SHOWN_LIMIT)
            log.warning("%s: refused: %d %s", connection.client, refused.status, why)
        except Disconnected:
            raise
        except Exception as error:
            reply = replies.error(_trouble(connection.client, error))
        return _Answered(reply, request, body, b"" if request else reader.begun)

    async def _finish(self, connection: Connection, body: Body | None) -> None:
        """Have the reply arrive though the client is still sending its request.

        A client that sends all before it reads gets it only when all was read here.
        """
        if body is not None and not connection.request_complete:
            try:
                await body.drain()
            except Refused as refused:
                log.info("%s: after its reply: %s", connection.client, refused.why)
                if refused.status == HTTPStatus.REQUEST_TIMEOUT:
                    return
        if connection.request_complete:
            self._farewells.add(connection)
        else:
            await connection.finish()

    async def _read_head(
        self, connection: Connection, reader: HeadReader
    ) -> tuple[Request, bytes] | None:
        if found := reader.feed(connection.read_now()):  # mostly it is there already
            return found
        try:
            async with asyncio.timeout(self._head_timeout):
                while data := await connection.read_head():
                    if found := reader.feed(data):
                        return found
        except TimeoutError:
            raise Refused(408, "the request's head took too long") from None
        reader.end()
        return None

    def _check_network(self, connection: Connection) -> None:
        if not self._is_allowed(connection.client):
            raise Refused(403, f"{connection.client} is not in an allowed network")

    def _note(self, client: str, answered: "_Answered") -> None:
        """Log and count a request that was answered; its reply has left, whatever fails here."""
        request = answered.request
        body = answered.body
        quirks = sorted((request.quirks if request else set()) | (body.quirks if body else set()))
        try:
            self._noted(client, quirks)
        except Exception:
            log.exception("%s: a request could not be counted", client)
        log.info(
            "%s: %s -> %d%s",
            client,
            f"{request.method} {request.host}{_shown(request.path)}" if request else "no request",
            answered.reply.status,
            f" ({', '.join(quirks)})" if quirks else "",
        )

    async def _tell_unreadable(self, client: str, answered: "_Answered") -> None:
        if answered.unreadable and self._is_allowed(client):
            try:
                await self._on_unreadable(answered.unreadable, client)
            except OSError as error:  # a full disk, say
                log.warning("%s: its request cannot be kept: %s", client, error)


@dataclass(frozen=True, slots=True)
class _Answered:
    """A request, or the head of one that could not be read, and the reply to it."""

    reply: Reply
    request: Request | None
    body: Body | None
    unreadable: bytes

    def encode(self) -> bytes:
        head_only = self.request is not None and self.request.method == "HEAD"
        return self.reply.encode(time.time(), head_only)


def _shown(path: str) -> str:
    """A path for the log: without control characters, and with session keys cut."""
    return one_line(_SESSION_KEY.sub(lambda key: key[0][:6] + "…", path), _SHOWN_LIMIT)


_LATER = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk or the database cannot be used",
    errno.ESTALE: "the database cannot be used",
    errno.EBADMSG: "the database is damaged",
    errno.EAGAIN: "the database is busy",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOMEM: "there is no memory left",
    errno.ENOBUFS: "there is no memory left",
}
"""What passes, or has to be fixed here: the camera is told to try again later."""


def _trouble(client: str, error: Exception) -> Refused:
    """What the camera is told about an error that is not its own."""
    later = _LATER.get(error.errno or 0) if isinstance(error, OSError) else None
    if later is not None:
        log.error("%s: %s: %s", client, later, error)
        return Refused(503, later)
    log.error("%s: an error of our own", client, exc_info=error)
    return Refused(500, "an error of the server, see its log")


def _raise_file_limit(connections: int) -> int:
    """Let the process open enough files; returns how many connections then fit."""
    wanted = 2 * connections + _OTHER_FILES  # a socket and a photo each
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft != resource.RLIM_INFINITY and soft < wanted:
        fit = max(1, (soft - _OTHER_FILES) // 2)
        log.warning("the system allows %d open files: at most %d connections", soft, fit)
        return fit
    return connections
