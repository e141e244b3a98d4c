"""The dialogue with a camera: a request in, a reply out, and what was sent in the spool.

Knows which request is which and what is answered; what the bytes mean is `camera`'s and
`wire`'s to know, how they arrive is the doors'.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol
from urllib.parse import parse_qs

from shutterpost.camera import replies
from shutterpost.camera.email import Message
from shutterpost.config import Config
from shutterpost.intake import EmailIntake
from shutterpost.routes import Routes
from shutterpost.spool import Draft, Spool
from shutterpost.threads import in_thread, to_the_end
from shutterpost.wire.http import Refused, Reply, Request
from shutterpost.wire.multipart import boundary

log = logging.getLogger(__name__)


class Body(Protocol):
    """A request's body as it arrives. Iterating raises Refused if it is cut short."""

    quirks: set[str]

    def __aiter__(self) -> AsyncIterator[bytes]: ...


Handler = Callable[["Gateway", Request, Body, str], Awaitable[Reply]]


class Gateway:
    """Answers cameras."""

    def __init__(
        self, config: Config, spool: Spool, clock: Callable[[], float], shipped: Callable[[], None]
    ) -> None:
        """`shipped` is called after a new shipment is in the spool."""
        self._config = config
        self._spool = spool
        self._clock = clock
        self._shipped = shipped
        self._routes = Routes(config.actions, can_mail=bool(config.email.host))

    async def answer(self, request: Request, body: Body, client: str) -> Reply:
        """The reply to one request from the address `client`. Raises Refused."""
        method = "GET" if request.method == "HEAD" else request.method
        methods = _ROUTES.get(request.path)
        if methods is None:
            raise Refused(404, f"{request.path} is not known here")
        if method not in methods:
            allowed = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
            raise Refused(405, f"not with {method}", (("Allow", allowed),))
        return await methods[method](self, request, body, client)

    async def email(self, request: Request, body: Body, client: str) -> Reply:
        """Take an e-mail with its photos; on return they are on disk."""
        intake = EmailIntake(
            boundary(request.value("Content-Type")),
            self._spool.files,
            self._config.server.max_upload,
            self._accept,
        )
        try:
            async for piece in body:
                await in_thread(intake.feed, piece)
            await to_the_end(self._ship(intake, request, client))
        finally:
            body.quirks |= intake.quirks
            await in_thread(intake.discard)
        return replies.success()

    async def home(self, request: Request, body: Body, client: str) -> Reply:
        """Where a browser that looks at the e-mail's address is sent (proven)."""
        return replies.redirect("/")

    def _accept(self, message: Message) -> None:
        if not self._config.accepts(message.sender):
            raise Refused(401, f"{message.sender} is not in senders")

    async def _ship(self, intake: EmailIntake, request: Request, client: str) -> None:
        """Commit an e-mail, unless it is one that the camera sent before."""
        letter = await asyncio.to_thread(intake.finish)
        message = letter.message
        draft = Draft(
            received=self._clock(),
            sender=message.sender,
            sender_name=message.sender_name,
            recipients=message.receivers,
            subject=message.subject,
            text=message.text,
            photos=letter.photos,
            device=_device(request),
            client=client,
        )
        planned = self._routes.email(message.receivers, len(letter.photos))
        shipment, new = await self._spool.commit(draft, planned)
        if not new:
            log.info("shipment %d: sent again by the camera, nothing made twice", shipment)
            return
        intake.release()
        self._shipped()
        log.info(
            "shipment %d: e-mail from %s to %s: %d photos, %d bytes",
            shipment,
            message.sender,
            ", ".join(message.receivers),
            len(letter.photos),
            sum(kept.size for _, _, kept in letter.photos),
        )


_ROUTES: dict[str, dict[str, Handler]] = {
    "/social/columbus/email": {"POST": Gateway.email, "GET": Gateway.home},
}


def _device(request: Request) -> str:
    """The camera's own number, as the query says it: `DUID=123456789033` (capture)."""
    number = parse_qs(request.query).get("DUID", [""])[0]
    return re.sub(r"[^0-9A-Za-z:._-]", "", number)[:64]
