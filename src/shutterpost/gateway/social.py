"""A camera shares to a social site (docs/protocol.md, section 4)."""

import hmac
import logging
from collections.abc import Sequence

from shutterpost import faults
from shutterpost.camera import replies, sns
from shutterpost.camera.files import media_type, safe_name
from shutterpost.camera.sites import SITES
from shutterpost.gateway.exchange import Exchange, House, check_alt_texts
from shutterpost.limits import Tries
from shutterpost.logs import Steps
from shutterpost.spool import sharing
from shutterpost.spool.files import Files, Incoming, Kept
from shutterpost.spool.sharing import Announced, Arrived, SessionExpired
from shutterpost.threads import in_thread, to_the_end
from shutterpost.wire.http import Refused
from shutterpost.wire.reply import Reply

log = logging.getLogger(__name__)


class SocialDialogue:
    """Logs cameras in, hears what they announce, takes what they put."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tries = Tries()

    async def auth(self, exchange: Exchange) -> Reply:
        """`POST /<site>/auth`: a login or a logout."""
        [site] = exchange.groups
        data = await exchange.read(sns.MESSAGE_LIMIT)
        wanted = sns.read_auth(data, exchange.body.quirks)
        if isinstance(wanted, sns.Logout):
            await self._house.spool.database.write(
                lambda connection: sharing.log_out(connection, wanted.session)
            )
            return replies.logout()
        if SITES[site].oauth:
            raise Refused(401, "OAuth not supported")
        self._check(wanted, exchange.client)
        now = self._house.clock()
        key = await self._house.spool.database.write(
            lambda connection: sharing.log_in(
                connection, wanted.account, site, exchange.client, now
            )
        )
        log.info("session %s…: %s logged in to %s", key[:6], wanted.account, site)
        return replies.login(key, wanted.account)

    async def announce(self, exchange: Exchange) -> Reply:
        """`POST /<site>/photo` or `/video`: a file is about to be put."""
        [site] = exchange.groups
        data = await exchange.read(sns.MESSAGE_LIMIT)
        told = sns.read_announcement(data, exchange.body.quirks)
        delivery = self._house.routes.site(site)
        if delivery.action == "email":
            self._house.admit_recipients(exchange.client, delivery.recipients)
        requires = self._house.requires_alt_text(delivery.action)
        now, quiet = self._house.clock(), self._house.config.server.quiet

        def allow(held: Sequence[str]) -> None:
            """A name that the text already has is a retry; a new one needs an alt text."""
            if requires and safe_name(told.name) not in held:
                check_alt_texts(told.text, len(held) + 1)

        try:
            await self._house.spool.database.write(
                lambda connection: sharing.announce(
                    connection,
                    told.session,
                    site,
                    told.name,
                    told.camera,
                    told.text,
                    now,
                    quiet,
                    allow,
                )
            )
        except SessionExpired:
            raise Refused(401, "Session expired") from None
        return replies.upload(told.session, sns.resource_name(told.name))

    async def put(self, exchange: Exchange) -> Reply:
        """`PUT /upload/<session>/<name>`: an announced file; when this returns it is on disk."""
        session, name = exchange.groups
        if exchange.request.query:
            name = f"{name}?{exchange.request.query}"
        expected = await self._expected(session, name)
        limit = self._house.config.server.max_upload
        if (exchange.request.length or 0) > limit:
            raise Refused(413, f"the file is over the limit of {limit} bytes")
        await self._house.admit(exchange)
        begun = self._house.clock()
        incoming = await in_thread(self._house.spool.files.receive)

        def write(piece: bytes) -> None:
            if incoming.size + len(piece) > limit:
                raise Refused(413, f"the file is over the limit of {limit} bytes")
            incoming.write(piece)

        with self._house.spool.sending(session), self._house.on_the_wire(exchange) as upload:
            try:
                async for size in exchange.body.pour(write):
                    upload.arrived(size, safe_name(expected.name))
                await to_the_end(self._take(expected, incoming, begun, exchange))
            except BaseException:
                await to_the_end(self._wait_for_retry(session, begun))
                raise
            finally:
                await in_thread(incoming.discard)
        self._house.shipped()
        self._house.metrics.uploaded("social", incoming.size, self._house.clock() - begun)
        return replies.success()

    def _check(self, login: sns.Login, client: str) -> None:
        """Refuse who may not share: 401, and 429 after too many tries."""
        now = self._house.clock()
        if self._tries.is_shut_out(client, now):
            raise Refused(429, "too many failed logins, try again in five minutes")
        account = self._house.config.accounts.get(login.account.lower())
        known = account is None or hmac.compare_digest(
            account.password.reveal().encode(), login.password.encode()
        )
        if not (known and self._house.config.accepts(login.account)):
            self._tries.failed(client, now)
            log.warning("%s: login of %s failed", client, ascii(login.account))
            raise Refused(401, "Login failed")

    async def _expected(self, session: str, name: str) -> Announced:
        """The announcement of a file that is put. Raises Refused (401, 404)."""
        now = self._house.clock()
        try:
            announced = await self._house.spool.database.read(
                lambda connection: sharing.announced(connection, session, now)
            )
        except SessionExpired:
            raise Refused(401, "Session expired") from None
        for candidate in announced:
            if sns.is_name(name, candidate.name):
                return candidate
        raise Refused(404, f"{name} was not announced")

    async def _take(
        self, expected: Announced, incoming: Incoming, begun: float, exchange: Exchange
    ) -> None:
        """Commit a complete file, unless it is one that the camera put before."""
        kept = await in_thread(_on_disk, incoming, self._house.spool.files)
        delivery = self._house.routes.site(expected.site)
        name = safe_name(expected.name)

        def may_join(before: int) -> None:
            if self._house.requires_alt_text(delivery.action):
                check_alt_texts(expected.text, before + 1)

        arrived = Arrived(
            kept=kept,
            begun=begun,
            name=name,
            media_type=media_type(name, exchange.request.value("Content-Type").partition(";")[0]),
            planned=[delivery] if delivery.photo is not None else [],
            gathered=[delivery] if delivery.photo is None else [],
            may_join=may_join,
        )
        now, quiet = self._house.clock(), self._house.config.server.quiet
        faults.point("before commit")
        shipment, new = await self._house.spool.database.write(
            lambda connection: sharing.arrive(connection, expected, arrived, now, quiet)
        )
        faults.point("committed")
        if not new:
            Steps(log, shipment).info("%s sent again, nothing made twice", name)
            return
        incoming.release()
        self._house.live.shipment(shipment)
        self._house.devices.uploaded(exchange.client, model=expected.camera)
        Steps(log, shipment).info(
            "%s from %s for %s: %d bytes",
            name,
            expected.account,
            expected.site,
            kept.size,
        )

    async def _wait_for_retry(self, session: str, begun: float) -> None:
        """A file did not arrive: the camera may try again before its shipment is complete."""
        until = self._house.clock() + self._house.config.server.quiet
        await self._house.spool.database.write(
            lambda connection: sharing.prolong(connection, session, begun, until)
        )


def _on_disk(incoming: Incoming, files: Files) -> Kept:
    kept = incoming.keep()
    files.sync_names()
    return kept
