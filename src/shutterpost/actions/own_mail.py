"""Mails of Shutterpost's own: notices, and the test that the page sends."""

from shutterpost.actions.smtp import Session
from shutterpost.config.settings import Email as Settings
from shutterpost.wire.mail import Head, Mail


def send(settings: Settings, to: str, subject: str, text: str, now: float) -> None:
    """Mail a text (blocking). Raises DeliveryError."""
    sender = next(address for address in (settings.from_, settings.username, to) if "@" in address)
    head = Head(
        message_id=f"<own.{now:.6f}@{sender.rpartition('@')[2]}>",
        sent=now,
        from_address=sender,
        from_name="Shutterpost",
        reply_to="",
        to=(to,),
        subject=subject,
        text=text,
    )
    mail = Mail(head, [])
    session = Session(settings)
    try:
        session.send(sender, [to], mail.size, mail.pieces([]))
    finally:
        session.close()
