"""The DNS door: UDP and TCP around the responder.

Silent to everyone outside the allowed networks (a TCP connection is closed without a
byte); for what happens to those who ask too often see `dns_clients`. Other names are
forwarded, if at all, for a bounded number of askers at once.
"""

import asyncio
import ipaddress
import logging
import secrets
import socket
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from shutterpost.config.values import Address, Network
from shutterpost.dns_clients import Clients, Way
from shutterpost.dns_upstream import Upstream
from shutterpost.hosts import own_address
from shutterpost.wire.dns import QUERY_LIMIT, Answer, Forward, Query, Responder, read
from shutterpost.wire.dns_cookies import Cookies

log = logging.getLogger(__name__)

FORWARD_LIMIT = 100
"""The most queries that are forwarded at once."""
TCP_TIMEOUT = 10.0
"""Seconds a TCP connection may be silent."""

_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # Linux; Python names it since 3.14
_LOGGED_LIMIT = 1000  # clients and names of which the log has a line
_BURST = 64  # datagrams that are read before others get their turn
_ROUTE_AGE = 60.0  # seconds for which our own address is remembered


class DnsDoor:
    """Answers DNS on one address."""

    def __init__(
        self,
        responder: Responder,
        address: str,
        allow: Sequence[Network],
        upstream: str,
        asked: Callable[[str, str], None] = lambda client, name: None,
    ) -> None:
        """`address` is what names resolve to, or "auto"; `upstream` a resolver, or "off".

        `asked` is told which client asked for which of our names.
        """
        self._responder = responder
        self._address = address
        self._upstream = Upstream(upstream)
        self._asked = asked
        self._clients = Clients(allow, time.monotonic)
        self._cookies = Cookies(secrets.token_bytes(32))
        self._logged: set[tuple[str, str]] = set()
        self._forwarding: set[asyncio.Task[None]] = set()
        self._udp: socket.socket | None = None
        self._tcp: asyncio.Server | None = None
        self._own = ("", 0.0)

    async def open(self, address: Address) -> None:
        """Listen. Raises OSError."""
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            udp.bind((address.host, address.port))
            tcp = socket.create_server((address.host, address.port), family=family)
        except OSError:
            udp.close()
            raise
        await self.adopt([udp, tcp])

    async def adopt(self, sockets: Sequence[socket.socket]) -> None:
        """Answer on bound sockets of both kinds."""
        for sock in sockets:
            sock.setblocking(False)
            if sock.type == socket.SOCK_STREAM:
                self._tcp = await asyncio.start_server(self._serve_tcp, sock=sock)
            else:
                _prepare(sock)
                asyncio.get_running_loop().add_reader(sock, self._serve_udp, sock)
                self._udp = sock

    async def close(self) -> None:
        """Stop answering."""
        if self._udp is not None:
            asyncio.get_running_loop().remove_reader(self._udp)
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in self._forwarding:
            task.cancel()
        await asyncio.gather(*self._forwarding, return_exceptions=True)

    def _serve_udp(self, udp: socket.socket) -> None:
        for _ in range(_BURST):
            try:
                wire, ancillary, _, peer = udp.recvmsg(QUERY_LIMIT + 1, 128)
            except BlockingIOError:
                return
            except OSError as error:  # an ICMP error about an earlier answer
                log.debug("UDP: %s", error)
                continue
            client = _plain(peer[0])
            query = read(wire) if self._clients.may_ask(client) else None
            if query is None:
                continue
            found = self._by_udp(query, client, _destination(ancillary))
            if isinstance(found, Answer):
                _send(udp, found.wire, ancillary, peer)
            else:
                self._begin_forward(found, udp, ancillary, peer)

    def _by_udp(self, query: Query | Answer, client: str, local: str) -> Answer | Forward:
        """Who is over the limit is asked to come by TCP; a refusal is as cheap as that."""
        if isinstance(query, Answer):
            return query
        now = time.time()
        is_there = self._cookies.is_own(query.cookie, client, now)
        if not self._clients.admits(client, Way.COOKIE if is_there else Way.UDP):
            return self._responder.cut(query, self._cookies.given(query.cookie, client, now))
        return self._answered(query, client, local)

    def _answered(self, query: Query, client: str, local: str) -> Answer | Forward:
        cookie = self._cookies.given(query.cookie, client, time.time())
        found = self._responder.answer(query, self._address_for(client, local), cookie)
        if isinstance(found, Answer) and found.name:
            self._asked(client, found.name)
            if (client, found.name) not in self._logged and len(self._logged) < _LOGGED_LIMIT:
                self._logged.add((client, found.name))
                log.info("DNS: %s asks for %s", client, found.name)
        return found

    def _address_for(self, client: str, local: str) -> str:
        """What our names resolve to: this machine as the asker reaches it."""
        if self._address != "auto":
            return self._address
        reached = ipaddress.ip_address(local)
        if reached.version == 4 and not reached.is_loopback and not reached.is_unspecified:
            return local
        # A resolver on this machine asks for a camera elsewhere: "127.0.0.1" is not for it.
        now = time.monotonic()
        if not self._own[0] or now - self._own[1] > _ROUTE_AGE:
            try:
                self._own = (own_address(), now)
            except OSError:
                self._own = ("127.0.0.1", now)
        return self._own[0]

    def _begin_forward(
        self, forward: Forward, udp: socket.socket, ancillary: "_Ancillary", peer: "_Peer"
    ) -> None:
        if len(self._forwarding) >= FORWARD_LIMIT:
            return

        async def forwarded() -> None:
            _send(udp, await self._forwarded(forward, tcp=False), ancillary, peer)

        task = asyncio.create_task(forwarded())
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)

    async def _forwarded(self, forward: Forward, tcp: bool) -> bytes:
        """The upstream's answer under the query's own number, or SERVFAIL."""
        try:
            return await self._upstream.ask(forward, tcp)
        except (OSError, EOFError) as error:
            said = str(error) or type(error).__name__
            log.warning("DNS: %s does not answer: %s", self._upstream.address, said)
            return self._responder.failure(forward.query).wire

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _plain(writer.get_extra_info("peername")[0])
        local = _plain(writer.get_extra_info("sockname")[0])
        with self._clients.connection(client) as has_room:
            try:
                if has_room and self._clients.may_ask(client):
                    await self._converse(reader, writer, client, local)
            except (OSError, EOFError):
                log.debug("DNS: %s is gone", client)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: str,
        local: str,
    ) -> None:
        while True:
            async with asyncio.timeout(TCP_TIMEOUT):
                [length] = struct.unpack("!H", await reader.readexactly(2))
                query = read(await reader.readexactly(length)) if length <= QUERY_LIMIT else None
            if query is None:
                return
            await asyncio.sleep(self._clients.turn(client))
            found = query if isinstance(query, Answer) else self._answered(query, client, local)
            if isinstance(found, Answer):
                answer = found.wire
            else:
                answer = await self._forwarded(found, tcp=True)
            writer.write(struct.pack("!H", len(answer)) + answer)
            async with asyncio.timeout(TCP_TIMEOUT):
                await writer.drain()


