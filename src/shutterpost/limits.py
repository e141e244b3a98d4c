"""Limits on what one client may try, and on what is held for all of them.

Asked on the event loop and in the threads that read uploads: all of it is safe in any thread.
"""

import ipaddress
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from shutterpost.recent import Recent
from shutterpost.wire.http import Refused

HOUR = 3600.0
CLIENT_LIMIT = 10_000
"""The most clients that are remembered; the oldest are forgotten."""
HELD_LIMIT = 64 << 20
"""The most bytes of messages that are held in memory until they are whole, of all requests."""
HELD_FREE = 8 << 10
"""Bytes of each request that do not count for that: a camera's message is never refused."""


def origin(client: str) -> str:
    """Who is counted as one client: an address, or the network of a public IPv6 address.

    Everyone with IPv6 has 2^64 addresses at least, in one network of 64 bits.
    """
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:  # no address: a test's client, or a local socket
        return client
    if isinstance(address, ipaddress.IPv6Address) and address.is_global:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return client


class Tries:
    """Failed logins: `limit` of them within `window` seconds shut a client out for `penalty`."""

    def __init__(self, limit: int = 10, window: float = 60.0, penalty: float = 300.0) -> None:
        self._limit = limit
        self._window = window
        self._penalty = penalty
        self._lock = threading.Lock()
        self._failures: Recent[str, deque[float]] = Recent(CLIENT_LIMIT)
        self._shut_out: Recent[str, float] = Recent(CLIENT_LIMIT)

    def is_shut_out(self, client: str, now: float) -> bool:
        """Whether `client` has failed too often."""
        client = origin(client)
        with self._lock:
            if self._shut_out.get(client, 0.0) > now:
                return True
            self._shut_out.pop(client, None)
            return False

    def failed(self, client: str, now: float) -> None:
        """Count a failure."""
        client = origin(client)
        with self._lock:
            failures = self._failures.use(client, lambda: deque(maxlen=self._limit))
            failures.append(now)
            if len(failures) == self._limit and now - failures[0] <= self._window:
                self._shut_out[client] = now + self._penalty
                del self._failures[client]

    def succeeded(self, client: str) -> None:
        """Whoever it is knows the password: what it tried before does not count."""
        client = origin(client)
        with self._lock:
            self._failures.pop(client, None)
            self._shut_out.pop(client, None)


class Hourly:
    """How much one client may do in an hour."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._done: Recent[str, deque[tuple[float, int]]] = Recent(CLIENT_LIMIT)

    def take(self, client: str, amount: int, now: float) -> bool:
        """Count `amount` for a client, unless that is more than it may; whether it was."""
        if amount == 0:
            return True
        with self._lock:
            done = self._done.use(origin(client), deque)
            while done and done[0][0] <= now - HOUR:
                done.popleft()
            if sum(number for _, number in done) + amount > self._limit:
                return False
            done.append((now, amount))
            return True


class Held:
    """Bytes in memory for requests that nobody has admitted yet, of all clients together."""

    def __init__(self, limit: int = HELD_LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._bytes = 0

    @contextmanager
    def request(self) -> Iterator["Holding"]:
        """What one request holds, until it is answered."""
        holding = Holding(self)
        try:
            yield holding
        finally:
            holding.release()

    def add(self, size: int) -> None:
        """Hold more, or less (below 0). Raises Refused (503) when too much is held."""
        with self._lock:
            if size > 0 and self._bytes + size > self._limit:
                raise Refused(503, "too many unfinished requests, try again later")
            self._bytes += size


class Holding:
    """What one request holds. Its first `HELD_FREE` bytes are free."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._free = HELD_FREE
        self._bytes = 0

    def add(self, size: int) -> None:
        """Hold more. Raises Refused (503) when too much is held for all."""
        free = min(self._free, size)
        self._held.add(size - free)
        self._free -= free
        self._bytes += size - free

    def release(self) -> None:
        """Hold nothing any more."""
        self._held.add(-self._bytes)
        self._bytes = 0
