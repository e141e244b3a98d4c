"""One SMTP session on a thread of its own.

The standard library's smtplib, because it can send a message in pieces: a mail with
25 MiB of photos never is in memory as a whole (aiosmtplib takes it whole and copies it;
docs/decisions/0003). Its timeout is per step, so a slow uplink is no error.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress

from shutterpost.actions import MisconfiguredError, PermanentError, TemporaryError
from shutterpost.config.settings import Email

TIMEOUT = 60.0
"""Seconds for each step: connecting, an answer, a piece going out."""
_QUIT_TIMEOUT = 5.0


class TooLargeError(PermanentError):
    """The server does not take a mail of this size, though it did not say so before."""


class Session:
    """A logged-in connection to the smarthost. Blocking; use it in a thread."""

    def __init__(self, settings: Email) -> None:
        """Connect and log in.

        Raises TemporaryError for a server that cannot be reached, MisconfiguredError for
        one that does not take the credentials or has no valid certificate.
        """
        self._where = f"{settings.host}:{settings.port}"
        try:
            self._smtp = _connect(settings)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code >= 500:
                raise MisconfiguredError(
                    f"{self._where} refuses the login: {_said(error)}"
                ) from None
            raise TemporaryError(f"{self._where}: {_said(error)}") from None
        except UnicodeError:  # the codec's own words would show part of a password
            raise MisconfiguredError(
                f"{self._where}: host, username and password must be plain ASCII"
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise MisconfiguredError(f"{self._where}: {error}") from None
        except ssl.SSLCertVerificationError as error:
            raise MisconfiguredError(
                f"{self._where} has no valid certificate: {error.verify_message}"
            ) from None
        except smtplib.SMTPResponseException as error:
            raise TemporaryError(f"{self._where}: {_said(error)}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise TemporaryError(f"{self._where} cannot be reached: {error}") from None

    @property
    def size_limit(self) -> int | None:
        """The most bytes a mail may have, if the server says so."""
        announced = self._smtp.esmtp_features.get("size", "")
        return int(announced) if announced.isdigit() and int(announced) else None

    def send(
        self, sender: str, recipients: Sequence[str], size: int, pieces: Iterable[bytes]
    ) -> dict[str, tuple[int, str]]:
        """Send one mail; returns the recipients that were refused, with code and reason.

        Raises TemporaryError, PermanentError or MisconfiguredError when nobody got it.
        """
        try:
            return self._send(sender, recipients, size, pieces)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            raise TemporaryError(f"{self._where}: {error}") from None

    def close(self) -> None:
        """End the session politely, unless the server takes too long over it."""
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(_QUIT_TIMEOUT)
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()

    def abort(self) -> None:
        """End the session at once, from any thread: a mail that is half sent stays half."""
        if self._smtp.sock is not None:
            with suppress(OSError):
                self._smtp.sock.shutdown(socket.SHUT_RDWR)

    def _send(
        self, sender: str, recipients: Sequence[str], size: int, pieces: Iterable[bytes]
    ) -> dict[str, tuple[int, str]]:
        if not sender.isascii():
            raise PermanentError(f"the sender {sender} has letters beyond ASCII: set [email] from")
        options = [f"SIZE={size}"] if "size" in self._smtp.esmtp_features else []
        self._smtp.rset()
        code, answer = self._smtp.mail(sender, options)
        if code != 250:
            raise self._error(code, answer, f"the sender {sender}", MisconfiguredError)
        refused = {}
        for recipient in recipients:
            if not recipient.isascii():
                refused[recipient] = (553, "an address with letters beyond ASCII cannot be mailed")
                continue
            code, answer = self._smtp.rcpt(recipient)
            if code not in (250, 251):
                refused[recipient] = (code, _text(answer))
        if len(refused) == len(recipients):
            return refused
        code, answer = self._smtp.docmd("DATA")
        if code != 354:
            raise self._error(code, answer, "the mail", PermanentError)
        try:
            for piece in pieces:
                self._smtp.send(piece)
        except BaseException:
            self.abort()  # a QUIT now would end the mail as if it were whole
            raise
        self._smtp.send(b".\r\n")
        code, answer = self._smtp.getreply()
        if code != 250:
            raise self._error(code, answer, "the mail", PermanentError)
        return refused

    def _error(self, code: int, answer: bytes, what: str, lasting: type[Exception]) -> Exception:
        said = f"{self._where} refuses {what}: {code} {_text(answer)}"
        # 552: too large, which is the mail's fault and not the settings'
        if code == 552:
            return TooLargeError(said)
        return lasting(said) if code >= 500 else TemporaryError(said)


def _connect(settings: Email) -> smtplib.SMTP:
    name = socket.gethostname()
    helo = name if "." in name else "[127.0.0.1]"  # getfqdn may ask DNS for a minute
    where = (settings.host, settings.port, helo)
    if settings.security == "tls":
        context = ssl.create_default_context()
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=TIMEOUT, context=context)
    else:
        smtp = smtplib.SMTP(*where, timeout=TIMEOUT)
    try:
        if settings.security == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        smtp.ehlo_or_helo_if_needed()
        if settings.username:
            smtp.login(settings.username, settings.password.reveal())
    except BaseException:
        smtp.close()
        raise
    return smtp


def _said(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())
