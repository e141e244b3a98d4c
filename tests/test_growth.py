"""Twice the input takes at most twice the time, whatever a stranger makes it of.

Each shape was, or could have been, quadratic in some parser; ratios are taken of the best
of several runs, so that a busy machine does not matter.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from shutterpost.actions.far_http import Answer
from shutterpost.actions.post import compose, cut
from shutterpost.camera import sns
from shutterpost.camera.email import read_message
from shutterpost.camera.files import safe_name
from shutterpost.gateway.unknown import written
from shutterpost.wire.http import HeadReader, Refused, Request
from shutterpost.wire.mail import Head, Mail
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
        "brackets": "<a@b.c>",
        "receivers": "<receiver>a@b.c</receiver>",
        "tildes": "~a",
        "links": "https://a.b/c ",
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


MAIL = Head("<a@b>", 1e9, "a@b.c", "", "", ("a@b.c",), "Subject", "Text\n")

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
    "head": _head,
    "multipart": _multipart,
    "boundary": lambda data: boundary("multipart/form-data" + data.decode()),
    "parameters": lambda data: parameters(data[: 16 * 1024].decode()),
    "file name": lambda data: safe_name(data[: 16 * 1024].decode()),
    "post": lambda data: compose(data.decode(), "NX300", "#tag", len(data) // 2),
    "alt text": lambda data: cut(data.decode(), len(data) // 2),
    "far end's page": lambda data: Answer(500, {"content-type": "text/html"}, data).why(),
    "far end's words": lambda data: Answer(500, {}, data).why(),
    "mail": lambda data: Mail(replace(MAIL, text=data.decode()), []),
    "mail's head": lambda data: Mail(
        replace(
            MAIL,
            subject=data.decode()[:400],
            from_name=data.decode()[:100],
            to=tuple(f"{data.decode()[:250]}{number}@b" for number in range(100)),
        ),
        [],
    ),
    "smarthost's words": _smtp,
    "log line": lambda data: one_line(data.decode(), 200),
}


def _seconds(read: Read, data: bytes) -> float:
    begun = time.thread_time()  # others on this machine do not count
    with contextlib.suppress(Refused):  # saying no has to be quick as well
        read(data)
    return time.thread_time() - begun


def _grows_slowly(read: Read, shape: bytes) -> bool:
    whole = shape * (SIZE // len(shape))
    half = whole[: len(whole) // 2]
    for _ in range(5):
        full = _seconds(read, whole)
        if full < _QUICK or full <= GROWTH * _seconds(read, half):
            return True
    return False


@pytest.mark.parametrize("reader", READERS)
def test_time_grows_with_the_input_alone(reader: str) -> None:
    slow = [name for name, shape in REPEATED.items() if not _grows_slowly(READERS[reader], shape)]
    assert not slow
