"""`email`: one mail per shipment to all its recipients, several if it is too large.

Which photos go into which mail, and who has got it, is noted after every mail, so that
another attempt sends only what is missing and nobody gets a mail twice. That a mail is
handed over is noted before its end goes out: if the answer is lost it may have been
delivered, and it is handed over once more at most. Message-IDs come from the delivery's
key and stay the same.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from shutterpost.actions import (
    DeliveryError,
    MisconfiguredError,
    Note,
    Outcome,
    PermanentError,
    TemporaryError,
    UnansweredError,
)
from shutterpost.actions.smtp import (
    PATIENCE,
    Patience,
    Session,
    TooLargeError,
    access_tokens,
)
from shutterpost.config.settings import Email as Settings
from shutterpost.model import Delivery, Photo
from shutterpost.wire.addresses import UnmailableAddress, mailable
from shutterpost.wire.mail import Attachment, Head, Mail, encoded_size
from shutterpost.wire.smtp import Reply

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

HAND_OVERS = 2
"""The most times that one mail is handed over without an answer."""
ANSWER_AT_STOP = 60.0
"""Seconds that a mail's answer is waited for when the server is told to stop."""

_PIECE = 1 << 18
_HEAD_ALLOWANCE = 8 * 1024  # bytes for a mail's header, beside its text
_PART_ALLOWANCE = 1024  # bytes for the header of an attachment


