"""What strangers can make messages of, everything that reads them, and how its time grows.

`READERS` are the readers, each with a beginning that leads to its depths; `REPEATED` are the
shapes, each of which was, or could have been, quadratic in one of them. The tests and
`make fuzz` use both. Ratios are taken of the best of several runs, so that a busy machine
does not matter.
"""

import contextlib
import io
import time
from collections.abc import Callable, Sequence
from math import inf

from shutterpost.actions.far_http import Answer
from shutterpost.actions.post import compose, cut
from shutterpost.camera import hotspot, replies, sns
from shutterpost.camera.crypt import decrypt
from shutterpost.camera.email import device_number, read_message
from shutterpost.camera.files import safe_name
from shutterpost.gateway.unknown import unreadable, written
from shutterpost.images.ending import lacks_end
from shutterpost.images.exif import read_exif
from shutterpost.images.jpeg import read_head, scans
from shutterpost.images.png import pixels_only
from shutterpost.model import caption
from shutterpost.web import words
from shutterpost.wire import dns
from shutterpost.wire.body import ChunkedBody
from shutterpost.wire.dns import Forward, Query
from shutterpost.wire.http import HeadReader, Refused, Request
from shutterpost.wire.mail import Attachment, Head, Mail
from shutterpost.wire.multipart import Multipart, boundary, parameters
from shutterpost.wire.smtp import ReplyReader, ReplyTooLong
from shutterpost.wire.text import one_line

GROWTH = 2.5
"""The most that twice the input may cost; linear work with some noise."""
_QUICK = 0.004  # seconds: what takes less even at full size needs no ratio
SIZE = 120_000
"""Bytes of a shape; cameras' messages may have 256 KiB."""

Read = Callable[[bytes], object]

REPEATED = {
    name: text.encode()
    for name, text in {
        "names": "a",
        "spaces": " ",
        "lines": "\n",
        "tabs after lines": "\n\t",
        "opens": "<a ",
        "open tags": "<a>",
        "empty tags": "<a/>",
        "closes": "</a>",
        "stray closes": "x</b>",
        "comments": "x<!---->",
        "data sections": "x<![CDATA[]]>",
        "instructions": "x<?a?>",
        "references": "&#65;",
        "half references": "&#6",
        "quotes": "'\"",
        "escaped quotes": '\\"',
        "attributes": 'a="b" ',
        "half attributes": "a= ",
        "user names": "<UserName ",
        "passwords": "password=",
        "tokens": "oauth_",
        "keys": "<keykey",
        "json": '"password" : ',
        "hexadecimal": "0123456789abcdef",
        "markers": "\nlanguage_sh100_utf8",
        "parameters": ";a=b",
        "half parameters": ';a="\\"',
        "semicolons": ";",
        "dashes": "--x\r\n",
        "boundaries": "\r\n--xy",
        "returns": "\r",
        "dots": ".a",
        "at signs": "a@b.",
        "several receivers": "a, b@c.d; ",
        "quoted commas": '","',
        "several slashes": "///",
        "NULs": "\x00",
        "tokens of cookies": "cookie: a\r\n b\r\n",
        "half JPEGs": "\xff\xd8",
        "brackets": "<a@b.c>",
        "receivers": "<receiver>a@b.c</receiver>",
        "tildes": "~a",
        "links": "https://a.b/c ",
        "entities": "&amp;",
        "names with a prefix": "<p:a p:b='c'/>",
        "end of a quote": '">',
        "fields": "a: b\r\n",
        "folded fields": "a: b\r\n c\r\n",
        "chunks": "1\r\nx\r\n",
        "percents": "%41",
        "models": "WB9 ",
        "queries": "&a=b",
        "slashes": "/a",
        "Korean": "한",
        "accents in disorder": "\u0301\u0323",
        "e with an accent": "é ",
        "encoded words": "=?utf-8?q?a?= ",
        "lengths": "1,",
        "half titles": "<title",
        "lists": "[",
    }.items()
}


