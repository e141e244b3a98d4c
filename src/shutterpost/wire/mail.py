"""Mails with photos, made piece by piece, so that no mail is ever whole in memory.

The heads come from the standard library's `email` package, which encodes and folds what
cameras and people typed; only the base64 of the attachments is streamed here.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.header import Header
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime

from shutterpost.dates import utc

_LINE = 57  # bytes that make one base64 line of 76 characters
_LINES_AT_ONCE = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to send along: `size` bytes."""

    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Head:
    """What a mail says besides its attachments. `sent` is in seconds since 1970.

    Addresses are as mail servers take them (see `wire.addresses`).
    """

    message_id: str
    sent: float
    from_address: str
    from_name: str
    reply_to: str
    to: tuple[str, ...]
    subject: str
    text: str


class Mail:
    """One mail, ready to be sent in pieces."""

    def __init__(self, head: Head, attachments: Sequence[Attachment]) -> None:
        self._boundary = f"=_{head.message_id.strip('<>').partition('@')[0]}"
        self._head = _head_bytes(head, self._boundary)
        self._parts = [self._part(attachment) for attachment in attachments]
        self._end = f"--{self._boundary}--\r\n".encode()
        encoded = sum(encoded_size(attachment.size) for attachment in attachments)
        self.is_utf8 = not self._head.isascii()
        """Whether only a server with SMTPUTF8 takes it: an address is beyond ASCII."""
        self.size = len(self._head) + sum(map(len, self._parts)) + encoded + len(self._end)
        """Bytes of the whole mail as SMTP counts them."""

    def pieces(self, files: Sequence[Iterable[bytes]]) -> Iterator[bytes]:
        """The mail's bytes; `files` are the attachments' contents, in order."""
        yield self._head
        for part, content in zip(self._parts, files, strict=True):
            yield part
            yield from base64_lines(content)
        yield self._end

    def _part(self, attachment: Attachment) -> bytes:
        part = MIMEPart(policy=SMTP)
        part["Content-Type"] = attachment.media_type
        part["Content-Transfer-Encoding"] = "base64"
        part.add_header("Content-Disposition", "attachment", filename=_one_line(attachment.name))
        return f"--{self._boundary}\r\n".encode() + part.as_bytes()


def encoded_size(size: int) -> int:
    """Bytes that `size` bytes take in base64 lines."""
    lines, rest = divmod(size, _LINE)
    return lines * 78 + (((rest + 2) // 3) * 4 + 2 if rest else 0)


def base64_lines(content: Iterable[bytes]) -> Iterator[bytes]:
    """Base64 in lines of 76 characters and CRLF."""
    held = b""
    for piece in content:
        held += piece
        while len(held) >= _LINE * _LINES_AT_ONCE:
            yield _encoded(held[: _LINE * _LINES_AT_ONCE])
            held = held[_LINE * _LINES_AT_ONCE :]
    if held:
        yield _encoded(held)


def _encoded(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _head_bytes(head: Head, boundary: str) -> bytes:
    """The header and the text part, as far as the first attachment's delimiter.

    Addresses are written as they are: the `email` package would parse them again, in
    quadratic time, and one that it cannot parse would spoil the line for the others.
    """
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = head.message_id
    mail["Date"] = format_datetime(utc(head.sent))
    mail["Subject"] = _one_line(head.subject)
    mail["MIME-Version"] = "1.0"
    header = mail.as_bytes().removesuffix(b"\r\n")
    to = ",\r\n ".join(map(_one_line, head.to)) or "undisclosed-recipients:;"
    lines = [f"From: {_named(head.from_address, head.from_name)}", f"To: {to}"]
    if head.reply_to:
        lines.append(f"Reply-To: {_one_line(head.reply_to)}")
    lines += [f'Content-Type: multipart/mixed; boundary="{boundary}"', "", f"--{boundary}", ""]
    text = MIMEPart(policy=SMTP)
    text.set_content(re.sub("[\ud800-\udfff]", "\ufffd", head.text), cte="quoted-printable")
    body = re.sub(rb"(?m)^\.", b"..", text.as_bytes())  # SMTP's dot-stuffing
    return header + "\r\n".join(lines).encode() + body


def _named(address: str, typed: str) -> str:
    name, bare = _one_line(typed), _one_line(address)
    if not name:
        return bare
    if name.isascii():
        quoted = re.sub(r'(["\\])', r"\\\1", name)
        return f'"{quoted}"\r\n <{bare}>'
    return f"{Header(name, 'utf-8', header_name='From').encode(linesep=chr(13) + chr(10))} <{bare}>"


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()