class Email:
    """Mails through the owner's smarthost."""

    def __init__(self, settings: Settings, patience: Patience = PATIENCE) -> None:
        self._settings = settings
        self._patience = patience
        self._tokens = access_tokens(settings)
        self._takes_utf8 = True  # as far as is known

    def unmailable(self, recipient: str) -> str:
        """Why this address cannot be mailed, as far as is known before it is tried, or nothing."""
        try:
            address = mailable(recipient)
        except UnmailableAddress as error:
            return str(error)
        if address.isascii() or self._takes_utf8:
            return ""
        return f"{self._settings.host} takes no letters beyond ASCII before the @ of {recipient}"

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Send what has not been sent; photos too large for any mail are for `store`."""
        sender = self._sender(delivery)
        session = await asyncio.to_thread(
            Session, self._settings, sender, self._patience, self._tokens
        )
        self._takes_utf8 = session.takes_utf8
        try:
            progress: dict[str, Any] = dict(delivery.progress)
            if not progress:
                progress.update(self._planned(delivery, session.size_limit))
                await note(progress, [delivery.photos[index] for index in progress["too_large"]])
            elif progress.pop("again", False):
                _ask_again(progress)
            later = {}
            for number, planned in enumerate(progress["mails"]):
                if planned["to"]:
                    _leave_if_stopping()
                    sending = _Sending(session, delivery, progress, number, note)
                    later.update(await self._send(sending))
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

    async def _send(self, sending: "_Sending") -> dict[str, str]:
        """Send one of the mails to those who have not got it; returns who is to get it later."""
        planned = sending.planned
        if planned.get("unanswered", 0) >= HAND_OVERS:  # the process ended meanwhile
            await sending.give_up("perhaps delivered: the server was stopped before the answer")
            return {}
        try:
            refused = await self._hand_over(sending)
        except TooLargeError:
            await sending.note(sending.progress, sending.photos)
            raise
        except MisconfiguredError as error:
            sender = self._sender(sending.delivery)
            if sender in (self._settings.from_, self._settings.username):
                raise
            said = f"{error}: set from in [email] if no camera's address is taken"
            raise MisconfiguredError(said, about=sender) from None
        except UnansweredError as error:
            if planned["unanswered"] < HAND_OVERS:
                raise
            await sending.give_up(str(error))
            return {}
        later = {to: str(reply) for to, reply in refused.items() if not reply.is_permanent}
        for recipient, reply in refused.items():
            if recipient not in later:
                planned["refused"][recipient] = str(reply)
        planned["to"] = list(later)
        await sending.note(sending.progress)
        return later

    async def _hand_over(self, sending: "_Sending") -> dict[str, Reply]:
        """Send a mail and take the answer; returns who was refused."""
        session, planned = sending.session, sending.planned
        refused = await _abortable(session, 0.0, self._begin, sending)
        if len(refused) == len(planned["to"]):
            return refused
        before = planned.get("unanswered", 0)
        planned["unanswered"] = before + 1
        await sending.note(sending.progress)
        try:
            # It cannot be taken back, and without the answer it would be sent again.
            await _abortable(session, ANSWER_AT_STOP, session.finish)
        except UnansweredError:
            raise
        except DeliveryError:
            planned["unanswered"] = before  # there was an answer, and nobody got it
            await sending.note(sending.progress)
            raise
        planned["unanswered"] = before
        return refused

    def _begin(self, sending: "_Sending") -> dict[str, Reply]:
        """Make a mail and send it but for its end (blocking)."""
        mail = self._mail(sending)
        to = sending.planned["to"]
        with contextlib.ExitStack() as stack:
            files = [
                stack.enter_context(contextlib.closing(_content(photo))) for photo in sending.photos
            ]
            return sending.session.begin(self._sender(sending.delivery), to, mail, files)

    def _outcome(self, delivery: Delivery, progress: dict[str, Any]) -> Outcome:
        mails = progress["mails"]
        refused = {to: why for mail in mails for to, why in mail["refused"].items()}
        unknown = {to: why for mail in mails for to, why in mail.get("unknown", {}).items()}
        if refused or unknown:
            reached = [to for to in delivery.recipients if to not in {**refused, **unknown}]
            told = [_listed(refused)] if refused else []
            told += [f"{to}: {why}" for to, why in unknown.items()]
            told += [f"delivered to {', '.join(reached)}"] if reached else []
            raise PermanentError("; ".join(told))
        ids = [self._message_id(delivery, number) for number in range(len(mails))]
        said = f"mailed to {', '.join(delivery.recipients)} as {' '.join(ids)}"
        if any(mail.get("unanswered", 0) for mail in mails):
            said += ", perhaps twice: the first time there was no answer"
        return Outcome(said)

    def _mail(self, sending: "_Sending") -> Mail:
        delivery, progress = sending.delivery, sending.progress
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
        utf8 = sending.session.takes_utf8
        reply_to = shipment.sender if "@" in shipment.sender != sender else ""
        head = Head(
            message_id=self._message_id(delivery, sending.number),
            sent=shipment.received,
            from_address="".join(_shown([sender], utf8)),
            from_name=shipment.sender_name,
            reply_to="".join(_shown([reply_to], utf8)),
            to=_shown(delivery.recipients, utf8),
            subject=f"{subject} ({sending.number + 1}/{count})" if count > 1 else subject,
            text=text.strip() + "\n",
        )
        attachments = [
            Attachment(photo.name, photo.media_type, photo.size) for photo in sending.photos
        ]
        return Mail(head, attachments)

    def _sender(self, delivery: Delivery) -> str:
        settings = self._settings
        candidates = (settings.from_, settings.username, delivery.shipment.sender, settings.to)
        return next(address for address in candidates if "@" in address)

    def _message_id(self, delivery: Delivery, number: int) -> str:
        domain = "".join(_shown([self._sender(delivery)], True)).rpartition("@")[2]
        return f"<{delivery.key}.{number + 1}@{domain}>"


@dataclass(frozen=True, slots=True)
class _Sending:
    """One mail of a delivery, on its way through a session; `progress` changes."""

    session: Session
    delivery: Delivery
    progress: dict[str, Any]
    number: int
    note: Note

    @property
    def planned(self) -> dict[str, Any]:
        """The mail's part of the progress."""
        found: dict[str, Any] = self.progress["mails"][self.number]
        return found

    @property
    def photos(self) -> list[Photo]:
        """What goes into the mail."""
        return [self.delivery.photos[index] for index in self.planned["photos"]]

    async def give_up(self, why: str) -> None:
        """Nobody knows who has got it, and it is not sent again by itself."""
        self.planned["unknown"] = dict.fromkeys(self.planned["to"], why)
        self.planned["to"] = []
        await self.note(self.progress)


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
        mail["to"] += [*mail["refused"], *mail.get("unknown", {})]
        mail.update(refused={}, unknown={}, unanswered=0)


def _leave_if_stopping() -> None:
    """Raise CancelledError if that was put off for the sake of an answer."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _abortable(
    session: Session, grace: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run blocking work; if that is cancelled, break the session and wait for its thread.

    Work that is done within `grace` seconds of that was not in vain: the caller goes on.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if grace:
            log.info("a mail is handed over: waiting %d s at most for the answer", grace)
            done, _ = await asyncio.wait([task], timeout=grace)
            if done:
                return task.result()
        session.abort()
        await asyncio.wait([task])
        task.exception()
        raise


def _shown(addresses: Sequence[str], utf8: bool) -> tuple[str, ...]:
    """Addresses for the header, without those that the server cannot take."""
    found = []
    for address in addresses:
        with contextlib.suppress(UnmailableAddress):  # the envelope's answer tells of it
            as_mailed = mailable(address)
            if utf8 or as_mailed.isascii():
                found.append(as_mailed)
    return tuple(found)


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
