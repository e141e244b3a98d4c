"""Requests that nobody knows yet are kept: that is how the missing models get solved.

One file per request below `data/unknown`, in the form of the recordings that the tests
play. What is secret or personal is masked in place, and files are cut: what is kept is made
to be shown to others.
"""

import hashlib
import logging
import re
from pathlib import Path

from shutterpost.camera.models import is_browser
from shutterpost.gateway.exchange import Exchange
from shutterpost.threads import in_thread
from shutterpost.wire.http import Refused, Request
from shutterpost.wire.text import decoded

log = logging.getLogger(__name__)

BODY_LIMIT = 64 * 1024
"""The most bytes of a body that are kept."""
FILE_LIMIT = 100
"""The most requests that are kept."""

# What browsers, phones and computers ask every server for, to see whether they are online.
_PROBES = (
    *("/favicon.ico", "/apple-touch-icon", "/robots.txt", "/admin", "/wp-", "/."),
    *("/generate_204", "/gen_204", "/hotspot-detect.html", "/library/test/success.html"),
    *("/connecttest.txt", "/ncsi.txt", "/success.txt", "/canonical.html", "/check_network_status"),
)
_BODY_END = re.compile(rb"[\x00-\x08\x0e-\x1f]|\xff\xd8\xff")
_HIDDEN_FIELDS = ("authorization", "cookie", "proxy-authorization")
_HIDDEN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rb"(<(?:password|passwd|pwd|loginid|userid|token|\w*key)>)([^<]+)",
        rb"(<(?:UserName|Password|CryptSessionKey|PersistKey|SessionKey)\b[^<>]*?\bValue=\")([^\"]+)",
        rb"(\b(?:SessionKey|CameraCryptKey|Password|Token)=\")([^\"]+)",
        rb"(\b(?:password|passwd|pwd|token|oauth_\w+|duid)=)([^&\s<]+)",
        rb"(\"(?:password|passwd|pwd|token)\"\s*:\s*\")([^\"]+)",
        rb"(<(?:title|body|content|text|comment|description|sender|receiver|name)\b[^<>]*>"
        rb"(?:<!\[CDATA\[)?)([^<\]]+)",
        rb"(\b(?:Title|Comment|Description)=\")([^\"]+)",
        rb"(<\w{0,20}(?:gps|latitude|longitude|location)\w{0,20}>)([^<]+)",
        rb"(\b\w{0,20}(?:gps|latitude|longitude)\w{0,20}=\"?)([^\"&\s<]+)",
        rb"()([\w.+%-]{1,64})(?=@[\w-]{1,63}\.)",
    )
)
_SESSION_KEY = re.compile(rb"()([0-9a-f]{32})")
# With the lines that it goes on in; the field may be what made the head unreadable.
_HIDDEN_LINES = re.compile(
    rb"^([ \t]*(?:%s)\b[^\n:]*:)([^\n]*(?:\n[ \t][^\n]*)*)" % "|".join(_HIDDEN_FIELDS).encode(),
    re.IGNORECASE | re.MULTILINE,
)
_SITE_FIELD = re.compile(rb"^(?:origin|sec-fetch-site)[ \t]*:", re.IGNORECASE | re.MULTILINE)


class Recorder:
    """Keeps unknown requests in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def record(self, exchange: Exchange) -> None:
        """Keep one request, unless it is a browser's, known already, or one too many."""
        agent = " ".join(exchange.request.values("User-Agent"))
        if is_browser(agent) or exchange.request.path.startswith(_PROBES):
            return
        beginning = await _beginning(exchange)
        kept = await in_thread(self._keep_request, exchange.request, beginning)
        self._tell(exchange.client, kept)

    async def record_head(self, head: bytes, client: str) -> None:
        """Keep a request that could not be read, unless it is TLS or a web site's."""
        if head.lstrip(b"\r\n")[:1] < b" " or _SITE_FIELD.search(head):
            return
        self._tell(client, await in_thread(self._keep_head, head))

    def _keep_request(self, request: Request, body: bytes) -> Path | None:
        return self._keep(request.method, request.host + request.path, written(request, body))

    def _keep_head(self, head: bytes) -> Path | None:
        raw = unreadable(head[:BODY_LIMIT])
        return self._keep("unreadable", decoded(raw.lstrip(b"\r\n").partition(b"\n")[0]), raw)

    def _tell(self, client: str, kept: Path | None) -> None:
        if kept:
            log.warning(
                "%s asked something nobody knows yet: please look at %s and report it, "
                "it may make another model work",
                client,
                kept,
            )

    def _keep(self, kind: str, asked: str, raw: bytes) -> Path | None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(list(self._folder.iterdir())) >= FILE_LIMIT:
            return None
        slug = re.sub(r"[^A-Za-z0-9]+", "-", asked).strip("-")[:80]
        digest = hashlib.sha256(raw).hexdigest()[:8]
        path = self._folder / f"{kind.lower()}-{slug}-{digest}.http"
        if path.exists():
            return None
        path.touch(mode=0o600)
        path.write_bytes(raw)
        return path


async def _beginning(exchange: Exchange) -> bytes:
    data = bytearray()
    try:
        with exchange.held.request() as holding:
            async for piece in exchange.body:
                holding.add(len(piece))
                data += piece
                if len(data) >= BODY_LIMIT:
                    break
    except Refused:  # what came before the cut is worth keeping
        log.debug("the body of an unknown request was cut short")
    return bytes(data[:BODY_LIMIT])


def written(request: Request, body: bytes) -> bytes:
    """A request as it was sent, as far as it matters, with its secrets masked."""
    target = request.path + (f"?{request.query}" if request.query else "")
    lines = [f"{request.method} {target} HTTP/1.{request.version[1]}"]
    for name, value in request.fields:
        hidden = name.lower() in _HIDDEN_FIELDS
        lines.append(f"{name}: {'*' * len(value) if hidden else value}")
    head = "\r\n".join(lines).encode()
    return masked(head + b"\r\n\r\n" + body)


def unreadable(head: bytes) -> bytes:
    """The head of a request that could not be read, with its secrets masked."""
    return masked(_HIDDEN_LINES.sub(_mask, head))


def masked(raw: bytes) -> bytes:
    """A request without its files, and with what is secret or personal masked in place."""
    head, end, body = raw.partition(b"\r\n\r\n")
    raw = _SESSION_KEY.sub(_mask, head) + end + _without_files(body)
    for pattern in _HIDDEN:
        raw = pattern.sub(_mask, raw)
    return raw


def _without_files(body: bytes) -> bytes:
    """A body as far as its first byte that is no text: a photo, with its place and time."""
    end = _BODY_END.search(body)
    return body if end is None else body[: end.start()] + b"[cut: a file of the camera's]"


def _mask(match: re.Match[bytes]) -> bytes:
    return match[1] + b"*" * len(match[2])