def _unknown(data: bytes) -> object:
    return written(Request("POST", "/x", "", "h", (1, 1), (), 0, frozenset()), data)


def _head(data: bytes) -> object:
    return HeadReader().feed(b"GET / HTTP/1.1\r\nA: " + data[: 60 * 1024])


def _multipart(data: bytes) -> object:
    reader = Multipart(b"x")
    return [*reader.feed(b"--x\r\n\r\n" + data), *reader.end()]


def _smtp(data: bytes) -> object:
    reader = ReplyReader()
    for piece in (b"250-", data[: 60 * 1024], b"\r\n250 ", data[: 60 * 1024], b"\r\n"):
        reader.feed(piece)
        with contextlib.suppress(ReplyTooLong):
            if reply := reader.reply():
                return str(reply), reply.enhanced
    return None


def _namespaces(data: bytes) -> object:
    """A long URI, then tags: each tag's name would hold it if namespaces were read."""
    half = len(data) // 2
    uri = data[:half].replace(b'"', b"'").replace(b"<", b"(").replace(b"&", b"+")
    tags = b"<b/>" * (half // 4)
    body = b'<email xmlns="' + uri + b'" xmlns:p="' + uri + b'">' + tags + data[half:] + b"</email>"
    return read_message(body, set())


def _credentials(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decrypt(data[: len(data) // 2].decode(errors="ignore"), data.decode(errors="ignore"))


def _mail(data: bytes) -> object:
    """Everything in it as long as the door lets it be (`read_message`, `safe_name`)."""
    text = data.decode(errors="ignore")
    head = Head(
        message_id="<k.1@example.org>",
        sent=0.0,
        from_address="owner@example.org",
        from_name=text[:100],
        reply_to=text[:254],
        to=tuple(f"{text[:250]}{number}@b" for number in range(100)),
        subject=text[:400],
        text=text,
    )
    return Mail(head, [Attachment(text[:180], "image/jpeg", 1)])


QUERY = Query(b"id", 0, b"\1a\0\0\1\0\1", b"\1a\0", 1, 1, None)

READERS: dict[str, Read] = {
    "login": lambda data: sns.read_auth(b'<Request Method="login" ' + data, set()),
    "login in tags": lambda data: sns.read_auth(b"<Request>" + data + b"</", set()),
    "announcement": lambda data: sns.read_announcement(b"<Request " + data + b">", set()),
    "message": lambda data: read_message(b"<email><sender>a@b.c" + data, set()),
    "title": lambda data: read_message(
        b"<sender>a@b.c</sender><receiver>a@b.c</receiver><title>"
        + data
        + b"</title><body>"
        + data,
        set(),
    ),
    "unknown": _unknown,
    "receiver": lambda data: read_message(
        b"<email><sender>a@b.c</sender><receiver><![CDATA[" + data + b"]]></receiver></email>",
        set(),
    ),
    "Korean message": lambda data: read_message(
        b'<?xml version="1.0" encoding="EUC-KR"?><email><sender>a@b.c' + data, set()
    ),
    "message in any encoding": lambda data: read_message(
        b"<email><sender>a@b.c" + data + b"\xff", set()
    ),
    "declaration": lambda data: read_message(b"<?xml " + data, set()),
    "unreadable head": lambda data: unreadable(data[: 64 * 1024]),
    "head": _head,
    "lines of a head": lambda data: HeadReader().feed(
        b"GET / HTTP/1.1\r\n" + data[: 60 * 1024] + b"\r\n\r\n"
    ),
    "path": lambda data: HeadReader().feed(b"GET /" + data[: 60 * 1024] + b" HTTP/1.1\r\n\r\n"),
    "multipart": _multipart,
    "boundary": lambda data: boundary("multipart/form-data" + data.decode(errors="ignore")),
    "JPEG": lambda data: lacks_end(io.BytesIO(b"\xff\xd8" + data)),
    "JPEG's markers": lambda data: lacks_end(io.BytesIO(b"\xff\xd8\xff\xe1\x00\x02" + data)),
    "parameters": lambda data: parameters(data[: 16 * 1024].decode(errors="ignore")),
    "file name": lambda data: safe_name(data[: 16 * 1024].decode(errors="ignore")),
    "post": lambda data: compose(data.decode(errors="ignore"), "NX300", "#tag", len(data) // 2),
    "alt text": lambda data: cut(data.decode(errors="ignore"), len(data) // 2),
    "far end's page": lambda data: Answer(500, {"content-type": "text/html"}, data).why(),
    "far end's words": lambda data: Answer(500, {}, data).why(),
    "namespaces": _namespaces,
    "part's head": lambda data: [*Multipart(b"x").feed(b"--x\r\na: b\r\n" + data[:16000])],
    "chunked body": lambda data: [*ChunkedBody().feed(data)],
    "size of a chunk": lambda data: [*ChunkedBody().feed(b"1" + data)],
    "Content-Length": lambda data: HeadReader().feed(
        b"PUT / HTTP/1.1\r\nContent-Length: " + data[: 60 * 1024] + b"\r\n\r\n"
    ),
    "target": lambda data: HeadReader().feed(
        b"GET http://" + data[: 60 * 1024] + b" HTTP/1.1\r\n\r\n"
    ),
    "name of a PUT, composed": lambda data: sns.folded(data[: 60 * 1024].decode(errors="ignore")),
    "name of a PUT": lambda data: sns.readings(data[: 60 * 1024].decode(errors="ignore")),
    "device's number": lambda data: device_number(data.decode(errors="ignore")),
    "browser's page": lambda data: hotspot.page(data.decode(errors="ignore"), ""),
    "credentials": _credentials,
    "caption": lambda data: caption(data.decode(errors="ignore")),
    "mail": _mail,
    "refusal": lambda data: replies.error(Refused(400, data.decode(errors="ignore"))),
    "trouble": lambda data: words.trouble(data.decode(errors="ignore")),
    "smarthost's words": _smtp,
    "query": lambda data: dns.read(b"\0\1\1\0\0\1\0\0\0\0\0\1" + data),
    "far query": lambda data: Forward(QUERY).answered(b"id", b"id\x80\0\0\1" + data),
    "JPEG's head": lambda data: read_head(b"\xff\xd8" + data),
    "JPEG's segments": lambda data: read_head(b"\xff\xd8" + b"\xff\xe1\0\2" * len(data)),
    "JPEG's scans": lambda data: scans(b"\xff\xda\0\2" + data),
    "EXIF": lambda data: read_exif(b"MM\0*\0\0\0\x08" + data),
    "PNG's chunks": lambda data: pixels_only(b"\x89PNG\r\n\x1a\n" + data),
    "log line": lambda data: one_line(data.decode(errors="ignore"), 200),
}


def _seconds(read: Read, data: bytes) -> float:
    begun = time.thread_time()
    with contextlib.suppress(Refused):  # saying no has to be quick as well
        read(data)
    return time.thread_time() - begun


def shaped(beginning: bytes, unit: bytes, end: bytes, size: int) -> bytes:
    """`size` bytes, more or less, of a unit again and again between a beginning and an end."""
    return beginning + unit * (size // len(unit)) + end


def grows_slowly(
    read: Read, unit: bytes, beginning: bytes = b"", end: bytes = b"", size: int = SIZE
) -> bool:
    """Whether twice as many units cost at most `GROWTH` times the time."""
    whole = shaped(beginning, unit, end, size)
    half = shaped(beginning, unit, end, size // 2)
    fastest, fastest_half = inf, inf
    for _ in range(12):  # a busy machine: the best of several runs counts
        fastest = min(fastest, _seconds(read, whole))
        if fastest < _QUICK:
            return True
        fastest_half = min(fastest_half, _seconds(read, half))
        if fastest <= GROWTH * fastest_half:
            return True
    return False


def pieces(numbers: Sequence[int]) -> bytes:
    """Some of the shapes' units, chosen by numbers, one after the other."""
    units = list(REPEATED.values())
    return b"".join(units[number % len(units)] for number in numbers)
