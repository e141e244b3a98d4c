"""Who may ask the DNS door, and how often.

By UDP anyone can send in another's name, so that a limit for "this address" can be turned
against it. So what comes by UDP, by UDP with a cookie of ours, and by TCP have limits of
their own, and who is over one is not met with silence: by UDP it is asked to come by TCP,
and by TCP, which nobody can forge, it waits for its turn.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

from shutterpost.config.values import Network

ANSWERS_A_SECOND = 50
"""The most answers that one address gets in a second, each way."""
TCP_LIMIT = 50
"""The most TCP connections at once."""
TCP_LIMIT_OF_ONE = 10
"""The most of them that one address has."""
_REMEMBERED = 10_000  # buckets, and addresses of which it is known whether they may ask


class Way(Enum):
    """How a query came."""

    UDP = "udp"
    COOKIE = "udp with a cookie"
    TCP = "tcp"


class Clients:
    """The limits of everyone who asks."""

    def __init__(self, allow: Sequence[Network], clock: Callable[[], float]) -> None:
        """`clock`: seconds that never jump."""
        self._allow = allow
        self._clock = clock
        self._allowed: OrderedDict[str, bool] = OrderedDict()
        self._buckets: OrderedDict[tuple[str, Way], tuple[float, float]] = OrderedDict()
        self._connections: Counter[str] = Counter()

    def may_ask(self, client: str) -> bool:
        """Whether an address is in one of the allowed networks."""
        if client not in self._allowed:
            address = ipaddress.ip_address(client)
            self._allowed[client] = any(address in network for network in self._allow)
            if len(self._allowed) > _REMEMBERED:
                self._allowed.popitem(last=False)
        return self._allowed[client]

    def admits(self, client: str, way: Way) -> bool:
        """Whether an address gets an answer now, which is then one of this second's."""
        left = self._left(client, way)
        self._remember(client, way, left - 1 if left >= 1 else left)
        return left >= 1

    def turn(self, client: str) -> float:
        """Seconds until an address that came by TCP gets its next answer, which is now taken."""
        left = self._left(client, Way.TCP) - 1
        self._remember(client, Way.TCP, left)
        return max(0.0, -left / ANSWERS_A_SECOND)

    def _left(self, client: str, way: Way) -> float:
        left, since = self._buckets.get((client, way), (ANSWERS_A_SECOND, 0.0))
        return min(ANSWERS_A_SECOND, left + (self._clock() - since) * ANSWERS_A_SECOND)

    def _remember(self, client: str, way: Way, left: float) -> None:
        self._buckets[client, way] = (left, self._clock())
        self._buckets.move_to_end((client, way))
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)

    @contextmanager
    def connection(self, client: str) -> Iterator[bool]:
        """A TCP connection while it lasts: whether there is room for it."""
        has_room = (
            self._connections.total() < TCP_LIMIT and self._connections[client] < TCP_LIMIT_OF_ONE
        )
        self._connections[client] += 1
        try:
            yield has_room
        finally:
            self._connections[client] -= 1
            if not self._connections[client]:
                del self._connections[client]
