"""Looking at the packets on loopback: how many segments carried the server's answer."""

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.support import need_root

ETH_P_ALL = 3
_FIN = 1
_SO_RCVBUFFORCE = 33  # room for others' packets: those that do not fit are lost


@dataclass(frozen=True)
class Segment:
    """A TCP segment's payload, and whether it is the sender's last."""

    data: bytes
    has_fin: bool


def data_segments(port: int, exchange: Callable[[], object]) -> list[Segment]:
    """TCP segments with a payload from `port` while `exchange` runs. Needs root."""
    need_root()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap:
        tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 * 1024 * 1024)
        tap.bind(("lo", 0))
        exchange()
        tap.setblocking(False)
        found: dict[tuple[int, int], Segment] = {}  # loopback shows every packet twice
        with suppress(BlockingIOError):
            while True:
                packet = tap.recv(65536)
                segment = _tcp_payload(packet, port)
                if segment is not None:
                    found[segment[0]] = segment[1]
    return list(found.values())


def _tcp_payload(packet: bytes, port: int) -> tuple[tuple[int, int], Segment] | None:
    if packet[12:14] != b"\x08\x00" or packet[23] != socket.IPPROTO_TCP:
        return None
    ip = packet[14:]
    length = struct.unpack(">H", ip[2:4])[0]
    tcp = ip[(ip[0] & 15) * 4 : length]
    source, to, sequence = struct.unpack(">HHI", tcp[:8])
    payload = tcp[(tcp[12] >> 4) * 4 :]
    if source != port or not payload:
        return None
    return (to, sequence), Segment(payload, bool(tcp[13] & _FIN))
