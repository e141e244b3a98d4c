"""The DNS door: UDP and TCP around the responder.

Silent to everyone outside the allowed networks (a TCP connection is closed without a
byte). Who asks more than fifty times a second by UDP is sent to TCP, which has a limit of its
own, so that forged questions silence nobody. Other names are forwarded, if at
all, for a bounded number of askers at once.
"""

import asyncio
import functools
import ipaddress
import logging
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

import dns.asyncquery
import dns.entropy
import dns.exception
import dns.message

from shutterpost.config.values import Address, Network
from shutterpost.hosts import own_address
from shutterpost.wire.dns import QUERY_LIMIT, Forward, Responder, failure, truncated

log = logging.getLogger(__name__)

ANSWERS_A_SECOND = 50
"""The most answers that one client gets in a second."""
FORWARD_LIMIT = 100
"""The most queries that are forwarded at once."""
FORWARD_TIMEOUT = 3.0
"""Seconds that the upstream resolver has."""
TCP_LIMIT = 50
"""The most TCP connections at once."""
TCP_TIMEOUT = 10.0
"""Seconds a TCP connection may be silent."""

_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # Linux; Python names it since 3.14
_CLIENT_LIMIT = 10_000
_LOGGED_LIMIT = 1000  # clients and names of which the log has a line
_BURST = 64  # datagrams that are read before others get their turn
_ROUTE_AGE = 60.0  # seconds for which our own address is remembered


class _RateLimit:
    """How many more answers each client gets in this second."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def admits(self, client: str) -> bool:
        """Whether `client` gets an answer now."""
        now = time.monotonic()
        left, since = self._known.get(client, (0, 0.0))
        if now - since >= 1.0:
            left, since = ANSWERS_A_SECOND, now
        self._known[client] = (max(0, left - 1), since)
        self._known.move_to_end(client)
        if len(self._known) > _CLIENT_LIMIT:
            self._known.popitem(last=False)
        return left > 0


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
        self._upstream = upstream
        self._asked = asked
        self._is_allowed = functools.lru_cache(_CLIENT_LIMIT)(
            lambda client: any(ipaddress.ip_address(client) in network for network in allow)
        )
        self._udp_rate, self._tcp_rate = _RateLimit(), _RateLimit()
        self._logged: set[tuple[str, str]] = set()
        self._forwarding: set[asyncio.Task[None]] = set()
        self._udp: socket.socket | None = None
        self._tcp: asyncio.Server | None = None
        self._connections = 0
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
                wire, ancillary, _, peer = udp.recvmsg(4096, 128)
            except BlockingIOError:
                return
            except OSError as error:  # an ICMP error about an earlier answer
                log.debug("UDP: %s", error)
                continue
            client = _plain(peer[0])
            if not self._is_allowed(client):
                continue
            if not self._udp_rate.admits(client):
                # A forged address may have used this up; whoever it belongs to can still ask.
                if again := truncated(wire):
                    _send(udp, again, ancillary, peer)
                continue
            local = _destination(ancillary)
            found = self._answered(wire, client, local)
            if isinstance(found, bytes):
                _send(udp, found, ancillary, peer)
            elif found is not None:
                self._begin_forward(found, udp, ancillary, peer)

    def _answered(self, wire: bytes, client: str, local: str) -> bytes | Forward | None:
        found = self._responder.respond(wire, self._address_for(client, local))
        if found is None or isinstance(found, Forward):
            return found
        if found.name:
            self._asked(client, found.name)
            if (client, found.name) not in self._logged and len(self._logged) < _LOGGED_LIMIT:
                self._logged.add((client, found.name))
                log.info("DNS: %s asks for %s", client, found.name)
        return found.wire

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
        query = dns.message.from_wire(forward.query.to_wire())
        query.id = dns.entropy.random_16()
        ask = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
        try:
            answer = await ask(query, self._upstream, timeout=FORWARD_TIMEOUT)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            log.warning("DNS: %s does not answer: %s", self._upstream, error)
            return failure(forward.query)
        answer.id = forward.query.id
        return answer.to_wire()

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _plain(writer.get_extra_info("peername")[0])
        local = _plain(writer.get_extra_info("sockname")[0])
        self._connections += 1
        try:
            if self._connections <= TCP_LIMIT:
                await self._converse(reader, writer, client, local)
        except (OSError, EOFError, TimeoutError):
            log.debug("DNS: %s is gone", client)
        finally:
            self._connections -= 1
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
        while self._is_allowed(client) and self._tcp_rate.admits(client):
            async with asyncio.timeout(TCP_TIMEOUT):
                [length] = struct.unpack("!H", await reader.readexactly(2))
                if length > QUERY_LIMIT:
                    return
                wire = await reader.readexactly(length)
            found = self._answered(wire, client, local)
            if found is None:
                return
            answer = found if isinstance(found, bytes) else await self._forwarded(found, tcp=True)
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
