"""`email`: one mail per shipment to all its recipients, several if it is too large.

Which photos go into which mail, and who has got it, is noted after every mail, so that
another attempt sends only what is missing and nobody gets a mail twice. Message-IDs come
from the delivery's key and stay the same.
"""

import asyncio
import contextlib
from collections.abc import Callable, Generator, Sequence
from typing import Any, ParamSpec, TypeVar

from shutterpost.actions import (
    MisconfiguredError,
    Note,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.actions.smtp import Session, TooLargeError
from shutterpost.config.settings import Email as Settings
from shutterpost.model import Delivery, Photo
from shutterpost.wire.mail import Attachment, Head, Mail, encoded_size

P = ParamSpec("P")
T = TypeVar("T")

_PIECE = 1 << 18
_HEAD_ALLOWANCE = 8 * 1024  # bytes for a mail's header, beside its text
_PART_ALLOWANCE = 1024  # bytes for the header of an attachment


class Email:
    """Mails through the owner's smarthost."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Send what has not been sent; photos too large for any mail are for `store`."""
        session = await asyncio.to_thread(Session, self._settings)
        try:
            progress: dict[str, Any] = dict(delivery.progress)
            if not progress:
                progress.update(self._planned(delivery, session.size_limit))
                await note(progress, [delivery.photos[index] for index in progress["too_large"]])
            elif progress.pop("again", False):
                _ask_again(progress)
            later = {}
            for number in range(len(progress["mails"])):
                later.update(await self._send(session, delivery, progress, number, note))
        except asyncio.CancelledError:
            session.abort()
            raise
        finally:
            await asyncio.to_thread(session.close)
        if later:
            raise TemporaryError(_listed(later))
        return self._outcome(delivery, progress)

    def _planned(self, delivery: Delivery, server_limit: int | None) -> dict[str, Any]:
        limit = min(self._settings.max_size, server_limit or self._settings.max_size)
        room = limit - _HEAD_ALLOWANCE - 3 * len(delivery.shipment.text.encode())
        sizes = [encoded_size(photo.size) + _PART_ALLOWANCE for photo in delivery.photos]
        mails, too_large = split(sizes, room)
        return {
            "mails": [
                {"photos": photos, "to": list(delivery.recipients), "refused": {}}
                for photos in mails or [[]]
            ],
            "too_large": too_large,
        }

    async def _send(
        self,
        session: Session,
        delivery: Delivery,
        progress: dict[str, Any],
        number: int,
        note: Note,
    ) -> dict[str, str]:
        """Send one of the mails to those who have not got it; returns who is to get it later."""
        planned = progress["mails"][number]
        if not planned["to"]:
            return {}
        photos = [delivery.photos[index] for index in planned["photos"]]
        try:
            refused = await _abortable(
                session, self._send_now, session, delivery, progress, number, photos
            )
        except TooLargeError:
            await note(progress, photos)
            raise
        except MisconfiguredError as error:
            sender = self._sender(delivery)
            if sender in (self._settings.from_, self._settings.username):
                raise
            said = f"{error}: set from in [email] if no camera's address is taken"
            raise MisconfiguredError(said, about=sender) from None
        later = {to: f"{code} {why}" for to, (code, why) in refused.items() if code < 500}
        for recipient, (code, why) in refused.items():
            if recipient not in later:
                planned["refused"][recipient] = f"{code} {why}"
        planned["to"] = list(later)
        await note(progress)
        return later

    def _send_now(
        self,
        session: Session,
        delivery: Delivery,
        progress: dict[str, Any],
        number: int,
        photos: Sequence[Photo],
    ) -> dict[str, tuple[int, str]]:
        """Make a mail and send it (blocking)."""
        mail = self._mail(delivery, progress, number, photos)
        to = progress["mails"][number]["to"]
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(contextlib.closing(_content(photo))) for photo in photos]
            return session.send(self._sender(delivery), to, mail.size, mail.pieces(files))

    def _outcome(self, delivery: Delivery, progress: dict[str, Any]) -> Outcome:
        refused = {to: why for mail in progress["mails"] for to, why in mail["refused"].items()}
        if refused:
            reached = [to for to in delivery.recipients if to not in refused]
            others = f"; delivered to {', '.join(reached)}" if reached else ""
            raise PermanentError(_listed(refused) + others)
        ids = [self._message_id(delivery, number) for number in range(len(progress["mails"]))]
        return Outcome(f"mailed to {', '.join(delivery.recipients)} as {' '.join(ids)}")

    def _mail(
        self, delivery: Delivery, progress: dict[str, Any], number: int, photos: Sequence[Photo]
    ) -> Mail:
        shipment = delivery.shipment
        count = len(progress["mails"])
        sender = self._sender(delivery)
        text = shipment.text
        for index in progress["too_large"]:
            photo = delivery.photos[index]
            text += (
                f"\n\n{photo.name} ({photo.size / 2**20:.1f} MiB) is too large for a mail. "
                "It is kept on your Shutterpost server, in the photos folder."
            )
        subject = shipment.subject or "Photos"
        head = Head(
            message_id=self._message_id(delivery, number),
            sent=shipment.received,
            from_address=sender,
            from_name=shipment.sender_name,
            reply_to=shipment.sender if "@" in shipment.sender != sender else "",
            to=delivery.recipients,
            subject=f"{subject} ({number + 1}/{count})" if count > 1 else subject,
            text=text.strip() + "\n",
        )
        attachments = [Attachment(photo.name, photo.media_type, photo.size) for photo in photos]
        return Mail(head, attachments)

    def _sender(self, delivery: Delivery) -> str:
        settings = self._settings
        candidates = (settings.from_, settings.username, delivery.shipment.sender, settings.to)
        return next(address for address in candidates if "@" in address)

    def _message_id(self, delivery: Delivery, number: int) -> str:
        domain = self._sender(delivery).rpartition("@")[2]
        return f"<{delivery.key}.{number + 1}@{domain}>"


def split(sizes: Sequence[int], room: int) -> tuple[list[list[int]], list[int]]:
    """Indexes of what goes into each mail, in order, and of what is too large for any."""
    mails: list[list[int]] = []
    too_large = []
    free = 0
    for index, size in enumerate(sizes):
        if size > room:
            too_large.append(index)
        elif mails and size <= free:
            mails[-1].append(index)
            free -= size
        else:
            mails.append([index])
            free = room - size
    return mails, too_large


def _ask_again(progress: dict[str, Any]) -> None:
    """A person retries: whoever was refused may be taken now."""
    for mail in progress["mails"]:
        mail["to"] += mail["refused"]
        mail["refused"] = {}


async def _abortable(
    session: Session, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run blocking work; if that is cancelled, break the session and wait for its thread."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        session.abort()
        await asyncio.wait([task])
        task.exception()
        raise


def _content(photo: Photo) -> Generator[bytes]:
    """A photo's bytes. Raises PermanentError if they are not all there."""
    size = 0
    with photo.path.open("rb") as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            yield piece
    if size != photo.size:
        raise PermanentError(f"{photo.name} is damaged: {size} of {photo.size} bytes are there")


def _listed(refused: dict[str, str]) -> str:
    return "; ".join(f"{recipient} is refused: {why}" for recipient, why in refused.items())
