"""Mails of Shutterpost's own: notices, and the test that the page sends."""

from shutterpost.actions import PermanentError
from shutterpost.actions.smtp import PATIENCE, Patience, Session, access_tokens
from shutterpost.config.settings import Email as Settings
from shutterpost.wire.addresses import UnmailableAddress, mailable
from shutterpost.wire.mail import Head, Mail


def send(
    settings: Settings,
    to: str,
    subject: str,
    text: str,
    now: float,
    patience: Patience = PATIENCE,
) -> None:
    """Mail a text (blocking). Raises DeliveryError, also when it is the address that is refused."""
    sender = next(address for address in (settings.from_, settings.username, to) if "@" in address)
    try:
        from_address, to_address = mailable(sender), mailable(to)
    except UnmailableAddress as error:
        raise PermanentError(str(error)) from None
    head = Head(
        message_id=f"<own.{now:.6f}@{from_address.rpartition('@')[2]}>",
        sent=now,
        from_address=from_address,
        from_name="Shutterpost",
        reply_to="",
        to=(to_address,),
        subject=subject,
        text=text,
    )
    mail = Mail(head, [])
    session = Session(settings, sender, patience, access_tokens(settings))
    try:
        for reply in session.begin(sender, [to], mail, []).values():
            raise PermanentError(f"{to} is refused: {reply}")
        session.finish()
    finally:
        session.close()
