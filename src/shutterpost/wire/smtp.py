"""What SMTP servers answer (RFC 5321, 4.2). Pure."""

import re
from dataclasses import dataclass

REPLY_LIMIT = 64 * 1024
"""The most bytes of one reply; RFC 5321 asks for 512 in each of its lines."""

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_LOGIN_CODES = {530, 534, 535, 538}  # RFC 4954, 6
_SETTINGS_CODES = {
    "5.1.8": "Exchange Online: the sender is barred for spam",
    "5.2.252": "Exchange Online: SendAsDenied",
    "5.7.3": "Exchange: not logged in",
    "5.7.8": "RFC 4954: credentials invalid",
    "5.7.9": "RFC 4954: the mechanism is too weak",
    "5.7.26": "Gmail: the sender's domain does not vouch for this server",
    "5.7.27": "Gmail: no SPF record vouches for this server",
    "5.7.30": "Exchange Online: passwords are no longer taken, use oauth",
    "5.7.57": "Exchange: not logged in",
    "5.7.60": "Exchange: may not send as this sender",
    "5.7.64": "Exchange Online: relay access denied",
    "5.7.139": "Exchange Online: the tenant allows no SMTP login",
    "5.7.501": "Exchange Online: the account is barred",
    "5.7.502": "Exchange Online: the account is barred",
    "5.7.503": "Exchange Online: the account is barred",
    "5.7.705": "Exchange Online: the tenant may send no more",
    "5.7.708": "Exchange Online: this network may not send",
    "5.7.750": "Exchange Online: the sender's domain is not the tenant's",
}
_TOO_LARGE_CODES = {"5.2.3", "5.3.4"}  # RFC 3463


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code (-1 if there is none in it) and the words of each of its lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its words on one line."""
        return " ".join(filter(None, self.lines))

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip() if self.code >= 0 else self.text

    @property
    def enhanced(self) -> str:
        """The code of RFC 3463, such as 5.7.60, or nothing."""
        found = _ENHANCED.match(self.text)
        return found[1] if found else ""

    @property
    def is_success(self) -> bool:
        """Any 2xx (RFC 5321, 4.3.2: the first digit is what counts)."""
        return 200 <= self.code < 300

    @property
    def is_temporary(self) -> bool:
        """Not for good. Whatever is no clear refusal counts as such."""
        return not self.is_success and not self.is_permanent

    @property
    def is_permanent(self) -> bool:
        """Refused for good."""
        return 500 <= self.code < 600

    @property
    def is_answer(self) -> bool:
        """Whether it says yes or no: anything else leaves open what came of a mail."""
        return self.is_success or 400 <= self.code < 600

    @property
    def blames_settings(self) -> bool:
        """Refused for the sake of login or sender, at whatever step the server says so."""
        if not self.is_permanent:
            return False
        return self.code in _LOGIN_CODES or self.enhanced in _SETTINGS_CODES

    @property
    def is_too_large(self) -> bool:
        """Refused for the mail's size."""
        return self.code == 552 or (self.is_permanent and self.enhanced in _TOO_LARGE_CODES)


class ReplyTooLong(Exception):
    """A reply went on for more than `REPLY_LIMIT` bytes."""


class ReplyReader:
    """Finds replies in what a server sends, however it is cut into pieces."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._size = 0
        self._lines: list[str] = []

    def feed(self, data: bytes) -> None:
        """More bytes of the server's."""
        self._held += data

    def reply(self) -> Reply | None:
        """The next reply, if all of it is there. Raises ReplyTooLong."""
        while (end := self._held.find(b"\n", self._searched)) >= 0:
            line = self._held[: end + 1].decode("utf-8", "replace")
            del self._held[: end + 1]
            self._searched = 0
            self._count(end + 1)
            code = int(line[:3]) if re.fullmatch("[0-9]{3}", line[:3]) else -1
            self._lines.append(" ".join((line[4:] if code >= 0 else line).split()))
            if line[3:4] != "-" or code < 0:
                reply = Reply(code, tuple(self._lines))
                self._lines, self._size = [], 0
                return reply
        self._searched = len(self._held)
        if self._size + self._searched > REPLY_LIMIT:
            raise ReplyTooLong
        return None

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > REPLY_LIMIT:
            raise ReplyTooLong
