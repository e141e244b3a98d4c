"""One SMTP session on a thread of its own.

The standard library's smtplib, because it can send a message in pieces: a mail with
25 MiB of photos never is in memory as a whole (aiosmtplib takes it whole and copies it;
docs/decisions/0003). Its timeout is per step, so a slow uplink is no error.
"""

import enum
import smtplib
import socket
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shutterpost.actions import MisconfiguredError, PermanentError, TemporaryError, UnansweredError
from shutterpost.actions.smtp_client import Client, Closed, TlsClient
from shutterpost.config.settings import Email
from shutterpost.wire.addresses import UnmailableAddress, mailable
from shutterpost.wire.mail import Mail
from shutterpost.wire.smtp import Reply

if TYPE_CHECKING:
    from shutterpost.actions.oauth import AccessTokens

_QUIT_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for the server.

    `step` is for connecting, an answer, a piece going out; `answer` for the one answer
    after the mail's end (RFC 5321, 4.5.3.2.6: a server may scan it for ten minutes, and
    who gives up earlier delivers it again).
    """

    step: float = 60.0
    answer: float = 600.0


PATIENCE = Patience()


class TooLargeError(PermanentError):
    """The server does not take a mail of this size, though it did not say so before."""


class _State(enum.Enum):
    READY = "between two mails"
    IN_MAIL = "the mail is not at its end"
    HANDED_OVER = "the mail's end was sent, and its answer has not come"


class Session:
    """A logged-in connection to the smarthost. Blocking; use it in a thread."""

    def __init__(
        self,
        settings: Email,
        sender: str,
        patience: Patience = PATIENCE,
        tokens: "AccessTokens | None" = None,
    ) -> None:
        """Connect and log in. Where no other name is known, `sender`'s domain is ours.

        With `tokens` the login is by one of them and not by the password.

        Raises TemporaryError for a server that cannot be reached, MisconfiguredError for
        one that does not take the credentials or has no valid certificate.
        """
        self._where = f"{settings.host}:{settings.port}"
        self._has_login = bool(settings.username)
        self._patience = patience
        self._state = _State.READY
        try:
            self._smtp = _connect(settings, sender, patience.step, tokens)
        except smtplib.SMTPNotSupportedError as error:
            raise MisconfiguredError(f"{self._where}: {error}") from None
        except ssl.SSLCertVerificationError as error:
            raise MisconfiguredError(
                f"{self._where} has no valid certificate: {error.verify_message}; if it is your "
                "own server's, give its certificate or your authority's as [email] ca_file"
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            raise self._error(_reply(error), "the login", MisconfiguredError) from None
        except smtplib.SMTPResponseException as error:
            raise self._error(_reply(error), "the connection", TemporaryError) from None
        except Closed as error:
            raise self._broken(error, "the connection") from None
        except UnicodeError:  # the codec's own words would show part of a password
            raise MisconfiguredError(
                f"{self._where}: host, username and password must be plain ASCII"
            ) from None
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise TemporaryError(f"{self._where} cannot be reached: {error}") from None

    @property
    def size_limit(self) -> int | None:
        """The most bytes a mail may have, if the server says so."""
        announced = self._smtp.esmtp_features.get("size", "")
        is_number = announced.isascii() and announced.isdigit() and len(announced) < 20
        return int(announced) or None if is_number else None

    @property
    def takes_utf8(self) -> bool:
        """Whether addresses may have letters beyond ASCII before the @ (RFC 6531)."""
        return "smtputf8" in self._smtp.esmtp_features

    def begin(
        self, sender: str, recipients: Sequence[str], mail: Mail, files: Sequence[Iterable[bytes]]
    ) -> dict[str, Reply]:
        """Send a mail but for its end, which is for `finish`; returns who was refused, and why.

        If all are refused there is nothing to finish. Raises TemporaryError, PermanentError
        or MisconfiguredError when nobody got it.
        """
        try:
            return self._begin(sender, recipients, mail, files)
        except Closed as error:
            raise self._broken(error, "the mail") from None

    def finish(self) -> None:
        """Hand the mail over, and wait for the answer.

        Raises UnansweredError if there is none; any other DeliveryError when nobody got it.
        """
        assert self._state is _State.IN_MAIL
        self._state = _State.HANDED_OVER
        try:
            self._smtp.send(b".\r\n")
            assert self._smtp.sock is not None
            self._smtp.sock.settimeout(self._patience.answer)
            reply = self._smtp.reply()
            if not reply.is_answer:
                raise Closed(f"the answer was {str(reply) or 'empty'}")
        except Closed as error:
            raise UnansweredError(
                f"perhaps delivered: {self._where} took the whole mail, then {error}"
            ) from None
        self._state = _State.READY
        self._smtp.sock.settimeout(self._patience.step)
        if not reply.is_success:
            raise self._error(reply, "the mail", PermanentError)

    def close(self) -> None:
        """End the session politely, unless the server takes too long over it."""
        if self._state is not _State.READY:
            self.abort()  # a QUIT now would be part of the mail
            self._smtp.close()
            return
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(_QUIT_TIMEOUT)
        with suppress(smtplib.SMTPException):
            self._smtp.quit()
        self._smtp.close()

    def abort(self) -> None:
        """End the session at once, from any thread: a mail that is half sent stays half."""
        if self._smtp.sock is not None:
            with suppress(OSError):
                self._smtp.sock.shutdown(socket.SHUT_RDWR)

    def _begin(
        self, sender: str, recipients: Sequence[str], mail: Mail, files: Sequence[Iterable[bytes]]
    ) -> dict[str, Reply]:
        addresses, refused = self._mailable(recipients)
        if not addresses:
            return refused
        self._require(self._smtp.ask("RSET"), "a new mail")
        self._from(sender, addresses.values(), mail)
        for recipient, address in addresses.items():
            reply = self._smtp.ask(f"RCPT TO:<{address}>")
            if reply.blames_settings:
                raise self._error(reply, f"the recipient {recipient}", MisconfiguredError)
            if not reply.is_success:
                refused[recipient] = reply
        if len(refused) == len(recipients):
            self._require_login(refused.values())
            return refused
        reply = self._smtp.ask("DATA")
        if reply.code != 354:
            raise self._error(reply, "the mail", PermanentError)
        self._state = _State.IN_MAIL
        try:
            for piece in mail.pieces(files):
                self._smtp.send(piece)
        except BaseException:
            self.abort()
            raise
        return refused

    def _mailable(self, recipients: Sequence[str]) -> tuple[dict[str, str], dict[str, Reply]]:
        """Addresses by recipient, and those that the server need not be asked about."""
        addresses, refused = {}, {}
        for recipient in recipients:
            try:
                addresses[recipient] = self._taken(recipient)
            except UnmailableAddress as error:
                refused[recipient] = Reply(553, (str(error),))
        return addresses, refused

    def _taken(self, address: str) -> str:
        """The address as this server takes it. Raises UnmailableAddress."""
        found = mailable(address)
        if not found.isascii() and not self.takes_utf8:
            raise UnmailableAddress(f"{self._where} takes no letters beyond ASCII before the @")
        return found

    def _from(self, sender: str, recipients: Iterable[str], mail: Mail) -> None:
        try:
            address = self._taken(sender)
        except UnmailableAddress as error:
            raise PermanentError(f"the sender {sender}: {error}: set [email] from") from None
        options = f" SIZE={mail.size}" if "size" in self._smtp.esmtp_features else ""
        if mail.is_utf8 or not all(map(str.isascii, (address, *recipients))):
            options += " SMTPUTF8 BODY=8BITMIME"
        self._smtp.command_encoding = "utf-8"  # what is beyond ASCII was allowed above
        reply = self._smtp.ask(f"MAIL FROM:<{address}>{options}")
        if not reply.is_success:
            raise self._error(reply, f"the sender {sender}", MisconfiguredError)

    def _require_login(self, refused: Iterable[Reply]) -> None:
        """Raise MisconfiguredError if all were refused as one refuses strangers (5.7.1)."""
        if self._has_login or not all(reply.enhanced == "5.7.1" for reply in refused):
            return
        said = "; ".join(map(str, refused))
        raise MisconfiguredError(
            f"{self._where} mails nobody without a login (username in [email]): {said}"
        )

    def _require(self, reply: Reply, what: str) -> None:
        if not reply.is_success:
            raise self._error(reply, what, TemporaryError)

    def _error(self, reply: Reply, what: str, lasting: type[Exception]) -> Exception:
        said = f"{self._where} refuses {what}: {reply}"
        if reply.is_too_large:  # the mail's fault and not the settings'
            return TooLargeError(said)
        if reply.blames_settings:
            return MisconfiguredError(said)
        return lasting(said) if reply.is_permanent else TemporaryError(said)

    def _broken(self, error: Closed, what: str) -> Exception:
        """The end of the connection, which is the refusal that the server closed after."""
        if error.reply is None:
            return TemporaryError(f"{self._where}: {error}")
        return self._error(error.reply, what, TemporaryError)


def access_tokens(settings: Email) -> "AccessTokens | None":
    """What a session logs in by, if the settings have no password."""
    if not settings.oauth.refresh_token:
        return None
    from shutterpost.actions.oauth import AccessTokens

    return AccessTokens(settings.oauth)


def _connect(settings: Email, sender: str, timeout: float, tokens: "AccessTokens | None") -> Client:
    token = tokens.current() if tokens else ""  # it may take a while, and servers do not wait
    where = (settings.host, settings.port, _helo(settings, sender))
    if settings.security == "tls":
        smtp: Client = TlsClient(*where, timeout=timeout, context=_tls(settings))
    else:
        smtp = Client(*where, timeout=timeout)
    try:
        if settings.security == "starttls":
            smtp.starttls(context=_tls(settings))
        smtp.ehlo_or_helo_if_needed()
        if tokens:
            _log_in(smtp, settings.username, token)
        elif settings.username:
            smtp.login(settings.username, settings.password.reveal())
    except smtplib.SMTPAuthenticationError:
        if tokens:
            tokens.forget()
        smtp.close()
        raise
    except BaseException:
        smtp.close()
        raise
    return smtp


def _log_in(smtp: Client, username: str, token: str) -> None:
    """XOAUTH2, as Google and Microsoft document it."""
    if "XOAUTH2" not in smtp.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError("the server offers no login by oauth (XOAUTH2)")
    words = f"user={username}\x01auth=Bearer {token}\x01\x01"
    # A refusal is a challenge first (334, base64 of JSON): the answer is empty, then comes 535.
    smtp.auth("XOAUTH2", lambda challenge=None: words if challenge is None else "")


def _helo(settings: Email, sender: str) -> str:
    """The name by which we greet: Google's relay answers 421 to one without a dot."""
    own = socket.gethostname()  # getfqdn may ask DNS for a minute
    if settings.helo:
        return settings.helo
    if "." in own.strip(".") and not own.endswith((".localdomain", ".localhost")):
        return own
    try:
        return mailable(sender).rpartition("@")[2]
    except UnmailableAddress:
        return own  # the sender is refused later, with a reason


def _tls(settings: Email) -> ssl.SSLContext:
    """The authorities of this machine, and the owner's own. Raises MisconfiguredError."""
    context = ssl.create_default_context()
    if settings.ca_file is None:
        return context
    try:
        context.load_verify_locations(settings.ca_file)
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror if error.filename else "it holds no certificate in PEM"
        raise MisconfiguredError(f"[email] ca_file {settings.ca_file}: {why}") from None
    # Certificates that people make themselves lack what authorities must have.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _reply(error: smtplib.SMTPResponseException) -> Reply:
    said = error.smtp_error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return Reply(error.smtp_code, (" ".join(text.split()),))
