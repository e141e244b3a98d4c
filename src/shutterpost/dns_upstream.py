"""Another resolver, which is asked for the names that are not ours.

Its answers are passed on as they are: what a stranger's domain holds is not read here.
"""

import asyncio
import secrets
import socket
import struct

from shutterpost.wire.dns import Forward

TIMEOUT = 3.0
"""Seconds that it has for an answer."""
_PORT = 53
_MESSAGE_LIMIT = 65535


class Upstream:
    """One resolver, by its address."""

    def __init__(self, address: str) -> None:
        """`address`: IPv4 or IPv6, without a port."""
        self.address = address

    async def ask(self, forward: Forward, tcp: bool) -> bytes:
        """The answer under the query's own number. Raises OSError (a time-out is one), EOFError."""
        number = secrets.token_bytes(2)
        async with asyncio.timeout(TIMEOUT):
            return await (self._by_tcp if tcp else self._by_udp)(forward, number)

    async def _by_udp(self, forward: Forward, number: bytes) -> bytes:
        """From a port of its own, so that forged answers have that to guess as well."""
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, (self.address, _PORT))
            await loop.sock_sendall(sock, forward.wire(number))
            while True:
                wire = await loop.sock_recv(sock, _MESSAGE_LIMIT)
                if answer := forward.answered(number, wire):
                    return answer

    async def _by_tcp(self, forward: Forward, number: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self.address, _PORT)
        try:
            query = forward.wire(number)
            writer.write(struct.pack("!H", len(query)) + query)
            while True:
                [length] = struct.unpack("!H", await reader.readexactly(2))
                if answer := forward.answered(number, await reader.readexactly(length)):
                    return answer
        finally:
            writer.close()
