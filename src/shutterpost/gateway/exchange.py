"""What every part of the dialogue works with: a request with its body, and the house."""

import asyncio
import functools
import ipaddress
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ParamSpec, Protocol

from shutterpost.config import Config
from shutterpost.config.values import PRIVATE
from shutterpost.devices import Devices
from shutterpost.disk import Disk
from shutterpost.limits import Held, Hourly
from shutterpost.live import Live, Upload
from shutterpost.metrics import Metrics
from shutterpost.model import AltText, MissingAltText, require_alt_texts
from shutterpost.routes import Routes
from shutterpost.spool import Spool
from shutterpost.wire.http import Refused, Request

P = ParamSpec("P")


class Body(Protocol):
    """A request's body as it arrives. Iterating raises Refused if it is cut short."""

    quirks: set[str]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's pieces."""
        ...

    def pour(self, take: Callable[[bytes], None]) -> AsyncIterator[int]:
        """Have a thread take the body; how many bytes it took each time."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request from the address `client`; `groups` are the variable parts of its path.

    What is read of it into memory is part of `held`.
    """

    request: Request
    body: Body
    client: str
    held: Held
    groups: tuple[str, ...] = ()

    async def read(self, limit: int) -> bytes:
        """The whole body.

        Raises Refused (413) if it is over `limit` bytes, (503) if too much is held for others.
        """
        data = bytearray()
        with self.held.request() as holding:
            async for piece in self.body:
                if len(data) + len(piece) > limit:
                    raise Refused(413, f"the message is over {limit} bytes")
                holding.add(len(piece))
                data += piece
        return bytes(data)


@dataclass(frozen=True, slots=True)
class House:
    """What the dialogues share. `shipped` is called when something is new in the spool."""

    config: Config
    spool: Spool
    routes: Routes
    disk: Disk
    metrics: Metrics
    live: Live
    devices: Devices
    clock: Callable[[], float]
    shipped: Callable[[], None]
    unmailable: Callable[[str], str]
    uploads: Hourly
    recipients: Hourly
    steady: Callable[[], float] = time.monotonic
    """Seconds since whenever, for durations and limits: nobody sets it."""

    def alt_text_rule(self, action: str) -> AltText:
        """Which alt texts there must be for what goes to this action."""
        name, _, instance = action.partition(".")
        settings = self.config.mastodon.get(instance) if name == "mastodon" else None
        return AltText.OPTIONAL if settings is None else AltText(settings.alt_text)

    def on_the_wire(self, exchange: Exchange) -> AbstractContextManager[Upload]:
        """An upload, for those who watch it."""
        camera = self.devices.name_of(exchange.client)
        return self.live.upload(camera, exchange.request.length)

    def after_reply(self, note: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Count, log or tell something soon, but never instead of the reply.

        What is committed is answered with "sent"; an error here goes to the log alone.
        """
        loop = asyncio.get_running_loop()
        loop.call_soon(functools.partial(note, *args, **kwargs))

    async def admit(self, exchange: Exchange) -> None:
        """Refuse an upload before its body is read: no room (503), too many (429)."""
        await self.disk.require(exchange.request.length or 0)
        now = self.steady()
        if is_public(exchange.client) and not self.uploads.take(exchange.client, 1, now):
            raise Refused(429, "too many uploads in an hour")

    def admit_recipients(self, client: str, recipients: Sequence[str]) -> None:
        """Refuse to mail people who may not be (403), or too many of them (429)."""
        allowed = [pattern.lower() for pattern in self.config.server.recipients]
        for recipient in recipients:
            address = recipient.lower()
            if not {"*", address, "*@" + address.rpartition("@")[2]}.intersection(allowed):
                raise Refused(403, f"{recipient} may not be mailed ([server] recipients)")
        now = self.steady()
        if is_public(client) and not self.recipients.take(client, len(recipients), now):
            raise Refused(429, "too many mailed recipients in an hour")


def is_public(client: str) -> bool:
    """Whether an address is outside the private networks."""
    address = ipaddress.ip_address(client)
    return not any(address in network for network in PRIVATE)


def check_alt_texts(typed: str, photos: int, rule: AltText) -> None:
    """Refuse (400) a text whose first `photos` alt texts are not all there."""
    try:
        require_alt_texts(typed, photos, rule)
    except MissingAltText as error:
        raise Refused(400, str(error)) from None