_Ancillary = list[tuple[int, int, bytes]]
_Peer = tuple[str, int] | tuple[str, int, int, int]


def _prepare(udp: socket.socket) -> None:
    """Have the kernel say which of our addresses each datagram was sent to."""
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    if udp.family == socket.AF_INET6:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        with suppress(OSError):  # not on macOS: the route to the asker has to do
            udp.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)


def _destination(ancillary: _Ancillary) -> str:
    """The address that a datagram was sent to; 0.0.0.0 if the kernel did not say."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == _PKTINFO:
            return socket.inet_ntoa(data[8:12])
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return _plain(socket.inet_ntop(socket.AF_INET6, data[:16]))
    return "0.0.0.0"  # noqa: S104 (this is no address to bind)


def _send(udp: socket.socket, answer: bytes, ancillary: _Ancillary, peer: _Peer) -> None:
    """Answer from the address that was asked: an answer from another is thrown away."""
    source: _Ancillary = []
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == _PKTINFO:
            source.append((level, kind, struct.pack("@i4s4s", 0, data[8:12], bytes(4))))
        elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            source.append((level, kind, data))
    try:
        udp.sendmsg([answer], source, 0, peer)
    except OSError as error:  # its network is gone, or the buffer full: it will ask again
        log.debug("DNS: %s gets no answer: %s", peer[0], error)


def _plain(address: str) -> str:
    """An address; IPv4 as such even on an IPv6 socket."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
