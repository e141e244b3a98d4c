"""A camera sends an e-mail (docs/protocol.md, section 3)."""

import logging

from shutterpost.camera import replies
from shutterpost.camera.email import Message, device_number
from shutterpost.gateway.exchange import Exchange, House, check_alt_texts
from shutterpost.intake import PHOTO_LIMIT, EmailIntake, Letter
from shutterpost.logs import Steps
from shutterpost.model import AltText, Planned, caption
from shutterpost.routes import REPEATABLE
from shutterpost.spool import Arrival, Draft
from shutterpost.threads import in_thread, to_the_end
from shutterpost.wire.http import Refused
from shutterpost.wire.multipart import boundary
from shutterpost.wire.reply import Reply

log = logging.getLogger(__name__)


class EmailDialogue:
    """Takes e-mails."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def post(self, exchange: Exchange) -> Reply:
        """Take an e-mail with its photos; when this returns they are on disk."""
        begun, started = self._house.clock(), self._house.steady()
        limit = self._house.config.server.max_upload * PHOTO_LIMIT
        if (exchange.request.length or 0) > limit:
            raise Refused(413, f"the e-mail is over the limit of {limit} bytes")
        await self._house.admit(exchange)
        delimiter = boundary(exchange.request.value("Content-Type"))
        with self._house.disk.room() as room, exchange.held.request() as holding:
            intake = EmailIntake(
                delimiter,
                self._house.spool.files,
                room,
                holding,
                self._house.config.server.max_upload,
                lambda message: self._accept(message, exchange.client),
            )
            try:
                with self._house.on_the_wire(exchange) as upload:
                    async for size in exchange.body.pour(intake.feed):
                        upload.arrived(size, intake.name)
                    await to_the_end(self._ship(intake, exchange, begun))
            finally:
                exchange.body.quirks |= intake.quirks
                await in_thread(intake.discard)
        seconds = self._house.steady() - started
        self._house.after_reply(self._house.metrics.uploaded, "email", intake.size, seconds)
        return replies.success()

    async def get(self, exchange: Exchange) -> Reply:
        """Send a browser that looks at the e-mail's address home (proven)."""
        return replies.redirect("/")

    def _accept(self, message: Message, client: str) -> None:
        """Refuse what can be refused before a photo is read."""
        if not self._house.config.accepts(message.sender):
            raise Refused(401, f"{message.sender} is not in senders")
        planned = self._house.routes.email(message.receivers, 1)
        check_alt_texts(message.text, 1, self._alt_text_rule(planned))
        mailed = [
            to for delivery in planned if delivery.action == "email" for to in delivery.recipients
        ]
        reasons = [self._house.unmailable(recipient) for recipient in mailed]
        if all(reasons) and len(reasons) == len(message.receivers):
            raise Refused(400, reasons[0])  # nobody would have it
        self._house.admit_recipients(client, mailed)

    def _alt_text_rule(self, planned: list[Planned]) -> AltText:
        return AltText.strictest(self._house.alt_text_rule(each.action) for each in planned)

    def _planned(self, letter: Letter) -> list[Planned]:
        """The e-mail's deliveries. Raises Refused for the whole of it (400)."""
        message, photos = letter.message, len(letter.photos)
        planned = self._house.routes.email(message.receivers, photos)
        rule = self._alt_text_rule(planned)
        check_alt_texts(message.text, photos, rule)
        if rule is not AltText.OPTIONAL and len(caption(message.text).alt_texts) > photos:
            raise Refused(400, "More alt-texts than photos")
        return planned

    async def _ship(self, intake: EmailIntake, exchange: Exchange, begun: float) -> None:
        """Commit an e-mail, unless it is one that the camera sent before."""
        letter = await in_thread(intake.finish)
        message = letter.message
        draft = Draft(
            received=self._house.clock(),
            sender=message.sender,
            sender_name=message.sender_name,
            recipients=message.receivers,
            subject=message.subject,
            text=message.text,
            photos=letter.photos,
            device=device_number(exchange.request.query),
            client=exchange.client,
            begun=begun,
        )
        shipment, arrival = await self._house.spool.commit(draft, self._planned(letter), REPEATABLE)
        if arrival is Arrival.NEW:
            intake.release()
        self._house.after_reply(self._note, shipment, arrival, draft)

    def _note(self, shipment: int, arrival: Arrival, draft: Draft) -> None:
        self._house.shipped()
        if arrival is not Arrival.NEW:
            Steps(log, shipment).info(arrival.value)
            return
        self._house.live.shipment(shipment)
        self._house.devices.uploaded(draft.client, draft.device)
        Steps(log, shipment).info(
            "e-mail from %s to %s: %d photos, %d bytes",
            draft.sender,
            ", ".join(draft.recipients),
            len(draft.photos),
            sum(kept.size for _, _, kept in draft.photos),
        )
