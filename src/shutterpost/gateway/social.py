"""A camera shares to a social site (docs/protocol.md, section 4)."""

import dataclasses
import hmac
import logging
from collections.abc import Sequence

from shutterpost import faults
from shutterpost.camera import replies, sns
from shutterpost.camera.files import media_type, safe_name
from shutterpost.camera.sites import SITES
from shutterpost.gateway.exchange import Exchange, House
from shutterpost.intake import require_bytes
from shutterpost.limits import Tries
from shutterpost.logs import Steps
from shutterpost.model import MissingAltText
from shutterpost.routes import REPEATABLE
from shutterpost.spool import Arrival, sharing
from shutterpost.spool.files import Files, Incoming, Kept
from shutterpost.spool.sharing import Announced, Arrived, Session, SessionExpired
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
        wanted = await in_thread(sns.read_auth, data, exchange.body.quirks)
        if isinstance(wanted, sns.Logout):  # what is under way must not end with it (proven)
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
        await self._house.disk.require(len(data))
        told = await in_thread(sns.read_announcement, data, exchange.body.quirks)
        delivery = self._house.routes.site(site)
        if delivery.action == "email":
            self._house.admit_recipients(exchange.client, delivery.recipients)
        file = Announced(None, site, told.name, told.camera, told.text, None)
        rule = self._house.alt_text_rule(delivery.action)
        now, quiet = self._house.clock(), self._house.config.server.quiet
        stored_name = safe_name(told.name)
        try:
            await self._house.spool.database.write(
                lambda connection: sharing.announce(
                    connection, told.session, file, stored_name, rule, now, quiet
                )
            )
        except SessionExpired:
            raise Refused(401, "Session expired") from None
        except MissingAltText as error:
            raise Refused(400, str(error)) from None
        return replies.upload(told.session, sns.resource_name(told.name))

    async def put(self, exchange: Exchange) -> Reply:
        """`PUT /upload/<session>/<name>`: a file; when this returns it is on disk."""
        session, expected = await self._expected(exchange)
        limit = self._house.config.server.max_upload
        if (exchange.request.length or 0) > limit:
            raise Refused(413, f"the file is over the limit of {limit} bytes")
        await self._house.admit(exchange)
        begun, started = self._house.clock(), self._house.steady()
        incoming = await in_thread(self._house.spool.files.receive)

        def write(piece: bytes) -> None:
            if incoming.size + len(piece) > limit:
                raise Refused(413, f"the file is over the limit of {limit} bytes")
            room.take(len(piece))
            incoming.write(piece)

        with (
            self._house.disk.room() as room,
            self._house.spool.sending(session.key),
            self._house.on_the_wire(exchange) as upload,
        ):
            try:
                async for size in exchange.body.pour(write):
                    upload.arrived(size, safe_name(expected.name))
                await to_the_end(self._take(session, expected, incoming, begun, exchange))
            except BaseException:
                await to_the_end(self._wait_for_retry(session.key, begun))
                raise
            finally:
                await in_thread(incoming.discard)
        seconds = self._house.steady() - started
        self._house.after_reply(self._house.metrics.uploaded, "social", incoming.size, seconds)
        return replies.success()

    def _check(self, login: sns.Login, client: str) -> None:
        """Refuse who may not share: 401, and 429 after too many tries."""
        now = self._house.steady()
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

    async def _expected(self, exchange: Exchange) -> tuple[Session, Announced]:
        """Whose file is put, and what it is. Raises Refused (401)."""
        key, name = exchange.groups
        now = self._house.clock()
        try:
            session, announced = await self._house.spool.database.read(
                lambda connection: sharing.announced(connection, key.lower(), now)
            )
        except SessionExpired:
            raise Refused(401, "Session expired") from None
        expected = _belongs_to(session, announced, name, exchange.request.query)
        if expected.id is None:
            exchange.body.quirks.add("unannounced-file")
            delivery = self._house.routes.site(expected.site)
            if delivery.action == "email":
                self._house.admit_recipients(exchange.client, delivery.recipients)
        return session, expected

    async def _take(
        self,
        session: Session,
        expected: Announced,
        incoming: Incoming,
        begun: float,
        exchange: Exchange,
    ) -> None:
        """Commit a complete file, unless it is one that the camera put before."""
        require_bytes(incoming.size, safe_name(expected.name))
        kept = await in_thread(_on_disk, incoming, self._house.spool.files)
        if kept.cut:
            exchange.body.quirks.add("cut-photo")
        delivery = self._house.routes.site(expected.site)
        name = safe_name(expected.name)
        arrived = Arrived(
            kept=kept,
            begun=begun,
            name=name,
            media_type=media_type(name, exchange.request.value("Content-Type").partition(";")[0]),
            planned=[delivery] if delivery.photo is not None else [],
            gathered=[delivery] if delivery.photo is None else [],
            repeatable=REPEATABLE,
            alt_text_rule=self._house.alt_text_rule(delivery.action),
        )
        now, quiet = self._house.clock(), self._house.config.server.quiet
        faults.point("before commit")
        try:
            shipment, arrival = await self._house.spool.database.write(
                lambda connection: sharing.arrive(
                    connection, session, expected, arrived, now, quiet
                )
            )
        except MissingAltText as error:
            raise Refused(400, str(error)) from None
        faults.point("committed")
        if arrival is Arrival.NEW:
            incoming.release()
        self._house.after_reply(self._note, shipment, arrival, arrived, session, expected, exchange)

    def _note(
        self,
        shipment: int,
        arrival: Arrival,
        arrived: Arrived,
        session: Session,
        expected: Announced,
        exchange: Exchange,
    ) -> None:
        self._house.shipped()
        if arrival is not Arrival.NEW:
            Steps(log, shipment).info("%s %s", arrived.name, arrival.value)
            return
        self._house.live.shipment(shipment)
        self._house.devices.uploaded(exchange.client, model=expected.camera)
        Steps(log, shipment).info(
            "%s from %s for %s: %d bytes",
            arrived.name,
            session.account,
            expected.site,
            arrived.kept.size,
        )

    async def _wait_for_retry(self, session: str, begun: float) -> None:
        """A file did not arrive: the camera may try again before its shipment is complete."""
        until = self._house.clock() + self._house.config.server.quiet
        await self._house.spool.database.write(
            lambda connection: sharing.prolong(connection, session, begun, until)
        )


def _belongs_to(
    session: Session, announced: Sequence[Announced], name: str, query: str
) -> Announced:
    """What a file is that is put under `name`: never refused for it, as the reference does.

    It is the announced one of that name, else the only one that waits, else one more of the
    session's last share, else a photo without a text.
    """
    waiting = [file for file in announced if file.photo_id is None]
    names = sns.readings(name) | (sns.readings(f"{name}?{query}") if query else set())
    for same in (str, sns.folded):
        possible = {same(reading) for reading in names}
        for file in (*waiting, *announced):
            if same(file.name) in possible:
                return file
    if len(waiting) == 1:
        return waiting[0]
    own_name = sns.decoded(name)
    if announced:
        return dataclasses.replace(announced[0], id=None, name=own_name, photo_id=None)
    return Announced(None, session.site, own_name, "", "", None)


def _on_disk(incoming: Incoming, files: Files) -> Kept:
    kept = incoming.keep()
    files.sync_names()
    return kept
