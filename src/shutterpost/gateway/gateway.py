"""Which request is which: paths to dialogues, and hosts to hotspot checks."""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import Connection

from shutterpost.camera import hotspot, replies
from shutterpost.camera.models import GLD
from shutterpost.camera.sites import SITES
from shutterpost.config import Config
from shutterpost.devices import Devices
from shutterpost.disk import Disk
from shutterpost.gateway.browsers import came_from_a_site, refuse_sites
from shutterpost.gateway.email import EmailDialogue
from shutterpost.gateway.exchange import Body, Exchange, House
from shutterpost.gateway.social import SocialDialogue
from shutterpost.gateway.unknown import Recorder
from shutterpost.limits import Held, Hourly
from shutterpost.live import Live
from shutterpost.metrics import Metrics
from shutterpost.routes import Routes
from shutterpost.spool import Spool, hotspots
from shutterpost.wire.http import Refused, Request
from shutterpost.wire.reply import Reply

log = logging.getLogger(__name__)

Handler = Callable[[Exchange], Awaitable[Reply]]

_SITE = "/(" + "|".join(SITES) + ")"
_VIDEO_SITE = "/(" + "|".join(site.name for site in SITES.values() if site.video) + ")"

_ANY = re.IGNORECASE | re.DOTALL


class Gateway:
    """Answers cameras."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        metrics: Metrics,
        live: Live,
        devices: Devices,
        clock: Callable[[], float],
        shipped: Callable[[], None],
        unmailable: Callable[[str], str] = lambda recipient: "",
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`shipped` is called after something new is in the spool.

        `unmailable` says why an address cannot be mailed, or nothing. `steady` is for limits.
        """
        storage = config.storage
        self._house = House(
            config=config,
            spool=spool,
            routes=Routes(config.actions, bool(config.email.host), config.email.to),
            disk=Disk(storage.data, storage.photos, storage.min_free),
            metrics=metrics,
            live=live,
            devices=devices,
            clock=clock,
            shipped=shipped,
            unmailable=unmailable,
            uploads=Hourly(config.server.public_uploads),
            recipients=Hourly(config.server.public_recipients),
            steady=steady,
        )
        self._turns = hotspot.Turns(spool.database.read_now(hotspots.learned))
        self._held = Held()
        self._recorder = Recorder(config.storage.data / "unknown")
        email = EmailDialogue(self._house)
        social = SocialDialogue(self._house)
        self._routes: tuple[tuple[re.Pattern[str], dict[str, Handler]], ...] = (
            (re.compile("/"), {"GET": self._home}),
            (
                re.compile("/social/columbus/email"),
                {"POST": self._sharing(email.post), "GET": email.get},
            ),
            (re.compile(_SITE + "/auth"), {"POST": self._sharing(social.auth)}),
            (re.compile(_SITE + "/photo"), {"POST": self._sharing(social.announce)}),
            (re.compile(_VIDEO_SITE + "/video"), {"POST": self._sharing(social.announce)}),
            (re.compile("/upload/([^/]+)(?:/(.*))?", _ANY), {"PUT": self._sharing(social.put)}),
            (re.compile("/oauth"), {"GET": self._oauth}),
            (re.compile("/security/sso/initialize/time"), {"GET": self._time}),
        )

    async def answer(self, request: Request, body: Body, client: str) -> Reply:
        """The reply to one request from the address `client`. Raises Refused."""
        refuse_sites(request)
        self._house.devices.seen(client, " ".join(request.values("User-Agent")))
        for pattern, methods in self._routes:
            if found := pattern.fullmatch(request.path):
                exchange = Exchange(request, body, client, self._held, found.groups(""))
                if handler := _chosen(request.method, methods):
                    return await handler(exchange)
                if not request.expects_continue:  # nobody asks for a body that is not taken
                    await self._record(exchange)
                raise _other_method(request.method, methods)
        await self._record(Exchange(request, body, client, self._held))
        raise Refused(404, f"{request.path} is not known here")

    async def keep_unreadable(self, head: bytes, client: str) -> None:
        """Keep a request whose head could not be read. Raises OSError."""
        await self._recorder.record_head(head, client)

    async def _record(self, exchange: Exchange) -> None:
        if not came_from_a_site(exchange.request):  # its pictures could fill the folder
            await self._recorder.record(exchange)

    def _sharing(self, handler: Handler) -> Handler:
        """A request that shows that the hotspot check before it was answered well."""

        async def noting(exchange: Exchange) -> Reply:
            await self._went_on(exchange.client)
            return await handler(exchange)

        return noting

    async def _went_on(self, client: str) -> None:
        if learned := self._turns.went_on(client, self._house.clock()):
            await self._keep(lambda connection: hotspots.learn(connection, client, learned))

    async def _keep(self, change: Callable[[Connection], None]) -> None:
        """Change the memory of hotspot checks; a camera's reply does not depend on it."""
        try:
            await self._house.spool.database.write(change)
        except Exception:  # a full disk, say: what the camera wants may work all the same
            log.exception("what a hotspot check taught cannot be kept")

    async def _home(self, exchange: Exchange) -> Reply:
        """A hotspot check, or a browser that was sent here."""
        host = exchange.request.host
        agent = " ".join(exchange.request.values("User-Agent"))
        self._house.devices.checked(exchange.client, host, agent)
        if host == GLD:
            return hotspot.gld()
        if check := hotspot.CHECKS.get(host):
            taken = self._turns.take(exchange.client, host, self._house.clock())
            if taken.forgotten:
                await self._keep(
                    lambda connection: hotspots.forget(connection, exchange.client, host)
                )
            return check.reply(taken.answer)
        return hotspot.page(agent, self._turns.asked(exchange.client))

    async def _oauth(self, exchange: Exchange) -> Reply:
        return hotspot.oauth_page()

    async def _time(self, exchange: Exchange) -> Reply:
        return replies.time(self._house.clock())


def _chosen(method: str, methods: dict[str, Handler]) -> Handler | None:
    return methods.get("GET" if method == "HEAD" else method)


def _other_method(method: str, methods: dict[str, Handler]) -> Refused:
    allowed: Sequence[str] = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
    return Refused(405, f"not with {method}", (("Allow", ", ".join(allowed)),))
