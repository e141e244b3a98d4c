"""Being a camera: sends files byte for byte as a camera does, and judges like one.

The other side of the protocol, so it shares no parsing with the server. The requests
follow the recordings of an NX300 (docs/protocol.md); what is censored there is made up.
"""

import select
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from xml.sax.saxutils import escape

from shutterpost.camera.models import Model, Works

TIMEOUT = 60.0
"""Seconds that the server has for each step."""

_SUCCESS = b'<Response Status="succ" />'
_BOUNDARY = "---------------------------7d93b9550d4a"
_PIECE = 64 * 1024
_REPLY_LIMIT = 64 * 1024
_HEAD = (
    "POST /social/columbus/email?DUID={device}  HTTP/1.0\r\n"
    'Authorization:OAuth oauth_consumer_key="{key}",oauth_nonce="{key}",'
    'oauth_signature="{key}=",oauth_signature_method="HmacSHA1",'
    'oauth_timestamp="9717886885",oauth_version="1.0"\r\n'
    "x-osp-version:v1\r\n"
    "User-Agent: sdeClient\r\n"
    "Content-Type: multipart/form-data; boundary={boundary}\r\n"
    "Accept: image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, "
    "application/x-shockwave-flash, application/vnd.ms-excel, "
    "application/vnd.ms-powerpoint, application/msword, */*\r\n"
    "Pragma: no-cache\r\n"
    "Accept-Language: ko\r\n"
    "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; Mozilla/4.0 "
    "(compatible; MSIE 6.0; Windows NT 5.1; SV1) ; .NET CLR 1.1.4322; InfoPath.2; "
    ".NET CLR 2.0.50727)\r\n"
    "Host: www.ospserver.net\r\n"
    "Content-Length: {length}\r\n"
    "\r\n"
)
_MESSAGE = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n'
    "<email><sender>{sender}</sender><receiverList>{receivers}\r\n"
    "</receiverList><title><![CDATA[[Samsung Smart Camera] sent you files.]]></title>\r\n"
    "<body><![CDATA[{text}\r\nlanguage_sh100_utf8]]></body></email>"
)
_MEDIA_TYPES = {".mp4": "video/mp4"}


class NotSent(Exception):
    """The camera shows an error; the message says what the server answered."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What is sent, where to, and from whom."""

    files: Sequence[Path]
    sender: str
    recipients: Sequence[str]
    text: str


class Progress(Protocol):
    """Called with the number of bytes that went out since the last call."""

    def __call__(self, sent: int, /) -> object:  # noqa: D102
        ...


def can_email(model: Model) -> bool:
    """Whether the model's dialogue is known well enough to play it."""
    return model.works not in (Works.NO, Works.NOT_YET)


def email_size(shot: Shot) -> int:
    """Bytes of the request's body."""
    message, parts, end = _envelope(shot)
    files = sum(path.stat().st_size for path in shot.files)
    return len(message) + sum(map(len, parts)) + files + len(end)


def send_email(to: tuple[str, int], shot: Shot, progress: Progress) -> None:
    """Send one e-mail with all files. Raises NotSent, or OSError for an unreadable file."""
    head = _HEAD.format(
        device="123456789033", key="censored", boundary=_BOUNDARY, length=email_size(shot)
    )
    status, body = _exchange(to, head.encode(), _email_body(shot), progress)
    if status != 200 or _SUCCESS not in body:
        said = body.decode("utf-8", "replace").strip()
        raise NotSent(f"the server answered {status}: {said or 'nothing'}")


def _email_body(shot: Shot) -> Iterator[bytes]:
    message, parts, end = _envelope(shot)
    yield message
    for part, path in zip(parts, shot.files, strict=True):
        yield part
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    yield end


def _envelope(shot: Shot) -> tuple[bytes, list[bytes], bytes]:
    """Everything of the body but the files: like the camera's, without a close-delimiter."""
    receivers = "".join(f"<receiver>{escape(to)}</receiver>" for to in shot.recipients)
    text = shot.text.replace("]]>", "]]]]><![CDATA[>")
    message = _MESSAGE.format(sender=escape(shot.sender), receivers=receivers, text=text)
    first = (
        f"--{_BOUNDARY}\r\n"
        'content-disposition: form-data; name="message"; fileName="sample.txt"\r\n'
        f"content-Type: multipart/form-data;\r\n\r\n{message}"
    )
    parts = [
        f"\r\n--{_BOUNDARY}\r\n"
        f'content-disposition: form-data; name="binary"; fileName="{path.name}"\r\n'
        f"content-Type: {_MEDIA_TYPES.get(path.suffix.lower(), 'image/jpeg')};\r\n\r\n"
        for path in shot.files
    ]
    return first.encode(), [part.encode() for part in parts], f"\r\n--{_BOUNDARY}".encode()


def _exchange(
    to: tuple[str, int], head: bytes, body: Iterator[bytes], progress: Progress
) -> tuple[int, bytes]:
    """Send a request and read the reply to its end. Raises NotSent."""
    try:
        with socket.create_connection(to, TIMEOUT) as sock:
            sock.sendall(head)
            for piece in body:
                if select.select([sock], [], [], 0)[0]:  # an answer before the end: a refusal
                    break
                sock.sendall(piece)
                progress(len(piece))
            reply = _read_reply(sock)
    except ConnectionRefusedError:
        raise NotSent(
            f"nobody answers at {to[0]}:{to[1]}: is `shutterpost serve` running?"
        ) from None
    except TimeoutError:
        raise NotSent(f"no answer within {TIMEOUT:.0f} seconds") from None
    except OSError as error:
        raise NotSent(f"{to[0]}:{to[1]}: {error.strerror or error}") from None
    first, _, rest = reply.partition(b"\r\n")
    words = first.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise NotSent(f"the answer is not HTTP: {first[:80]!r}")
    return int(words[1]), rest.partition(b"\r\n\r\n")[2]


def _read_reply(sock: socket.socket) -> bytes:
    reply = b""
    while len(reply) < _REPLY_LIMIT and (piece := sock.recv(_PIECE)):
        reply += piece
    return reply
